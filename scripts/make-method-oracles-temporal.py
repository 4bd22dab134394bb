#!/usr/bin/env python3
"""Writes expected outputs of the window and keep-and-merge methods, computed from their formulas in float64.

    python3 scripts/make-method-oracles-temporal.py    (needs numpy and safetensors)

One small file for each method goes to Tests/TokenReductionTests/Fixtures/oracle-METHOD/. The formulas are those that
open the methods' Swift files; nothing here shares code or shortcuts with them.
"""
import json
import pathlib

import numpy as np
from safetensors.numpy import save_file

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "Tests" / "TokenReductionTests" / "Fixtures"


def video(frames, rows, columns, channels, seed):
    """Still cells, noisy cells, a cut, and a patch that moves one place a frame."""
    random = np.random.default_rng(seed)
    scenes = random.normal(size=(2, rows, columns, channels))
    noise = random.choice([0.05, 0.3, 0.7], size=(rows, columns, 1))
    patch = random.normal(size=channels)
    grid = np.stack(
        [scenes[int(3 * t >= 2 * frames)] + noise * random.normal(size=(rows, columns, channels)) for t in range(frames)])
    for t in range(frames):
        grid[t, t % rows, t % columns] = patch + 0.1 * random.normal(size=channels)
    return grid.astype(np.float32)


