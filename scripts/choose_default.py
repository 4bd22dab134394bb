"""Runs `tokenreel compare` over many clips and writes what came out into README.md; see scripts/choose-default."""

import argparse
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

BUDGETS = [0.05, 0.10, 0.15, 0.25]
BEGIN, END = "<!-- methods compared: begin -->", "<!-- methods compared: end -->"


def compare(options, clip):
    """The comparison of one clip, or None where it can't be decoded; kept for the next run of the same program."""
    binary = os.stat(options.binary)
    key = f"{binary.st_mtime_ns} {options.fps} {options.methods} {clip} {BUDGETS}"
    kept = options.cache / (hashlib.sha256(key.encode()).hexdigest()[:24] + ".json")
    if not kept.exists():
        command = [options.binary, "compare", str(clip), "--json", "-q", "--allow-substitute", "--fps", str(options.fps)]
        # One thread, so that seconds are comparable from machine to machine.
        command += ["--threads", "1"]
        command += ["--keep", ",".join(map(str, BUDGETS)), "--methods", options.methods]
        run = subprocess.run(command, capture_output=True, text=True)
        # 2: some methods failed, the others count.
        if run.returncode not in (0, 2):
            last = run.stderr.strip().splitlines()[-1:] or [f"exit code {run.returncode}"]
            print(f"  passed over: {last[0]}", file=sys.stderr)
            if run.returncode not in (3, 4):
                sys.exit(run.returncode)
            return None
        kept.write_text(run.stdout)
    return json.loads(kept.read_text())


def mean(values):
    return sum(values) / len(values)


def summarize(comparisons):
    """For each method that worked on every clip its means, the best first; and the names of the others."""
    found = {}
    for comparison in comparisons:
        for result in comparison["results"]:
            found.setdefault(result["method"], []).append((result, comparison["grid"]["frames"]))
    rows, partial = [], []
    for method, results in found.items():
        if len(results) < len(comparisons) * len(BUDGETS):
            partial.append(method)
            continue
        row = {"method": method, "substituted": any(result["substituted"] for result, _ in results)}
        for figure in ("coverage", "coverage_p05"):
            row[figure] = [
                mean([r[figure] for r, _ in results if r["budget"]["ratio"] == budget]) for budget in BUDGETS
            ]
        row["milliseconds"] = mean([1000 * result["seconds"] / max(frames, 1) for result, frames in results])
        # Half for the ordinary token, half for the badly represented one.
        row["score"] = mean(row["coverage"] + row["coverage_p05"])
        rows.append(row)
    partial += sorted({o["method"] for c in comparisons for o in c["omitted"]} - set(found))
    return sorted(rows, key=lambda row: -row["score"]), sorted(partial)


def table(rows, partial, comparisons, options):
    shares = " | ".join(f"{100 * budget:.0f} %" for budget in BUDGETS)
    frames = sum(comparison["grid"]["frames"] for comparison in comparisons)
    lines = [
        f"Means over {len(comparisons)} clips ({frames:,} frames at {options.fps:g} a second, the built-in encoder), by "
        "share of tokens kept: *coverage*, then the coverage of the *worst* 5 % of tokens, then milliseconds of one core; "
        "best first.",
        "",
        f"| method | {shares} | {shares.replace('%', '% worst')} | ms a frame |",
        "|---|" + "---:|" * (2 * len(BUDGETS) + 1),
    ]
    for row in rows:
        figures = " | ".join(f"{value:.3f}" for value in row["coverage"] + row["coverage_p05"])
        name = f"`{row['method']}`" + (" \\*" if row["substituted"] else "")
        lines.append(f"| {name} | {figures} | {row['milliseconds']:.2f} |")
    if any(row["substituted"] for row in rows):
        lines += ["", "\\* on a documented substitute for a signal that the built-in encoder does not give"]
    if partial:
        lines += ["", "Not in the table, because they did not work on every clip: " + ", ".join(f"`{m}`" for m in partial)]
    return "\n".join(lines)


def write(path, text):
    readme = path.read_text()
    start, end = readme.find(BEGIN), readme.find(END)
    if not 0 <= start < end:
        sys.exit(f"choose-default: {path} lacks the lines {BEGIN} and {END}")
    path.write_text(readme[: start + len(BEGIN)] + "\n" + text + "\n" + readme[end:])


def main():
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--videos", default="../shared/videos")
    parser.add_argument("--fps", type=float, default=2)
    parser.add_argument("--methods", default="all")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--milliseconds", type=float, default=20)
    parser.add_argument("--print", action="store_true", dest="prints")
    options = parser.parse_args()
    options.cache = pathlib.Path(tempfile.gettempdir()) / f"tokenreel-compare-{os.getuid()}"
    options.cache.mkdir(exist_ok=True)
    folder = pathlib.Path(options.videos)
    endings = {".mp4", ".mkv", ".mov", ".webm", ".avi", ".mpg", ".wmv", ".h264"}
    clips = sorted(path for path in folder.glob("*") if path.suffix in endings)[: options.limit]
    if not clips:
        sys.exit(f"choose-default: no clips in {folder}")
    comparisons = []
    for number, clip in enumerate(clips, 1):
        print(f"{number} of {len(clips)}  {clip.name}", file=sys.stderr)
        comparison = compare(options, clip)
        if comparison:
            comparisons.append(comparison)
    if not comparisons:
        sys.exit("choose-default: no clip could be compared")
    rows, partial = summarize(comparisons)
    text = table(rows, partial, comparisons, options)
    if options.prints:
        print(text)
    else:
        write(pathlib.Path("README.md"), text)
    fit = [row for row in rows if not row["substituted"] and row["milliseconds"] <= options.milliseconds]
    if fit:
        print(
            f"favoured: {fit[0]['method']}, the best mean of coverage and worst 5 % (score {fit[0]['score']:.4f}) among "
            f"methods that take at most {options.milliseconds:g} ms a frame and no substitute", file=sys.stderr)


if __name__ == "__main__":
    main()
