#!/usr/bin/env python3
"""Asks a vLLM server about a video from its reduced tokens, or shows how; needs numpy and safetensors.

    tokenreel reduce clip.mp4 --model llava-onevision-qwen2-7b-ov-hf/ --keep 0.1 -o clip.safetensors
    vllm serve llava-hf/llava-onevision-qwen2-7b-ov-hf --enable-mm-embeds
    consume_vllm.py clip.safetensors --prompt "What happens?" --server http://localhost:8000

Writes the tokens beside the file as .npy, which vLLM reads in place of a pickle. vLLM has no entry for the embeddings
of a LLaVA-OneVision video, but the language model reads those of an image the same way, and as many as there are.
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

from token_file import read_tokens

OFFLINE = """
In a program:

    llm = LLM("{model}", enable_mm_embeds=True)
    tokens = torch.from_numpy(numpy.load("{npy}"))          # {shape}
    llm.generate({{"prompt": "<|im_start|>user <image>\\n…<|im_end|><|im_start|>assistant\\n",
                  "multi_modal_data": {{"image": [tokens]}}}})"""


def request(tokens: np.ndarray, arguments: argparse.Namespace) -> dict:
    """The body for /v1/chat/completions: one content part with the tokens, [N, D] as .npy in base64, and the words."""
    buffer = io.BytesIO()
    np.save(buffer, tokens)
    embeddings = base64.b64encode(buffer.getvalue()).decode()
    content = [{"type": "image_embeds", "image_embeds": embeddings}, {"type": "text", "text": arguments.prompt}]
    return {"model": arguments.model, "messages": [{"role": "user", "content": content}],
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


def show(body: dict, tokens: np.ndarray, npy: Path) -> None:
    """Prints the request with the tokens cut short, and the same without a server."""
    part = body["messages"][0]["content"][0]
    part["image_embeds"] = f"{part['image_embeds'][:24]}… ({len(part['image_embeds'])} characters)"
    print("POST /v1/chat/completions\n" + json.dumps(body, indent=1, ensure_ascii=False))
    print(OFFLINE.format(model=body["model"], npy=npy, shape=list(tokens.shape)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tokens", metavar="TOKENS.safetensors", help="what `tokenreel reduce` wrote")
    parser.add_argument("--prompt", required=True)
    parser.add_argument("--server", metavar="URL", help="sends the request there and prints the answer")
    parser.add_argument("--model", default="llava-hf/llava-onevision-qwen2-7b-ov-hf", help="default: %(default)s")
    parser.add_argument("--max-tokens", type=int, default=128, metavar="N")
    parser.add_argument("--dtype", choices=["f16", "f32"], default="f16", help="of the .npy (default: %(default)s)")
    parser.add_argument("--checkpoint", metavar="FOLDER", help="has the newline that the token file may lack")
    arguments = parser.parse_args()
    try:
        tokens = read_tokens(arguments.tokens, "np", arguments.checkpoint)
        tokens = tokens.astype("<f2" if arguments.dtype == "f16" else "<f4")
        npy = Path(arguments.tokens).with_suffix(".npy")
        np.save(npy, tokens)
        body = request(tokens, arguments)
        if arguments.server:
            print(post(body, arguments.server))
        else:
            show(body, tokens, npy)
    except (OSError, ValueError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
