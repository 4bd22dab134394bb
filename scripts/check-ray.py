#!/usr/bin/env python3
"""Runs Samples/reduce_with_ray.py on a local Ray cluster of several processes, and kills some of them on the way.

    check-ray.py [--videos 24]

Needs ray[data] and the package tokenreel, and the ffmpeg command. A worker is killed, then a machine (the processes of a
node), and one video's worker as often as it is tried. Then every other video must have exactly one token file, the one that a
reduction without Ray writes, and one row; and the job started again must reduce the one that is missing and touch no
other. Prints one JSON object.
"""
from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow.parquet
import tokenreel
from ray.cluster_utils import Cluster

ROOT = Path(__file__).resolve().parent.parent
CLIP = ROOT / "Samples" / "clip.mp4"


def make_videos(folder: Path, count: int) -> list[Path]:
    """Clips of different lengths, in two folders; the last one is long."""
    (folder / "more").mkdir(parents=True)
    videos = []
    for index in range(count):
        video = folder / ("more" if index % 3 == 0 else "") / f"clip{index}.mp4"
        reading = ["-stream_loop", "30", "-i", CLIP] if index == count - 1 else ["-i", CLIP, "-t", f"{2 + index * 0.3}"]
        subprocess.run(["ffmpeg", "-v", "error", *reading, "-c", "copy", video], check=True)
        videos.append(video)
    return videos


def start(videos: Path, output: Path, cluster: Cluster, workers: int) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-B", ROOT / "Samples" / "reduce_with_ray.py", videos, output, "--workers", str(workers),
         "--address", cluster.address, "fps=10", "keep=0.1"])


def read(path: Path) -> dict | None:
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return None


def kill(worker: str) -> bool:
    """Ends the process that figures name, as a lack of memory would."""
    try:
        os.kill(int(worker.split()[-1]), signal.SIGKILL)
        return True
    except ProcessLookupError:
        return False


def figures(output: Path) -> dict[str, dict]:
    """The rows by video; fails if one is there twice."""
    rows = pyarrow.parquet.read_table(output / "figures.parquet").to_pylist()
    assert len({row["source"] for row in rows}) == len(rows), "a video has two rows"
    return {row["source"]: row for row in rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=24)
    arguments = parser.parse_args()
    scratch = tempfile.TemporaryDirectory()
    folder, output = Path(scratch.name) / "videos", Path(scratch.name) / "out"
    videos = make_videos(folder, arguments.videos)
    fatal = videos[-1]

    def tokens(video: Path) -> Path:
        return output / f"{video.relative_to(folder)}.safetensors"

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False,
                                                            "object_store_memory": 128 << 20})
    nodes = [cluster.add_node(num_cpus=1, object_store_memory=128 << 20) for _ in range(3)]
    job = start(folder, output, cluster, workers=3)
    lost: list[str] = []
    deaths: set[str] = set()
    is_node_lost = False
    while job.poll() is None:
        done = [there["figures"]["worker"] for there in map(read, output.rglob("*.json")) if there]
        tried = read(tokens(fatal).with_suffix(".attempts"))
        if tried and kill(tried["worker"]):
            deaths.add(tried["worker"])
        elif len(done) >= 3 and not lost and kill(done[-1]):
            lost.append(done[-1])
        elif len(done) >= 8 and not is_node_lost:
            cluster.remove_node(nodes[0], allow_graceful=False)
            is_node_lost = True
        time.sleep(0.02)
    assert job.returncode == 2, f"exit {job.returncode}, though one video fails"
    assert lost and is_node_lost and len(deaths) == 3, f"{lost}, {is_node_lost}, {deaths}: not all were killed"

    rows = figures(output)
    assert set(rows) == set(map(str, videos)), "videos without a row"
    failed = [source for source, row in rows.items() if row["error"]]
    assert failed == [str(fatal)] and rows[failed[0]]["error"] == "worker-lost", f"{failed} failed"
    expected = sorted(tokens(video) for video in videos if video != fatal)
    assert sorted(output.rglob("*.safetensors")) == expected, "not one token file for each"
    model = tokenreel.Model(fps=10, keep=0.1)
    for video in videos[:-1]:
        alone = Path(scratch.name) / "alone"
        model.reduce(video).write(alone)
        assert alone.read_bytes() == tokens(video).read_bytes(), f"{video} gave other tokens"
    identity = {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in expected}

    again = start(folder, output, cluster, workers=2)
    assert again.wait() == 0, "the job that goes on failed"
    assert all((path.stat().st_ino, path.stat().st_mtime_ns) == identity[path] for path in expected), "done twice"
    assert tokens(fatal).exists() and all(row["error"] is None for row in figures(output).values())
    left = [str(path) for path in output.rglob("*") if path.suffix in {".tmp", ".attempts"}]
    assert not left, f"left behind: {left}"
    workers = {row["worker"] for row in figures(output).values()}
    print(json.dumps({"videos": len(videos), "workers": len(workers), "workers_killed": len(lost) + len(deaths),
                      "nodes_killed": 1}))
    cluster.shutdown()


if __name__ == "__main__":
    main()
