#!/usr/bin/env python3
"""Answers a question about a video from its reduced tokens, with transformers.

    tokenreel reduce clip.mp4 --model Qwen3-VL-4B-Instruct/ --keep 0.1 -o clip.safetensors
    consume_transformers.py clip.safetensors Qwen3-VL-4B-Instruct/ --prompt "What happens?"

For LLaVA-OneVision, Qwen2.5-VL and Qwen3-VL. Needs torch, transformers (4.57 or newer) and safetensors; of the
checkpoint, the tokenizer and the weights, and no image processor. The prompt gets as many video ids as there are
tokens; their embeddings are then replaced in one of two ways with equal results:

    encoder-outputs   `mm_encoder_outputs`, which the model splices itself (transformers 5.19 or newer)
    embeddings        `inputs_embeds`, spliced here (any version)

A Qwen model is told the position of every id, because it can't work them out for tokens that are missing.
"""
from __future__ import annotations

import argparse
import inspect
import sys
from pathlib import Path
from types import SimpleNamespace

import torch
from transformers import AutoModelForImageTextToText, AutoTokenizer, LlavaOnevisionForConditionalGeneration

from token_file import QWEN_MODELS, QwenVideo, family, read_qwen, read_tokens, text_around

PATHS = ["encoder-outputs", "embeddings"]


def default_path() -> str:
    """The model's own splicing where this transformers has it."""
    parameters = inspect.signature(LlavaOnevisionForConditionalGeneration.forward).parameters
    return PATHS[0] if "mm_encoder_outputs" in parameters else PATHS[1]


def text_ids(tokenizer, prompt: str, made_for: str) -> tuple[list[int], list[int]]:
    """The ids before and behind the place of the video."""
    before, place, after = text_around(prompt, made_for)
    ids = tokenizer(before + place + after).input_ids
    index = ids.index(tokenizer.convert_tokens_to_ids(place))
    return ids[:index], ids[index + 1:]


def llava_inputs(model, text: tuple[list[int], list[int]], tokens: torch.Tensor, path: str) -> dict:
    """What `model(...)` and `model.generate(...)` take, for tokens [N, D] with the newline."""
    check_width(model, tokens)
    before, after = text
    ids = torch.tensor([before + [model.config.video_token_id] * len(tokens) + after], device=model.device)
    inputs = {"attention_mask": torch.ones_like(ids)}
    if path == "encoder-outputs":
        video = SimpleNamespace(pooler_output=tokens[None].to(model.device))
        return inputs | {"input_ids": ids, "mm_encoder_outputs": {"video": video}}
    embeddings = model.get_input_embeddings()(ids)
    embeddings[ids == model.config.video_token_id] = tokens.to(embeddings)
    return inputs | {"inputs_embeds": embeddings}


def qwen_inputs(model, tokenizer, text: tuple[list[int], list[int]], video: QwenVideo, path: str) -> dict:
    """The same for a Qwen model, with the positions [3, 1, S] of all ids."""
    tokens, *deepstack = [stream.to(model.device) for stream in video.streams]
    check_width(model, tokens)
    config = model.config
    ids, positions, _ = video.spliced(
        *text, lambda said: tokenizer(said, add_special_tokens=False).input_ids,
        config.vision_start_token_id, config.video_token_id, config.vision_end_token_id)
    ids = torch.tensor([ids], device=model.device)
    positions = torch.tensor(positions, device=model.device)[:, None]
    inputs = {"attention_mask": torch.ones_like(ids), "position_ids": positions}
    if path == "encoder-outputs":
        output = SimpleNamespace(pooler_output=[tokens], deepstack_features=[[stream] for stream in deepstack])
        return inputs | {"input_ids": ids, "mm_encoder_outputs": {"video": output}}
    places = ids == config.video_token_id
    embeddings = model.get_input_embeddings()(ids)
    embeddings[places] = tokens.to(embeddings)
    if deepstack:
        add_in_first_layers(model, places, [stream.to(embeddings) for stream in deepstack])
    return inputs | {"inputs_embeds": embeddings}


def add_in_first_layers(model, places: torch.Tensor, deepstack: list[torch.Tensor]) -> None:
    """Hands DeepStack to the language model when it reads the prompt, which `inputs_embeds` alone would not."""
    def hand_over(module, arguments, named):
        if named["inputs_embeds"].shape[1] == places.shape[1]:
            named |= {"visual_pos_masks": places, "deepstack_visual_embeds": deepstack}
        return arguments, named

    model.model.language_model.register_forward_pre_hook(hand_over, with_kwargs=True)


def check_width(model, tokens: torch.Tensor) -> None:
    width = model.config.get_text_config().hidden_size
    if tokens.shape[1] != width:
        raise ValueError(f"tokens of {tokens.shape[1]} numbers; this language model reads {width}: "
                         "reduce with --model naming this checkpoint")


def answer(arguments: argparse.Namespace) -> str:
    """Loads the model, splices, and generates greedily."""
    if arguments.path == "encoder-outputs" and default_path() != "encoder-outputs":
        raise ValueError("this transformers has no mm_encoder_outputs; use --path embeddings")
    if not Path(arguments.checkpoint).is_dir():
        raise ValueError(f"{arguments.checkpoint} is not a folder")
    made_for = family(arguments.tokens)
    is_qwen = made_for in QWEN_MODELS
    video = read_qwen(arguments.tokens, "pt") if is_qwen else read_tokens(arguments.tokens, "pt", arguments.checkpoint)
    tokenizer = AutoTokenizer.from_pretrained(arguments.checkpoint)
    model = AutoModelForImageTextToText.from_pretrained(arguments.checkpoint, dtype=arguments.dtype)
    model = model.eval().to(arguments.device)
    expected = QWEN_MODELS.get(made_for, "llava_onevision")
    if model.config.model_type.removesuffix("_moe") != expected:
        raise ValueError(f"tokens for {made_for}; {arguments.checkpoint} is a {model.config.model_type}")
    text = text_ids(tokenizer, arguments.prompt, made_for)
    if is_qwen:
        inputs, kept = qwen_inputs(model, tokenizer, text, video, arguments.path), f"{len(video.streams[0])} tokens"
    else:
        inputs, kept = llava_inputs(model, text, video, arguments.path), f"{len(video) - 1} tokens and a newline"
    length = inputs["attention_mask"].shape[1]
    print(f"{kept}, {length} ids in all, by {arguments.path}", file=sys.stderr)
    output = model.generate(**inputs, max_new_tokens=arguments.max_new_tokens, do_sample=False)
    # With embeddings alone generate() can't give the prompt back.
    fresh = output[0, length:] if "input_ids" in inputs else output[0]
    return tokenizer.decode(fresh, skip_special_tokens=True)


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tokens", metavar="TOKENS.safetensors", help="what `tokenreel reduce` wrote")
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help="a folder of the model in Hugging Face's form")
    parser.add_argument("--prompt", required=True, help="a question, or a whole prompt with the video's place in it")
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
