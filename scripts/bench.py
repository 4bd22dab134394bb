"""Runs TokenReel and its peers in turns and prints a table of ratios; called by scripts/bench, which sets up.

Every figure is the median of the rounds, every ratio ours divided by the peer's. Each run is a process of its own.
"whole process" times it from start to exit; "in process" lets it time its own work, without starting up, importing or
loading the test data. All sides may use all cores.
"""

import argparse
import concurrent.futures
import http.client
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.parse
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("TOKENREEL_SHARED", ROOT.parent / "shared"))


# Running


def quiet(command):
    command = [str(part) for part in command]
    return subprocess.run(command, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout


def in_process(command):
    """Seconds that a process says its work took, and the rest of what it says."""
    figures = json.loads(quiet(command).splitlines()[-1])
    return figures["seconds"], figures


def whole_process(command):
    start = time.perf_counter()
    quiet(command)
    return time.perf_counter() - start, {}


def processor(command):
    """Processor time of a whole process, which other work on the machine does not stretch."""
    return measured(command)["processor"], {}


def measured(command):
    """Runs a process to its end and returns its processor time in seconds and its peak memory in MiB.

    A process inherits the peak of the one it was forked from, so a small one stands between.
    """
    script = """
import json, os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
process.returncode = os.waitstatus_to_exitcode(status)
print(json.dumps({"processor": usage.ru_utime + usage.ru_stime, "memory": usage.ru_maxrss / 1024}))
sys.exit(process.returncode != 0)
"""
    return json.loads(quiet([sys.executable, "-c", script, *command]))


def peer(name, *arguments):
    command = [sys.executable, ROOT / "scripts" / "bench_peers.py", name, *arguments]
    return lambda: in_process(command)


class Table:
    def __init__(self, rounds):
        self.rounds = rounds
        print(f"{'what':<44} {'peer':<24} {'ours':>10} {'peer':>10} {'ratio':>7}  target")

    def row(self, what, name, ours, theirs, ratio="", target=""):
        print(f"{what:<44} {name:<24} {ours:>10} {theirs:>10} {ratio:>7}  {target}", flush=True)

    def compare(self, what, ours, peers, target=""):
        """Medians of runs taken in turns; returns what the last run of each side said."""
        sides = {"ours": ours, **peers}
        seconds = {name: [] for name in sides}
        said = {}
        for _ in range(self.rounds):
            for name, side in list(sides.items()):
                try:
                    taken, said[name] = side()
                    seconds[name].append(taken)
                except subprocess.CalledProcessError as error:
                    if name == "ours":
                        sys.exit(f"bench: {what}: {error.stderr.strip()}")
                    print(f"bench: {name} failed: {error.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
                    del sides[name]
        medians = {name: statistics.median(values) for name, values in seconds.items() if values}
        for name in peers:
            if name in medians:
                self.row(
                    what, name, f"{medians['ours']:.3f} s", f"{medians[name]:.3f} s",
                    f"{medians['ours'] / medians[name]:.2f}", target)
        return medians, said


# Inputs


def long_clip(cache):
    """About 145 seconds of 720p H.264 at x264's defaults."""
    path = cache / "720p.mp4"
    if path.exists():
        return path
    names = ["dog", "coffee", "blocks", "cockatoo", "tokyo_night", "fades_testvideo", "bbb"]
    clips = [SHARED / "videos" / f"{name}.mp4" for name in names]
    partial = cache / "partial.mp4"
    if all(clip.exists() for clip in clips):
        inputs = sum([["-i", clip] for clip in clips * 2], [])
        scaled = ";".join(
            f"[{index}:v]scale=1280:720,fps=30,setsar=1,format=yuv420p[v{index}]" for index in range(2 * len(clips)))
        joined = "".join(f"[v{index}]" for index in range(2 * len(clips)))
        graph = ["-filter_complex", f"{scaled};{joined}concat=n={2 * len(clips)}[out]", "-map", "[out]"]
    else:
        inputs = ["-f", "lavfi", "-i", "mandelbrot=s=1280x720:r=30,noise=alls=6:allf=t"]
        graph = []
    print("bench: making a 720p clip, once", file=sys.stderr)
    quiet(["ffmpeg", "-v", "error", "-y", *inputs, *graph, "-t", "144.8", "-an", "-c:v", "libx264", partial])
    partial.rename(path)
    return path


def large_clip(cache, minutes):
    """1080p H.264 of a given length: twenty seconds, repeated without encoding again."""
    path = cache / f"1080p-{minutes}min.mp4"
    if not path.exists():
        print(f"bench: making a 1080p clip of {minutes} min, once", file=sys.stderr)
        seed = cache / "1080p.mp4"
        source = "testsrc2=s=1920x1080:r=30,noise=alls=6:allf=t"
        quiet(["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", source, "-t", "20", "-c:v", "libx264",
               "-preset", "veryfast", "-pix_fmt", "yuv420p", seed])
        partial = cache / "partial.mp4"
        quiet(["ffmpeg", "-v", "error", "-y", "-stream_loop", minutes * 3 - 1, "-i", seed, "-c", "copy", partial])
        partial.rename(path)
    return path


def cluster_data(cache, count, channels, codes):
    """Unit rows around more centres than codes, so that k-means has work to do, and the first rows as centroids."""
    import numpy

    generator = numpy.random.default_rng(7)
    centres = generator.standard_normal((4 * codes, channels), numpy.float32)
    rows = centres[generator.integers(len(centres), size=count)]
    rows += generator.standard_normal((count, channels), numpy.float32)
    rows /= numpy.linalg.norm(rows, axis=1, keepdims=True)
    tokens, seeds = cache / "tokens.f32", cache / "centroids.f32"
    rows.tofile(tokens)
    rows[:codes].tofile(seeds)
    return tokens, seeds


# Parts


def decode(table, bench, cache, **_):
    clip = long_clip(cache)
    ours = [bench, "decode", clip]
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-y", "/dev/null"]
    table.compare(
        "1 fps of 145 s of 720p H.264, whole process", lambda: whole_process([*ours, "fps", 1]),
        {"ffmpeg -vf fps=1": lambda: whole_process(["ffmpeg", "-v", "error", "-i", clip, "-vf", "fps=1", *raw])},
        "<= 0.85")
    table.compare(
        "the same, in process", lambda: in_process([*ours, "fps", 1]),
        {"PyAV": peer("pyav_rate", clip, 1), "OpenCV": peer("opencv_rate", clip, 1),
         "decord": peer("decord_rate", clip, 1)},
        "< 1")
    table.compare(
        "32 frames spread over it, in process", lambda: in_process([*ours, "frames", 32]),
        {"PyAV with seeks": peer("pyav_frames", clip, 32), "decord": peer("decord_frames", clip, 32)}, "<= 0.85")
    table.compare(
        "its key frames, whole process", lambda: whole_process([*ours, "keyframes"]),
        {"ffmpeg -skip_frame nokey": lambda: whole_process(
            ["ffmpeg", "-v", "error", "-skip_frame", "nokey", "-i", clip, "-fps_mode", "passthrough", *raw])})


def kmeans(table, bench, cache, **_):
    for count, channels, codes in [(6272, 3584, 32), (25088, 80, 256)]:
        tokens, seeds = cluster_data(cache, count, channels, codes)
        arguments = [tokens, seeds, channels, 10]
        _, said = table.compare(
            f"k-means {count} x {channels}, K={codes}, 10 steps", lambda: in_process([bench, "kmeans", *arguments]),
            {"faiss spherical": peer("faiss_kmeans", *arguments),
             "scikit-learn Lloyd": peer("sklearn_kmeans", *arguments)},
            "< 1")
        cosines = {name: figures.get("similarity", figures.get("check")) for name, figures in said.items()}
        print("    mean cosine to the centroid: " + ", ".join(f"{name} {value:.4f}" for name, value in cosines.items()))


# Seconds that the originals took for 32 and 128 frames of 14 x 14 x 3584, and what we are asked for to do the same work.
# Measured once, elsewhere: PyTorch 2.13 on one thread, the fastest of three. Ours include the pass over the grid that
# all methods share. RLT's and HiPrune's references do other work (pixels alone, an index alone) and are left out.
REFERENCES = [
    ("holitom R.15 tau.8", "holitom", 0.15, ["as-published", "tau=0.8"], 0.248, 1.590),
    ("evs q.75", "evs", 0.25, ["as-published"], 0.122, 0.570),
    ("tome per frame r=98", "tome", 0.5, ["rounds=1"], 0.214, 0.910),
    ("tome whole clip r=N/2", "tome", 0.5, ["rounds=1", "scope=clip"], 0.911, None),
    ("pitome per frame .5", "pitome", 0.5, [], 0.311, 1.266),
    ("vidcom2 R.25", "vidcom2", 0.25, ["as-published"], 0.295, 1.365),
    ("vcast R.25", "vcast", 0.25, ["as-published"], 0.026, 0.159),
    ("dycoke K.7", "dycoke", 0.3, ["as-published"], 0.041, 0.166),
    ("fastvid R.10 c8 p4", "fastvid", 0.1, ["as-published"], 0.566, 4.965),
    ("prunevid merge tau.8", "prunevid", 0.25, ["as-published"], 0.487, 2.370),
    ("visionzip 16+4 per frame", "visionzip", 20 / 196,
     ["as-published", "dominant=16", "contextual-tokens=4"], 0.800, 4.746),
    ("cdpruner k=20 per frame", "cdpruner", 20 / 196, ["as-published", "query"], 0.144, 0.606),
    ("dtd feature .5", "dtd", 0.5, ["as-published"], 0.322, None),
    ("sttm .85/.65", "sttm", 0.25, ["as-published", "tau=0.85", "temporal-tau=0.65"], 0.676, 4.440),
    ("flashvid R.10", "flashvid", 0.1, ["as-published"], 0.399, 1.898),
    ("aim 25% per frame", "aim", 0.25, ["as-published"], 0.557, None),
    ("dymu 2 rounds + tracking", "dymu", 0.25, ["rounds=2"], 0.102, None),
    ("mustdrop 2x2 windows", "mustdrop", 0.25, ["as-published", "window=2"], 0.702, None),
    ("quota v2 50%", "quota", 0.5, ["as-published", "query", "reducer=v2"], 0.127, None),
    ("quota v4 50%", "quota", 0.5, ["as-published", "query", "reducer=v4"], 0.085, None),
    ("b-vllm merge to 32/frame", "b-vllm", 32 / 196, [], 0.351, None),
    ("longvlm 8-frame segments->30", "longvlm", 120 / 6272, ["segments=4"], 0.267, None),
    ("tempme join 2,2,2", "tempme", 0.25, ["as-published", "join-1=2", "join-2=2", "join-3=2"], 1.195, None),
    ("fastvggt r.9", "fastvggt", 0.1, [], 0.968, None),
    ("gtp P=98", "gtp", 0.5, [], 0.385, None),
    ("llava-scissor tau.9", "llava-scissor", 0.1, ["as-published", "tau=0.9"], 7.348, None),
]


def methods(table, bench, **_):
    """Every method that has a reference time, on one thread; HoliTom's original at its best on two is 0.22 s."""
    totals = [0.0, 0.0]
    for what, name, ratio, settings, *seconds in REFERENCES:
        for frames, reference in zip((32, 128), seconds):
            if reference is None:
                continue
            said = json.loads(quiet([bench, "method", name, frames, ratio, 3, *settings]).splitlines()[-1])
            ours = said["seconds"]
            if frames == 32:
                totals = [totals[0] + ours, totals[1] + reference]
            table.row(f"{what}, {frames} frames", "original (1)", f"{ours:.4f} s", f"{reference:.3f} s",
                      f"{ours / reference:.2f}", "<= 0.5")
    table.row("sum of all for 32 frames", "", f"{totals[0]:.3f} s", f"{totals[1]:.3f} s",
              f"{totals[0] / totals[1]:.2f}", "<= 0.33")
    print("    (1) not run here: measured once on another machine, one thread; both sides the best of three")


def short_clip(cache):
    """The first ten seconds of the long one."""
    clip = cache / "720p-short.mp4"
    if not clip.exists():
        quiet(["ffmpeg", "-v", "error", "-y", "-i", long_clip(cache), "-t", "10", "-c", "copy", clip])
    return clip


def encode(table, bench, cache, **_):
    clip = short_clip(cache)
    medians, said = table.compare("", lambda: in_process([bench, "encode", clip]), {})
    alone, _ = table.compare(
        "", lambda: processor(["ffmpeg", "-v", "error", "-threads", 1, "-i", clip, "-f", "null", "-"]), {})
    frames = said["ours"]["frames"]
    scaled = (medians["ours"] - alone["ours"]) * 1000 / frames
    table.row("built-in encoder with scaling, a 720p frame", "(2)", f"{scaled:.2f} ms", "", "", "< 5 ms")
    table.row("    of this the descriptor alone", "", f"{said['ours']['encoding'] * 1000 / frames:.2f} ms", "")
    print("    (2) processor time on one thread; decoding, scaling and encoding less ffmpeg's decoding alone")


# GFLOP of a frame: multiply-adds counted twice, without softmax and norms.
TOWERS = {
    "siglip-so400m-patch14-384": 666, "clip-vit-large-patch14-336": 382, "siglip-base-patch16-224": 35,
    "qwen2.5-vl-7b": 1347, "qwen3-vl-8b": 786,
}


def towers(table, bench, cache, **_):
    """Vision towers of published size with random weights, against transformers on PyTorch."""
    peer_script = [sys.executable, ROOT / "scripts" / "bench_towers.py"]
    processors = os.cpu_count()
    peaks = json.loads(quiet([bench, "products", 5]))
    for name, work in TOWERS.items():
        folder = cache / name
        if not (folder / "config.json").exists():
            print(f"bench: making a random {name}, once", file=sys.stderr)
            quiet([*peer_script, "make", name, folder])
        for precision in [kind for kind in ("f32", "bf16") if kind in peaks]:
            target = {"f32": "<= 0.55", "bf16": "<= 0.65"}[precision] if "so400m" in name or "qwen2.5" in name else "< 1"
            rounds = max(3, 60 // work)
            medians, said = table.compare(
                f"{name}, {precision}, a {'group of two' if 'qwen' in name else 'frame'}",
                lambda: in_process([bench, "tower", folder, precision, rounds]),
                {"transformers": lambda: in_process([*peer_script, "time", folder, precision, processors, rounds])},
                target)
            rate, peak = work / medians["ours"], peaks[precision] * processors
            busy = said["ours"]["processor"] / said["transformers"]["processor"] if "transformers" in said else 0
            print(f"    {rate:.0f} GFLOP/s, {100 * rate / peak:.0f} % of {processors} x {peaks[precision]:.0f} that products "
                  f"reach alone; processor time {busy:.2f} of the peer's; loads in {said['ours']['loading']:.2f} s")


def memory(table, tokenreel, cache, **_):
    for minutes in (1, 10):
        clip = large_clip(cache, minutes)
        output = cache / "reduced.safetensors"
        command = [tokenreel, "reduce", clip, "--fps", "1", "--keep", "0.1", "-o", output, "-q"]
        table.row(
            f"peak memory, {minutes} min of 1080p at 1 fps", "", f"{measured(command)['memory']:.0f} MiB", "", "",
            "< 250 MB" if minutes == 10 else "")


def live(table, tokenreel, cache, **_):
    """720p at 30 frames a second, sampled at 5, at the pace of a camera: one from a file, four over connections."""
    clip, seconds = long_clip(cache), 60
    window = 32 / 5
    for count in (1, 4):
        senders, sources = [], [clip]
        if count > 1:
            ports = [free_port() for _ in range(count)]
            sources = [f"tcp://127.0.0.1:{port}" for port in ports]
            senders = [
                subprocess.Popen(
                    ["ffmpeg", "-v", "quiet", "-re", "-i", clip, "-c", "copy", "-f", "mpegts",
                     f"tcp://127.0.0.1:{port}?listen=1"], stdin=subprocess.DEVNULL)
                for port in ports]
        shutil.rmtree(cache / "live", ignore_errors=True)
        status = cache / "live.json"
        start = time.perf_counter()
        process = subprocess.Popen(
            [tokenreel, "stream", *sources, "--realtime", "--fps", "5", "--out-dir", cache / "live",
             "--status-file", status, "-q"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        time.sleep(seconds)
        process.send_signal(signal.SIGTERM)
        _, _, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        for sender in senders:
            sender.kill()
            sender.wait()
        streams = json.loads(status.read_text())["streams"]
        name = f"{count} stream{'s' if count > 1 else ''} of 720p30 sampled at 5 fps"
        busy = (usage.ru_utime + usage.ru_stime) / wall
        table.row(f"{name}, cores busy", "", f"{busy:.3f}", "", "", "< 0.333" if count == 1 else "< 2")
        slowest = max(stream["latency"]["p95"] for stream in streams)
        table.row("    frame to committed token, p95", "", f"{slowest:.2f} s", "", "", f"< {window + 0.15:.2f} s")
        working = max(stream["writing"]["p95"] for stream in streams)
        table.row("    of this from a segment's end to its file, p95", "", f"{working * 1000:.0f} ms", "", "", "< 150 ms")
        seen = min(stream["seconds"] for stream in streams)
        dropped = sum(stream["frames"]["dropped"] for stream in streams)
        table.row(f"    of {wall:.0f} s seen, frames dropped", "", f"{seen:.0f} s, {dropped}", "", "", "all, 0")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def meaning(table, bench, **_):
    videos = SHARED / "videos"
    if not (videos / "truth").exists():
        print("bench: no clips with known truth beside this checkout; meaning is left out", file=sys.stderr)
        return
    targets = {"cuts.found": "1", "events": ">= 3", "query.covered": ">= 2.5"}
    for name, value in json.loads(quiet([bench, "meaning", videos])).items():
        target = next((target for start, target in targets.items() if name.startswith(start)), "")
        table.row(f"built-in encoder, {name}", "", f"{value:.2f}", "", "", target)


def service(table, tokenreel, cache, **_):
    """Uploads to the service against the same files given to the command, with as many jobs of one thread each."""
    count, jobs = 64, os.cpu_count()
    clip = short_clip(cache)
    folder = cache / "uploads"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for number in range(count):
        os.link(clip, folder / f"{number}.mp4")
    options = ["--jobs", jobs, "--threads", 1]
    command = [tokenreel, "reduce", folder, "--out-dir", cache / "reduced", "-q", *options]
    server = subprocess.Popen(
        [str(part) for part in [tokenreel, "serve", "--port", 0, "--log-level", "error", *options]],
        stdout=subprocess.PIPE, text=True)
    try:
        address = urllib.parse.urlsplit(server.stdout.readline().strip()).netloc
        body = clip.read_bytes()

        def upload(_):
            connection = http.client.HTTPConnection(address)
            connection.request("POST", "/v1/reduce", body)
            answer = connection.getresponse()
            if answer.status != 200:
                sys.exit(f"bench: the service answered {answer.status}: {answer.read()}")
            return len(answer.read())

        def uploads():
            start = time.perf_counter()
            with concurrent.futures.ThreadPoolExecutor(count) as pool:
                list(pool.map(upload, range(count)))
            return time.perf_counter() - start, {}

        table.compare(
            f"{count} uploads of 10 s of 720p at once", uploads,
            {f"tokenreel reduce --jobs {jobs}": lambda: whole_process(command)}, "<= 1.25")
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(folder)
        shutil.rmtree(cache / "reduced", ignore_errors=True)


def build(table, cache, **_):
    scratch = cache / "build"
    shutil.rmtree(scratch, ignore_errors=True)
    quiet(["swift", "package", "--package-path", ROOT, "--scratch-path", scratch, "resolve"])
    seconds, _ = whole_process(
        ["swift", "build", "--package-path", ROOT, "--scratch-path", scratch, "-c", "release", "--product", "tokenreel"])
    table.row("swift build of the command from clean", "", f"{seconds:.0f} s", "", "", "< 180 s")
    shutil.rmtree(scratch)


PARTS = {
    part.__name__: part
    for part in (decode, kmeans, methods, encode, memory, live, meaning, towers, service, build)}
DEFAULT = [name for name in PARTS if name not in ("towers", "service", "build")]


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench")
    parser.add_argument("--binaries", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--cache", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default=",".join(DEFAULT), help="of " + ", ".join(PARTS))
    parser.add_argument("--build", action="store_true", help="also time a build from clean")
    options = parser.parse_args()
    chosen = options.only.split(",") + ["build"] * options.build
    for name in chosen:
        if name not in PARTS:
            parser.error(f"no part {name!r}; there are {', '.join(PARTS)}")
    table = Table(options.rounds)
    for name in chosen:
        PARTS[name](
            table=table, bench=options.binaries / "TokenReelBench", tokenreel=options.binaries / "tokenreel",
            cache=options.cache)


if __name__ == "__main__":
    main()
