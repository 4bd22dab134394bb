#!/usr/bin/env python3
"""Reduces many videos on one machine or a cluster, with Ray Data.

    pip install "ray[data]" dist/tokenreel-*.whl         on every machine; scripts/build-wheel makes the wheel
    reduce_with_ray.py videos/ out/ --workers 8 keep=0.05 fps=2
    reduce_with_ray.py list.txt out/ --workers 64 --address head:6379 --model siglip-so400m-patch14-384/

INPUT is a folder, searched for videos, or a text file with a path on each line. Each `clip.mp4` becomes
`out/clip.mp4.safetensors`, with its figures beside it in `out/clip.mp4.json`; at the end `out/figures.parquet` has a row
for every video. On a cluster, INPUT, OUT and the model are on storage that all machines see under the same path.

Workers are actors that read the model once. When one dies, or its machine, its videos go to another; a video that takes
its worker down three times is reported and passed over. Files get their names when they are whole, so a job that was
stopped, or lost workers, goes on where it was when started again: what is there is kept, unless the video, the options
or TokenReel's version changed since. Exit code 2 says that some videos failed; their rows say why.
"""
from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import time
import uuid
from pathlib import Path

import pyarrow
import pyarrow.parquet
import ray

EXTENSIONS = {".mp4", ".m4v", ".mov", ".3gp", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".vob", ".ts", ".m2ts", ".mts",
              ".flv", ".wmv", ".asf", ".ogv", ".ogg", ".ivf", ".y4m", ".gif", ".h264", ".hevc", ".obu"}
ATTEMPTS = 3
FIGURES = pyarrow.schema([
    ("source", pyarrow.string()), ("output", pyarrow.string()), ("error", pyarrow.string()),
    ("message", pyarrow.string()), ("frames", pyarrow.int64()), ("tokens_in", pyarrow.int64()),
    ("tokens_out", pyarrow.int64()), ("segments", pyarrow.int64()), ("coverage", pyarrow.float64()),
    ("coverage_p05", pyarrow.float64()), ("fidelity", pyarrow.float64()), ("video_seconds", pyarrow.float64()),
    ("seconds", pyarrow.float64()), ("bytes", pyarrow.int64()), ("worker", pyarrow.string()),
])


class Reducer:
    """An actor: holds the model, and makes of a row that names a video a row of figures, and a file."""

    def __init__(self, model: str | None, options: dict, job: str) -> None:
        import tokenreel

        self.tokenreel = tokenreel
        self.options = {"model": model, **options}
        self.model = tokenreel.Model(model, **options)
        self.job = job
        self.worker = f"{os.uname().nodename} {os.getpid()}"

    def __call__(self, row: dict) -> dict:
        source, output = Path(row["source"]), Path(row["output"])
        try:
            state = source.stat()
        except OSError as error:
            return self.failed(row, "unreadable-input", f"{source}: {error.strerror}")
        made_from = [self.tokenreel.version(), self.options, state.st_size, state.st_mtime_ns]
        figures, attempts = output.with_suffix(".json"), output.with_suffix(".attempts")
        there = read(figures)
        if there and output.exists() and there["made_from"] == made_from:
            return there["figures"]
        # A worker that dies says nothing, so it is written down beforehand that somebody tries.
        before = read(attempts) or {}
        tried = before["tried"] if before.get("job") == self.job else 0
        if tried == ATTEMPTS:
            return self.failed(row, "worker-lost", f"{source}: {ATTEMPTS} workers were lost on it")
        output.parent.mkdir(parents=True, exist_ok=True)
        write(attempts, {"job": self.job, "tried": tried + 1, "worker": self.worker})
        try:
            done = self.reduced(row)
            write(figures, {"made_from": made_from, "figures": done})
            return done
        except self.tokenreel.TokenReelError as error:
            return self.failed(row, error.code, str(error))
        finally:
            attempts.unlink(missing_ok=True)

    def reduced(self, row: dict) -> dict:
        result = self.model.reduce(row["source"])
        result.write(row["output"])
        report = result.report
        return {
            "source": row["source"], "output": row["output"], "error": None, "message": None,
            "frames": report["grid"]["frames"], "tokens_in": report["tokens"]["in"],
            "tokens_out": report["tokens"]["out"], "segments": report["segments"],
            "coverage": report["quality"]["coverage"], "coverage_p05": report["quality"]["coverage_p05"],
            "fidelity": report["quality"]["fidelity"], "video_seconds": report["video"]["duration"],
            "seconds": report["seconds"]["total"], "bytes": os.path.getsize(row["output"]), "worker": self.worker,
        }

    def failed(self, row: dict, code: str, message: str) -> dict:
        return {**dict.fromkeys(FIGURES.names), **row, "output": None, "error": code, "message": message,
                "worker": self.worker}


