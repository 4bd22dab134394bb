#!/usr/bin/env python3
"""Reduces a video from Python, and its own features by the same plan.

    scripts/build-wheel && pip install dist/tokenreel-*.whl
    Samples/reduce.py Samples/clip.mp4 clip.safetensors
"""
from __future__ import annotations

import sys

import numpy

import tokenreel


def main(video: str, output: str) -> None:
    model = tokenreel.Model(keep=0.1)
    try:
        result = model.reduce(video, fps=2)
    except tokenreel.TokenReelError as error:
        sys.exit(f"error: {error}")
    result.write(output)
    sources = result.owners.size
    print(f"{sources} -> {len(result.tokens)} tokens, coverage {result.report['quality']['coverage']:.3f}")

    # What another tower says of the same patches is reduced by the same plan, here or on a GPU.
    features = numpy.ones((*result.owners.shape, 768), "f4")
    print(f"{list(features.shape)} -> {list(result.plan.apply(features).shape)}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
