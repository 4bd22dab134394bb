#!/usr/bin/env python3
"""Compares what LLaVA-OneVision makes of a token file with what it makes of the video; prints one JSON object.

    check-consumers.py prepare CHECKPOINT                 gives a tiny random checkpoint a tokenizer of its own
    check-consumers.py compare CHECKPOINT TOKENS [CLIP]   logits by both ways of splicing; with the clip that an
                                                          unreduced file was made from, also from its pixels

Needs torch, transformers 5 and pillow, and the ffmpeg command for the clip. All logits are of the whole prompt, in
float32, and differences are shares of the largest. Frames are those at the file's `frame_times`, decoded by ffmpeg with
accurate rounding. They become pixels twice: by transformers' image processor for Pillow, whose resize `tokenreel`
equals, and where torchvision is installed by the model's own video processor, which differs from that by up to one level
of 255.
"""
from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors import safe_open
from transformers import AutoTokenizer, LlavaOnevisionForConditionalGeneration

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "Samples"))
from consume_transformers import PATHS, llava_inputs, text_ids  # noqa: E402
from token_file import read_tokens  # noqa: E402

PROMPT = "w4 w5 w6"


def prepare(checkpoint: str) -> None:
    """Words w1... and the placeholders, with the ids that the tiny checkpoint's config.json has for them."""
    from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = {"<unk>": 0} | {f"w{i}": i for i in range(1, 60)}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    placeholders = ["<|im_start|>", "<|im_end|>", "<image>", "<video>"]
    tokenizer.add_special_tokens([AddedToken(text, special=True) for text in placeholders])
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>").save_pretrained(checkpoint)


def frames(clip: str, times: list[float], rate: float = 25, size: tuple[int, int] = (360, 640)) -> list[np.ndarray]:
    """The frames shown at `times` in a clip of constant rate."""
    chosen = "+".join(f"eq(n,{round(time * rate)})" for time in times)
    scale = "scale=iw:ih:flags=bicubic+accurate_rnd+full_chroma_int+bitexact"
    command = ["ffmpeg", "-v", "error", "-i", clip, "-vf", f"select='{chosen}',{scale},format=gbrp", "-vsync",
               "passthrough", "-pix_fmt", "rgb24", "-f", "rawvideo", "-"]
    pictures = np.frombuffer(subprocess.run(command, check=True, capture_output=True).stdout, np.uint8)
    return list(pictures.reshape(len(times), *size, 3))


def pixel_values(checkpoint: str, pictures: list[np.ndarray]) -> dict[str, torch.Tensor]:
    """`pixel_values_videos`, [1, T, 3, S, S], by each processor that can be had."""
    from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

    pillow = SiglipImageProcessorPil.from_pretrained(checkpoint)
    images = [Image.fromarray(picture) for picture in pictures]
    values = {"pillow": torch.as_tensor(np.stack(pillow(images)["pixel_values"]))[None]}
    if importlib.util.find_spec("torchvision"):
        from transformers import LlavaOnevisionVideoProcessor

        processor = LlavaOnevisionVideoProcessor.from_pretrained(checkpoint)
        video = torch.as_tensor(np.stack(pictures)).permute(0, 3, 1, 2)
        values["torchvision"] = processor([video], return_tensors="pt")["pixel_values_videos"]
    return values


@torch.no_grad()
def compare(checkpoint: str, path: str, clip: str | None = None) -> dict[str, float]:
    model = LlavaOnevisionForConditionalGeneration.from_pretrained(checkpoint, dtype=torch.float32).eval()
    tokens = read_tokens(path, "pt", checkpoint)
    text = text_ids(AutoTokenizer.from_pretrained(checkpoint), PROMPT, "llava-onevision")
    ids = llava_inputs(model, text, tokens, PATHS[0])["input_ids"]

    def spliced(tokens: torch.Tensor, way: str) -> torch.Tensor:
        return model(**llava_inputs(model, text, tokens, way)).logits

    logits, other = [spliced(tokens, way) for way in PATHS]

    def difference(reference: torch.Tensor) -> float:
        return float((logits - reference).abs().max() / reference.abs().max())

    figures = {"ids": ids.shape[1], "between_paths": difference(other),
               "without_video": difference(spliced(torch.zeros_like(tokens), PATHS[0]))}
    if clip:
        with safe_open(path, "np") as file:
            times = file.get_tensor("frame_times")
        for name, pixels in pixel_values(checkpoint, frames(clip, times)).items():
            inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "pixel_values_videos": pixels}
            figures[f"from_pixels_{name}"] = difference(model(**inputs).logits)
    return figures


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["prepare", checkpoint]:
            prepare(checkpoint)
        case ["compare", *arguments] if 2 <= len(arguments) <= 3:
            print(json.dumps(compare(*arguments)))
        case _:
            sys.exit(__doc__)