def read(path: Path) -> dict | None:
    """A JSON file, if it is there."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return None


def write(path: Path, value: dict) -> None:
    """Writes a JSON file that others see whole or not at all."""
    draft = path.with_name(f".tokenreel-{uuid.uuid4()}.tmp")
    draft.write_text(json.dumps(value))
    draft.replace(path)


def rows(source: Path, output: Path) -> list[dict]:
    """For every video its path and that of its tokens, which lie in folders as the videos do."""
    if source.is_dir():
        videos = [path for path in source.rglob("*") if path.suffix.lower() in EXTENSIONS]
    else:
        videos = [source.parent / line for line in source.read_text().splitlines() if line.strip()]
    videos = sorted({Path(os.path.abspath(video)) for video in videos})
    if not videos:
        sys.exit(f"error: {source}: no videos")
    common = Path(os.path.commonpath([video.parent for video in videos]))
    return [{"source": str(video), "output": str(output / f"{video.relative_to(common)}.safetensors")}
            for video in videos]


def option(text: str) -> tuple[str, object]:
    """`keep=0.1` or `method=holitom`: an option of tokenreel.Model."""
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text}: not name=value")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("input", type=Path, help="a folder of videos, or a file with a path on each line")
    parser.add_argument("output", type=Path, help="the folder for token files and figures")
    parser.add_argument("options", nargs="*", type=option, metavar="name=value",
                        help="what to ask for, as tokenreel.Model takes it")
    parser.add_argument("--workers", type=int, default=2, help="actors, each with the model (default: 2)")
    parser.add_argument("--threads", type=int, default=1, help="threads, and so CPUs, of each (default: 1)")
    parser.add_argument("--model", help="a checkpoint folder (default: the built-in encoder)")
    parser.add_argument("--address", help="a cluster's head, or auto (default: Ray is started here, for this job)")
    arguments = parser.parse_intermixed_args()
    output = arguments.output.absolute()
    work = rows(arguments.input.absolute(), output)

    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    if arguments.address:
        ray.init(address=arguments.address, **quiet)
    else:
        # Videos don't go through Ray's object store, only rows.
        ray.init(num_cpus=arguments.workers * arguments.threads, object_store_memory=128 << 20,
                 include_dashboard=False, **quiet)
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    ray.data.DataContext.get_current().enable_progress_bars = False
    start = time.monotonic()
    # Some tasks for each worker, so that the end comes for all at about the same time.
    figures = ray.data.from_items(work, override_num_blocks=min(len(work), 32 * arguments.workers)).map(
        Reducer, compute=ray.data.ActorPoolStrategy(size=arguments.workers), num_cpus=arguments.threads,
        fn_constructor_kwargs={
            "model": arguments.model and os.path.abspath(arguments.model), "job": uuid.uuid4().hex,
            "options": {**dict(arguments.options), "threads": arguments.threads}})
    done = []
    for row in figures.iter_rows():
        done.append(row)
        print(f"{len(done)} of {len(work)}  {row['message'] or row['source']}", file=sys.stderr)
    done.sort(key=lambda row: row["source"])
    for draft in output.rglob(".tokenreel-*.tmp"):
        draft.unlink(missing_ok=True)   # of workers that were lost
    output.mkdir(parents=True, exist_ok=True)
    draft = output / f".tokenreel-{uuid.uuid4()}.tmp"
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(done, FIGURES), draft)
    draft.replace(output / "figures.parquet")
    failures = sum(row["error"] is not None for row in done)
    print(f"{len(done) - failures} videos reduced, {failures} failed, {time.monotonic() - start:.1f} s, "
          f"{sum(row['tokens_in'] or 0 for row in done):,} -> {sum(row['tokens_out'] or 0 for row in done):,} tokens")
    return 2 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