def units(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def softmax(scores):
    mass = np.exp(scores - scores.max())
    return mass / mass.sum()


def write(method, name, grid, rows, parameters, count):
    """rows: (anchor, sources, weights) in the order the method emits them."""
    shape = grid.shape
    tokens = grid.reshape(-1, shape[-1]).astype(np.float64)
    positions = np.array([np.unravel_index(anchor, shape[:3]) for anchor, _, _ in rows], dtype=np.int32)
    expected = np.array([np.asarray(weights) @ tokens[list(sources)] for _, sources, weights in rows])
    folder = FOLDER / f"oracle-{method}"
    folder.mkdir(parents=True, exist_ok=True)
    save_file(
        {
            "tokens": grid,
            "expected.positions": positions,
            "expected.sizes": np.array([len(sources) for _, sources, _ in rows], dtype=np.float32),
            "expected.tokens": expected.astype(np.float32),
        },
        folder / f"{name}.safetensors",
        metadata={"method": method, "params": json.dumps({"set": parameters, "count": count})})


def mean(anchor, sources):
    return anchor, sources, np.full(len(sources), 1 / len(sources))


def reading_order(rows):
    return sorted(rows, key=lambda row: row[0])


def tdtm(grid):
    cells = grid.shape[1] * grid.shape[2]
    return [
        mean(2 * k * cells + c, [2 * k * cells + c, (2 * k + 1) * cells + c])
        for k in range(grid.shape[0] // 2) for c in range(cells)]


def tokenflex(grid, side):
    frames, rows, columns, _ = grid.shape
    out = []
    for t in range(frames):
        for i in range(side):
            for j in range(side):
                ys = range(int(np.floor(i * rows / side)), int(np.ceil((i + 1) * rows / side)))
                xs = range(int(np.floor(j * columns / side)), int(np.ceil((j + 1) * columns / side)))
                middle = (int((i + 0.5) * rows / side), int((j + 0.5) * columns / side))
                place = lambda y, x: (t * rows + y) * columns + x
                out.append(mean(place(*middle), [place(y, x) for y in ys for x in xs]))
    return out


def kvmerger(grid, epsilon):
    frames, rows, columns, channels = grid.shape
    x = grid.reshape(frames, -1, channels).astype(np.float64)
    u = units(x)
    out = []
    for c in range(rows * columns):
        t = frames - 1
        while t >= 0:  # From the last token to the first, as the paper scans.
            stretch = [t]
            while t > 0 and u[t, c] @ u[t - 1, c] > epsilon:
                t -= 1
                stretch.insert(0, t)
            t -= 1
            similarity = u[stretch, c] @ u[stretch, c].T
            pivot = stretch[int(np.argmax(similarity.sum(axis=1).round(9)))]
            distance = np.linalg.norm(x[stretch, c] - x[pivot, c], axis=1)
            if len(stretch) == 1:
                weights = np.ones(1)
            else:
                sigma = distance.sum() / (len(stretch) - 1) / np.sqrt(2)
                weights = np.exp(-distance**2 / (2 * sigma**2))
                weights /= weights.sum()
            out.append((pivot * rows * columns + c, [s * rows * columns + c for s in stretch], weights))
    return reading_order(out)


def ems(grid, count, tau, window):
    frames, rows, columns, channels = grid.shape
    cells = rows * columns
    u = units(grid.reshape(-1, channels).astype(np.float64))
    similarity = u @ u.T
    index = np.arange(len(u)) // cells // window
    same = index[:, None] == index[None, :]
    overall = similarity.mean(axis=0)
    local = (similarity * same).sum(axis=0) / same.sum(axis=0)
    score = (overall / overall.mean() + local / local.mean()) / 2
    centres = sorted(np.argsort(-score, kind="stable")[:count].tolist())
    members = {centre: [centre] for centre in centres}
    for token in range(len(u)):
        nearest = centres[int(np.argmax(similarity[token, centres]))]
        if token not in members and similarity[token, nearest] >= tau:
            members[nearest].append(token)
    return [mean(centre, members[centre]) for centre in centres]


def cca(grid, size, temperature, order):
    frames, rows, columns, channels = grid.shape
    cells = rows * columns
    x = grid.reshape(-1, channels).astype(np.float64)
    u = units(x)
    numbers = np.arange(frames * cells).reshape(frames, cells)
    out = []
    for line in numbers.T if order == "time" else numbers:
        for start in range(0, len(line), size):
            group = line[start:start + size].tolist()
            out.append((group[-1], group, softmax(u[group] @ u[group[-1]] / temperature)))
    return reading_order(out)


def evlgen(grid, step, temperature, reach):
    frames, rows, columns, channels = grid.shape
    cells = rows * columns
    u = units(grid.reshape(frames, cells, channels).astype(np.float64))
    out = []
    for t in range(0, frames, step):
        others = [s for s in range(frames) if abs(s - t) <= reach]
        for c in range(cells):
            weights = softmax(u[others, c] @ u[t, c] / temperature)
            out.append((t * cells + c, [s * cells + c for s in others], weights))
    return out


def cove(grid, tau, window):
    frames, rows, columns, channels = grid.shape
    u = units(grid.astype(np.float64))
    parent = list(range(frames * rows * columns))

    def root(token):
        while parent[token] != token:
            token = parent[token]
        return token

    half = window // 2
    for t in range(frames - 1):
        for y in range(rows):
            for x in range(columns):
                found = [
                    (-(u[t, y, x] @ u[t + 1, v, w]), (v - y) ** 2 + (w - x) ** 2, v, w)
                    for v in range(rows) for w in range(columns) if abs(v - y) <= half and abs(w - x) <= half]
                distance, _, v, w = min(found)
                if -distance > tau:
                    a = root((t * rows + y) * columns + x)
                    b = root(((t + 1) * rows + v) * columns + w)
                    parent[max(a, b)] = min(a, b)
    tracks = {}
    for token in range(len(parent)):
        tracks.setdefault(root(token), []).append(token)
    return [mean(first, members) for first, members in sorted(tracks.items())]


def pvc(grid, per_frame, rank):
    frames, rows, columns, channels = grid.shape
    u = units(grid.reshape(frames, rows * columns, channels).astype(np.float64))
    basis = []
    kept = []
    for t in range(frames):
        # Novelty counts what the frame's own tokens add, but a direction forgotten within a frame stays known to it.
        known = list(basis)
        chosen = []
        for _ in range(per_frame):
            q = np.array(known).reshape(-1, channels)
            novelty = 1 - ((u[t] @ q.T) ** 2).sum(axis=1)
            novelty[chosen] = -np.inf
            best = int(np.argmax(novelty))
            chosen.append(best)
            q = np.array(basis).reshape(-1, channels)
            residual = u[t, best] - q.T @ (q @ u[t, best])
            if np.linalg.norm(residual) > 1e-3:
                basis = (basis + [units(residual)])[-rank:]
                known.append(basis[-1])
        kept += sorted(t * rows * columns + c for c in chosen)
    return [mean(token, [token]) for token in kept]


def main():
    grid = video(7, 3, 4, 8, seed=1)
    tokens = 7 * 3 * 4
    write("tdtm", "odd", grid, tdtm(grid), {}, tokens // 2)
    write("tokenflex", "2x2", grid, tokenflex(grid, 2), {}, 7 * 5)
    write("kvmerger", "eps75", grid, kvmerger(grid, 0.75), {"epsilon": "0.75"}, tokens // 2)
    write("ems", "tau50", grid, ems(grid, 20, 0.5, 3), {"tau": "0.5", "window": "3"}, 20)
    write("cca", "time", grid, cca(grid, 3, 0.2, "time"), {"temperature": "0.2"}, tokens // 3)
    write(
        "cca", "raster", grid, cca(grid, 5, 0.1, "raster"), {"order": "raster", "temperature": "0.1"}, tokens // 5)
    write(
        "evlgen", "every3", grid, evlgen(grid, 3, 0.1, 2), {"temperature": "0.1", "reach": "2"}, tokens // 3)
    write("cove", "tau80", grid, cove(grid, 0.8, 3), {"tau": "0.8", "window": "3"}, tokens // 2)
    deep = video(6, 3, 3, 16, seed=2)
    write("pvc", "rank6", deep, pvc(deep, 3, 6), {"rank": "6"}, 18)


if __name__ == "__main__":
    main()
