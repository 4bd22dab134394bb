#!/usr/bin/env python3
"""Asks a vLLM server about a video from its reduced tokens, or shows how; needs numpy and safetensors.

    tokenreel reduce clip.mp4 --model Qwen3-VL-4B-Instruct/ --keep 0.1 --grid-preserving -o clip.safetensors
    vllm serve Qwen/Qwen3-VL-4B-Instruct --enable-mm-embeds
    consume_vllm.py clip.safetensors --prompt "What happens?" --server http://localhost:8000

Writes the tokens beside the file as .npy, which vLLM reads in place of a pickle. For Qwen2.5-VL and Qwen3-VL it counts
the tokens by a grid, so the file has to be made with --grid-preserving. LLaVA-OneVision takes any number, but vLLM has
no entry for the embeddings of its videos; the language model reads those of an image the same way.
Without --server the request is printed, and what stands for it in a program. Leave the server's own
--video-pruning-rate at 0.
"""
from __future__ import annotations

import argparse
import base64
import io
import json
import sys
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np

from token_file import PLACES, QWEN_MODELS, QwenVideo, family, read_qwen, read_tokens

MODELS = {"llava-onevision": "llava-hf/llava-onevision-qwen2-7b-ov-hf", "qwen2.5-vl": "Qwen/Qwen2.5-VL-7B-Instruct",
          "qwen3-vl": "Qwen/Qwen3-VL-8B-Instruct"}
OFFLINE = """
In a program:

    llm = LLM("{model}", enable_mm_embeds=True)
    tokens = torch.from_numpy(numpy.load("{npy}"))          # {shape}
    llm.generate({{"prompt": {prompt},
                  "multi_modal_data": {data}}})"""


def video_fields(video: QwenVideo) -> dict:
    """What vLLM wants to know of a Qwen-VL video besides its embeddings: patches in time, rows, columns, and times."""
    if not video.grid_thw:
        raise ValueError("these tokens are no grid, and vLLM counts a Qwen-VL video by one; "
                         "reduce with --grid-preserving")
    fields = {"video_grid_thw": video.grid_thw}
    return fields | ({"timestamps": video.frame_times} if video.family == "qwen3-vl" else {})


def part(tokens: np.ndarray, fields: dict | None) -> dict:
    """A content part with the tokens, [N, D] as .npy in base64; `fields` are those of a Qwen-VL video."""
    buffer = io.BytesIO()
    np.save(buffer, tokens)
    embeddings = base64.b64encode(buffer.getvalue()).decode()
    if fields is None:
        return {"type": "image_embeds", "image_embeds": embeddings}
    return {"type": "video_embeds", "video_embeds": {"video_embeds": embeddings} | fields}


def request(content: dict, arguments: argparse.Namespace, model: str) -> dict:
    """The body for /v1/chat/completions: the tokens and the words."""
    content = [content, {"type": "text", "text": arguments.prompt}]
    return {"model": model, "messages": [{"role": "user", "content": content}],
            "max_tokens": arguments.max_tokens, "temperature": 0}


def post(body: dict, server: str) -> str:
    """The server's answer."""
    sent = urllib.request.Request(server.rstrip("/") + "/v1/chat/completions", json.dumps(body).encode(),
                                  {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(sent) as response:
            return json.load(response)["choices"][0]["message"]["content"]
    except urllib.error.HTTPError as error:
        raise ValueError(f"{server} answered {error.code}: {error.read().decode(errors='replace')}") from error


def show(body: dict, tokens: np.ndarray, made_for: str, fields: dict | None, npy: Path) -> None:
    """Prints the request with the tokens cut short, and the same without a server."""
    content = body["messages"][0]["content"][0]
    holder, name = (content, "image_embeds") if fields is None else (content["video_embeds"], "video_embeds")
    holder[name] = f"{holder[name][:24]}… ({len(holder[name])} characters)"
    print("POST /v1/chat/completions\n" + json.dumps(body, indent=1, ensure_ascii=False))
    if fields is None:
        prompt = PLACES["llava-onevision"][1].replace("<video>", "<image>")
        data = '{"image": [tokens]}'
    else:
        # In a program every field has one entry for each video, and the place of any video stands in its marks.
        bare = PLACES[made_for][1].replace("<|vision_start|>", "").replace("<|vision_end|>", "")
        prompt = bare.replace("<|video_pad|>", "<|vision_start|><|video_pad|><|vision_end|>")
        more = "".join(f', "{key}": torch.tensor([{value}])' for key, value in fields.items())
        data = f'{{"video": {{"video_embeds": tokens{more}}}}}'
    print(OFFLINE.format(model=body["model"], npy=npy, shape=list(tokens.shape), data=data,
                         prompt=json.dumps(prompt.format("…"), ensure_ascii=False)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tokens", metavar="TOKENS.safetensors", help="what `tokenreel reduce` wrote")
    parser.add_argument("--prompt", required=True)
    parser.add_argument("--server", metavar="URL", help="sends the request there and prints the answer")
    parser.add_argument("--model", help="the server's name of it (default: the 7B or 8B model of the tokens' family)")
    parser.add_argument("--max-tokens", type=int, default=128, metavar="N")
    parser.add_argument("--dtype", choices=["f16", "f32"], default="f16", help="of the .npy (default: %(default)s)")
    parser.add_argument("--checkpoint", metavar="FOLDER", help="has the newline that the token file may lack")
    arguments = parser.parse_args()
    try:
        made_for, fields = family(arguments.tokens), None
        if made_for in QWEN_MODELS:
            video = read_qwen(arguments.tokens, "np")
            # Qwen3-VL's DeepStack vectors stand behind each token.
            tokens, fields = np.concatenate(video.streams, 1), video_fields(video)
        else:
            tokens = read_tokens(arguments.tokens, "np", arguments.checkpoint)
        tokens = tokens.astype("<f2" if arguments.dtype == "f16" else "<f4")
        npy = Path(arguments.tokens).with_suffix(".npy")
        np.save(npy, tokens)
        body = request(part(tokens, fields), arguments, arguments.model or MODELS.get(made_for, made_for))
        if arguments.server:
            print(post(body, arguments.server))
        else:
            show(body, tokens, made_for, fields, npy)
    except (OSError, ValueError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
