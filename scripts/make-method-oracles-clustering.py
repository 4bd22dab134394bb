#!/usr/bin/env python3
"""Expected values for methods that segment and cluster and whose originals can't be run as they stand.

Written from the formulas alone, in double precision with NumPy:
    hbi   two levels of density-peak clusters (a frame's tokens, then a window's clusters), and the exact Banzhaf
          interaction of words and frames over all coalitions.

usage: make-method-oracles-clustering.py [FOLDER]   (default: Tests/TokenReductionTests/Fixtures)
"""
import itertools
import json
import math
import pathlib
import sys

import numpy as np
from safetensors.numpy import save_file


def density_peaks(values, count, neighbours):
    distance = np.sqrt(((values[:, None] - values[None]) ** 2).sum(-1) / values.shape[1])
    density = np.exp(-(np.sort(distance, 1)[:, :neighbours] ** 2).mean(1))
    separation = [
        min((distance[i, j] for j in range(len(values)) if density[j] > density[i]), default=distance.max())
        for i in range(len(values))
    ]
    centres = np.sort(np.argsort(-(density * separation), kind="stable")[:count])
    owner = np.argmin(distance[:, centres], 1)
    owner[centres] = np.arange(count)
    return centres, owner


def merged(values, places, ratio, neighbours):
    count = max(math.ceil(len(values) * ratio), 1)
    if count >= len(values):
        return values, places
    centres, owner = density_peaks(values, count, min(neighbours, len(values)))
    return np.stack([values[owner == c].mean(0) for c in range(count)]), places[centres]


def stacked(tokens, ratio, upper_ratio, window, neighbours):
    frames, rows, columns, channels = tokens.shape
    cells = rows * columns
    out, places = [], []
    for start in range(0, frames, window):
        levels = [
            merged(
                tokens[frame].reshape(cells, channels), frame * cells + np.arange(cells), ratio, neighbours)
            for frame in range(start, min(start + window, frames))
        ]
        values, where = merged(
            np.concatenate([v for v, _ in levels]), np.concatenate([p for _, p in levels]), upper_ratio, neighbours)
        out.append(values)
        places.append(where)
    values, places = np.concatenate(out), np.concatenate(places)
    order = np.argsort(places)
    positions = [(p // cells, p % cells // columns, p % columns) for p in places[order]]
    return values[order], np.array(positions)


def worth(similarity, words, frames):
    inside = np.zeros_like(similarity)
    inside[np.ix_(words, frames)] = similarity[np.ix_(words, frames)]
    of_words = inside[words].max(1).mean() if words else 0
    of_frames = inside[:, frames].max(0).mean() if frames else 0
    return (of_words + of_frames) / 2


def subsets(members):
    return [list(s) for k in range(len(members) + 1) for s in itertools.combinations(members, k)]


def interaction(similarity):
    words, frames = map(range, similarity.shape)
    result = np.zeros_like(similarity)
    for i, j in itertools.product(words, frames):
        terms = [
            worth(similarity, sorted(w + [i]), sorted(f + [j])) - worth(similarity, sorted(w + [i]), f)
            - worth(similarity, w, sorted(f + [j])) + worth(similarity, w, f)
            for w in subsets([x for x in words if x != i])
            for f in subsets([x for x in frames if x != j])
        ]
        result[i, j] = np.mean(terms)
    return result


def write(path, tensors, params):
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, metadata={"params": json.dumps(params)})


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "Tests/TokenReductionTests/Fixtures")
    for name, seed, shape, params in [
        ("published", 1, (6, 4, 4, 12), {"ratio": 0.25, "upper_ratio": 0.5, "window": 4, "neighbours": 3}),
        ("wide", 2, (5, 5, 6, 10), {"ratio": 0.4, "upper_ratio": 0.3, "window": 2, "neighbours": 4}),
    ]:
        random = np.random.default_rng(seed)
        scene = random.normal(size=(1, *shape[1:]))
        tokens = (scene + 0.5 * random.normal(size=shape)).astype(np.float32)
        values, positions = stacked(
            tokens.astype(np.float64), params["ratio"], params["upper_ratio"], params["window"], params["neighbours"])
        similarity = random.uniform(-1, 1, (3, 5)).astype(np.float32)
        write(
            folder / "oracle-hbi" / f"{name}.safetensors",
            {
                "tokens": tokens,
                "expected.tokens": values.astype(np.float32),
                "expected.positions": positions.astype(np.int32),
                "similarity": similarity,
                "expected.interaction": interaction(similarity.astype(np.float64)).astype(np.float32),
            }, params)


if __name__ == "__main__":
    main()
