#!/usr/bin/env python3
"""Answers a question about a video from its reduced tokens, with SGLang in this process, or shows what it is given.

    tokenreel reduce clip.mp4 --model Qwen2.5-VL-7B-Instruct/ --keep 0.1 -o clip.safetensors
    consume_sglang.py clip.safetensors Qwen2.5-VL-7B-Instruct/ --prompt "What happens?"

For Qwen2.5-VL and Qwen3-VL. Needs numpy, safetensors, torch, transformers for the tokenizer, and sglang (0.5) to
answer; --show needs no sglang. Its engine takes embeddings in any number together with the positions of all ids, so
that every token keeps its place in the video; over HTTP it takes neither.
"""
from __future__ import annotations

import argparse
import json
import sys

import torch
from transformers import AutoConfig, AutoTokenizer

from consume_transformers import text_ids
from token_file import QWEN_MODELS, QwenVideo, family, read_qwen


def request(video: QwenVideo, config, tokenizer, prompt: str) -> dict:
    """The arguments of `Engine.generate`: ids with the video's expanded, and one item of video data."""
    ids, positions, runs = video.spliced(
        *text_ids(tokenizer, prompt, video.family), lambda said: tokenizer(said, add_special_tokens=False).input_ids,
        config.vision_start_token_id, config.video_token_id, config.vision_end_token_id)
    item = {
        "format": "precomputed_embedding",
        # Qwen3-VL's DeepStack vectors stand behind each token, as its vision model would give them.
        "feature": torch.cat(video.streams, 1),
        "offsets": [run for run in runs if run[0] <= run[1]],
        "mrope_positions": torch.tensor(positions),
        # Where the next id lies, less its index.
        "mrope_position_delta": torch.tensor([[int(positions.max()) + 1 - len(ids)]]),
    }
    return {"input_ids": ids, "video_data": [item]}


def show(arguments: dict) -> str:
    """The arguments with tensors as their shapes."""
    item = {key: f"{value.dtype} {list(value.shape)}" if torch.is_tensor(value) else value
            for key, value in arguments["video_data"][0].items()}
    return json.dumps({"input_ids": arguments["input_ids"], "video_data": [item]})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tokens", metavar="TOKENS.safetensors", help="what `tokenreel reduce` wrote")
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help="a folder of the model in Hugging Face's form")
    parser.add_argument("--prompt", required=True, help="a question, or a whole prompt with <|video_pad|> in it")
    parser.add_argument("--max-new-tokens", type=int, default=128, metavar="N")
    parser.add_argument("--show", action="store_true", help="print what the engine would be given, and stop")
    arguments = parser.parse_args()
    try:
        if family(arguments.tokens) not in QWEN_MODELS:
            raise ValueError(f"{arguments.tokens} holds no tokens of a Qwen-VL model")
        config, tokenizer = [kind.from_pretrained(arguments.checkpoint) for kind in (AutoConfig, AutoTokenizer)]
        given = request(read_qwen(arguments.tokens, "pt"), config, tokenizer, arguments.prompt)
        if arguments.show:
            print(show(given))
            return
        import sglang

        engine = sglang.Engine(model_path=arguments.checkpoint, enable_multimodal=True)
        limits = {"max_new_tokens": arguments.max_new_tokens, "temperature": 0}
        print(engine.generate(**given, sampling_params=limits)["text"])
    except (ImportError, OSError, ValueError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
