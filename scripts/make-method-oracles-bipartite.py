#!/usr/bin/env python3
"""Writes what the formulas of bipartite methods without a reference fixture give, computed in double precision.

Needs numpy and safetensors; writes to Tests/TokenReductionTests/Fixtures/oracle-*. Run from anywhere:
    python3 scripts/make-method-oracles-bipartite.py
"""
import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

fixtures = Path(__file__).resolve().parent.parent / "Tests/TokenReductionTests/Fixtures"


def video(seed, frames, rows, columns, channels):
    """A background that stays, a cut half way, and noise of a level that differs from cell to cell and grows."""
    random = np.random.default_rng(seed)
    scenes = random.normal(size=(2, rows * columns, channels))
    level = random.uniform(0.1, 1.2, size=(1, rows * columns, 1))
    growth = np.linspace(0.3, 1.5, frames)[:, None, None]
    scene = scenes[(2 * np.arange(frames)) // frames]
    tokens = scene + growth * level * random.normal(size=scene.shape)
    return tokens.reshape(frames, rows, columns, channels).astype(np.float32)


class Sequence:
    """Tokens under merging: positions of those that stay, sums and sizes."""

    def __init__(self, tokens, positions):
        self.mean, self.positions, self.size = tokens.astype(float), np.array(positions), np.ones(len(tokens))

    def merge(self, pairs):
        pairs = min(pairs, len(self.mean) // 2)
        if pairs <= 0:
            return
        unit = self.mean / np.linalg.norm(self.mean, axis=1, keepdims=True)
        similarity = unit[::2] @ unit[1::2].T
        best = similarity.argmax(1)
        ranking = np.argsort(-similarity.max(1), kind="stable")
        sums, size = self.mean * self.size[:, None], self.size.copy()
        for source in ranking[:pairs]:
            target = 2 * best[source] + 1
            sums[target] += sums[2 * source]
            size[target] += size[2 * source]
        order = np.concatenate([2 * ranking[pairs:], np.arange(1, len(size), 2)])
        self.mean, self.size, self.positions = sums[order] / size[order, None], size[order], self.positions[order]

    def reduce(self, target):
        while len(self.mean) > max(target, 1):
            self.merge(len(self.mean) - max(target, 1))


def write(method, name, tokens, sequences, parameters, order=None, **more):
    mean = np.concatenate([s.mean for s in sequences])
    positions = np.concatenate([s.positions for s in sequences])
    size = np.concatenate([s.size for s in sequences])
    if order == "reading":
        place = np.argsort(positions)
        mean, positions, size = mean[place], positions[place], size[place]
    frames, rows, columns, _ = tokens.shape
    cells = np.stack(np.unravel_index(positions, (frames, rows, columns)), axis=1)
    folder = fixtures / f"oracle-{method}"
    folder.mkdir(parents=True, exist_ok=True)
    save_file(
        {
            "tokens": tokens, "expected.tokens": np.ascontiguousarray(mean, dtype=np.float32),
            "expected.positions": np.ascontiguousarray(cells, dtype=np.int32),
            "expected.sizes": size.astype(np.float32), **more,
        },
        folder / f"{name}.safetensors", metadata={"params": json.dumps(parameters)})


def layers(method, tokens, rounds, kept, keeps_first):
    """A constant number of pairs in every layer, as AuroraCap and TinyChart merge in their towers."""
    frames, rows, columns, channels = tokens.shape
    cells = rows * columns
    sequences = []
    for frame in range(frames):
        sequence = Sequence(tokens[frame].reshape(cells, channels), range(frame * cells, (frame + 1) * cells))
        if frame > 0 or not keeps_first:
            for _ in range(rounds):
                sequence.merge(int(cells * (1 - kept) / rounds))
        sequences.append(sequence)
    write(method, "layers", tokens, sequences, {"rounds": rounds, "kept": kept})


def spread(tokens):
    return np.linalg.norm(tokens - tokens.mean(0), axis=1).mean()


def rank(tokens):
    gram = (tokens - tokens.mean(0)) @ (tokens - tokens.mean(0)).T
    return np.trace(gram) ** 2 / (gram**2).sum()


def density(name, measure, tokens, segments, count, floor, sharpness):
    """Segments that share `count` by density, each merged to its share."""
    frames, rows, columns, channels = tokens.shape
    cells = rows * columns
    bounds = [s * frames // segments for s in range(segments + 1)]
    parts = [tokens[a:b].reshape(-1, channels).astype(float) for a, b in zip(bounds, bounds[1:])]
    densities = np.array([measure(part) for part in parts])
    power = densities**sharpness
    quota = count * (floor / segments + (1 - floor) * power / power.sum())
    shares = np.floor(quota).astype(int)
    assert all(quota < [len(part) for part in parts])
    for segment in np.argsort(-(quota - shares), kind="stable")[: count - shares.sum()]:
        shares[segment] += 1
    sequences = []
    for start, part, share in zip(bounds, parts, shares):
        sequence = Sequence(part, range(start * cells, start * cells + len(part)))
        sequence.reduce(share)
        sequences.append(sequence)
    write(
        "langdc", name, tokens, sequences,
        {"density": name, "segments": segments, "count": count, "floor": floor, "sharpness": sharpness},
        order="reading", **{"expected.segment_counts": shares.astype(np.int32)})


layers("auroracap", video(1, 4, 5, 6, 12), rounds=8, kept=0.4, keeps_first=True)
layers("tinychart", video(2, 2, 9, 8, 12), rounds=26, kept=0.25, keeps_first=False)
density("spread", spread, video(3, 9, 4, 5, 12), segments=4, count=40, floor=0.25, sharpness=2)
density("rank", rank, video(4, 8, 5, 4, 16), segments=3, count=31, floor=0.1, sharpness=1)
