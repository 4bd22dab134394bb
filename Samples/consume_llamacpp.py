#!/usr/bin/env python3
"""Writes the tokens of a Qwen-VL video as llama.cpp's batches take them; needs numpy and safetensors.

    tokenreel reduce clip.mp4 --model Qwen3-VL-4B-Instruct/ --keep 0.1 -o clip.safetensors
    consume_llamacpp.py clip.safetensors

Writes beside the file clip.embd, float32 [N, n_embd_inp], and clip.pos, int32 [4, n] for every batch, one after the
other: time, row, column and an unused zero, from the position at which the batch starts. Prints the prompt's order as
JSON: texts to be tokenized and decoded as usual, and batches of embeddings with the rows of clip.embd they take and how
far the position advances.
"""
from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from token_file import QWEN_MODELS, QwenVideo, family, read_qwen, text_around


def batches(video: QwenVideo, prompt: str) -> tuple[list[dict], list[np.ndarray]]:
    """What is decoded in order, and the positions [4, n] of each batch of embeddings."""
    if (video.position_ids[0] >= video.next_position).any():
        raise ValueError("the text behind the video would lie within its time, and llama.cpp reads positions that "
                         "ascend; reduce with --positions vllm")
    text, _, behind = text_around(prompt, video.family)
    order, positions, first = [], [], 0
    for said, count in video.parts:
        order.append({"text": text + (f"{said}<|vision_start|>" if said else "")})
        order.append({"rows": [first, first + count], "advance": video.next_position})
        ids = video.position_ids[:, first:first + count]
        positions.append(np.concatenate([ids, np.zeros_like(ids[:1])]).astype("<i4"))
        text = "<|vision_end|>" if said else ""
        first += count
    return order + [{"text": text + behind}], positions


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tokens", metavar="TOKENS.safetensors", help="what `tokenreel reduce` wrote")
    parser.add_argument("--prompt", default="Describe the video.", help="default: %(default)s")
    arguments = parser.parse_args()
    try:
        if family(arguments.tokens) not in QWEN_MODELS:
            raise ValueError(f"{arguments.tokens} holds no tokens of a Qwen-VL model")
        video = read_qwen(arguments.tokens, "np")
        order, positions = batches(video, arguments.prompt)
        # Qwen3-VL's DeepStack vectors stand behind each token.
        rows = np.concatenate(video.streams, 1).astype("<f4")
        rows.tofile(Path(arguments.tokens).with_suffix(".embd"))
        np.concatenate([batch.ravel() for batch in positions]).tofile(Path(arguments.tokens).with_suffix(".pos"))
        print(json.dumps({"n_embd_inp": rows.shape[1], "order": order}, ensure_ascii=False))
    except (OSError, ValueError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
