#!/usr/bin/env python3
"""Answers a question about a video from its reduced tokens, with LLaVA-OneVision in transformers.

    tokenreel reduce clip.mp4 --model llava-onevision-qwen2-0.5b-ov-hf/ --keep 0.1 -o clip.safetensors
    consume_transformers.py clip.safetensors llava-onevision-qwen2-0.5b-ov-hf/ --prompt "What happens?"

Needs torch, transformers (4.57 or newer) and safetensors; of the checkpoint, the tokenizer and the weights, and no
image processor. The prompt gets as many <video> ids as there are tokens; their embeddings are then replaced in one of
two ways with equal results:

    encoder-outputs   `mm_encoder_outputs`, which the model splices itself (transformers 5.19 or newer)
    embeddings        `inputs_embeds`, spliced here (any version)
"""
from __future__ import annotations

import argparse
import inspect
import sys
from pathlib import Path

import torch
from transformers import AutoTokenizer, LlavaOnevisionForConditionalGeneration
from transformers.modeling_outputs import BaseModelOutputWithPooling

from token_file import read_tokens

TEMPLATE = "<|im_start|>user <video>\n{}<|im_end|><|im_start|>assistant\n"
PATHS = ["encoder-outputs", "embeddings"]


def default_path() -> str:
    """The model's own splicing where this transformers has it."""
    parameters = inspect.signature(LlavaOnevisionForConditionalGeneration.forward).parameters
    return PATHS[0] if "mm_encoder_outputs" in parameters else PATHS[1]


def prompt_ids(tokenizer, prompt: str, video_id: int, count: int) -> torch.Tensor:
    """The prompt as ids, [1, S], with `count` ids in the video's place."""
    ids = tokenizer(prompt if "<video>" in prompt else TEMPLATE.format(prompt)).input_ids
    if ids.count(video_id) != 1:
        raise ValueError(f"the prompt has the video's place {ids.count(video_id)} times; it takes one <video>")
    place = ids.index(video_id)
    return torch.tensor([ids[:place] + [video_id] * count + ids[place + 1:]])


def model_inputs(model, ids: torch.Tensor, tokens: torch.Tensor, path: str) -> dict:
    """What `model(...)` and `model.generate(...)` take: ids [1, S] with N places, and tokens [N, D]."""
    width = model.config.text_config.hidden_size
    if tokens.shape[1] != width:
        raise ValueError(f"tokens of {tokens.shape[1]} numbers; this language model reads {width}: "
                         "reduce with --model naming this checkpoint")
    ids = ids.to(model.device)
    inputs = {"attention_mask": torch.ones_like(ids)}
    if path == "encoder-outputs":
        video = BaseModelOutputWithPooling(pooler_output=tokens[None].to(model.device))
        return inputs | {"input_ids": ids, "mm_encoder_outputs": {"video": video}}
    embeddings = model.get_input_embeddings()(ids)
    embeddings[ids == model.config.video_token_id] = tokens.to(embeddings)
    return inputs | {"inputs_embeds": embeddings}


def answer(arguments: argparse.Namespace) -> str:
    """Loads the model, splices, and generates greedily."""
    if arguments.path == "encoder-outputs" and default_path() != "encoder-outputs":
        raise ValueError("this transformers has no mm_encoder_outputs; use --path embeddings")
    if not Path(arguments.checkpoint).is_dir():
        raise ValueError(f"{arguments.checkpoint} is not a folder")
    tokens = read_tokens(arguments.tokens, "pt", arguments.checkpoint)
    tokenizer = AutoTokenizer.from_pretrained(arguments.checkpoint)
    model = LlavaOnevisionForConditionalGeneration.from_pretrained(arguments.checkpoint, dtype=arguments.dtype)
    model = model.eval().to(arguments.device)
    ids = prompt_ids(tokenizer, arguments.prompt, model.config.video_token_id, len(tokens))
    inputs = model_inputs(model, ids, tokens, arguments.path)
    print(f"{len(tokens) - 1} tokens and a newline, {ids.shape[1]} ids in all, by {arguments.path}", file=sys.stderr)
    output = model.generate(**inputs, max_new_tokens=arguments.max_new_tokens, do_sample=False)
    # With embeddings alone generate() can't give the prompt back.
    fresh = output[0, ids.shape[1]:] if "input_ids" in inputs else output[0]
    return tokenizer.decode(fresh, skip_special_tokens=True)


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tokens", metavar="TOKENS.safetensors", help="what `tokenreel reduce` wrote")
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help="a folder of LLaVA-OneVision in Hugging Face's form")
    parser.add_argument("--prompt", required=True, help="a question, or a whole prompt with <video> in it")
    parser.add_argument("--max-new-tokens", type=int, default=128, metavar="N")
    parser.add_argument("--path", choices=PATHS, default=default_path(), help="default: %(default)s")
    parser.add_argument("--dtype", default="auto", help="float32, float16, bfloat16 (default: as stored)")
    parser.add_argument("--device", default="cpu", help="default: %(default)s")
    try:
        print(answer(parser.parse_args()))
    except (OSError, ValueError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
