"""Reads a token file as language models take it; the other samples build on this."""
from __future__ import annotations

import importlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

QWEN_MODELS = {"qwen2.5-vl": "qwen2_5_vl", "qwen3-vl": "qwen3_vl"}
#: Where the video goes, and the prompt around a mere question.
PLACES = {
    "llava-onevision": ("<video>", "<|im_start|>user <video>\n{}<|im_end|><|im_start|>assistant\n"),
    "qwen2.5-vl": ("<|video_pad|>",
                   "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n"
                   "<|vision_start|><|video_pad|><|vision_end|>{}<|im_end|>\n<|im_start|>assistant\n"),
    "qwen3-vl": ("<|video_pad|>", "<|im_start|>user\n<|video_pad|>{}<|im_end|>\n<|im_start|>assistant\n"),
}


def family(path: str) -> str:
    """What the tokens of a file were made for: "qwen2.5-vl", "qwen3-vl" or "llava-onevision"."""
    try:
        with safe_open(path, "np") as file:
            return (file.metadata() or {}).get("family", "llava-onevision")
    except SafetensorError as error:
        raise ValueError(f"{path} is not a safetensors file: {error}") from error


def text_around(prompt: str, made_for: str) -> tuple[str, str, str]:
    """What stands before the video, the video's place, and what stands behind it; a mere question gets a template."""
    place, template = PLACES[made_for]
    text = prompt if place in prompt else template.format(prompt)
    if text.count(place) != 1:
        raise ValueError(f"the prompt has the video's place {text.count(place)} times; it takes one {place}")
    return text.partition(place)


@dataclass
class QwenVideo:
    """The tokens of a video for Qwen2.5-VL or Qwen3-VL, and where they lie."""
    family: str
    #: [N, D] each: the tokens, and for Qwen3-VL what its first three layers add to them (DeepStack).
    streams: list
    #: int64 [3, N]: time, row and column, from the first token of the file, or for Qwen3-VL of its temporal group.
    position_ids: np.ndarray
    #: The position of the text behind the video, or behind each group, from the same.
    next_position: int
    #: For each part of the video in the prompt what is said before it, and how many tokens it has.
    parts: list[tuple[str, int]]
    #: Patches in time, rows and columns, of a file made with --grid-preserving.
    grid_thw: list[int] | None
    #: Seconds of every temporal group of the video, those without tokens included.
    frame_times: list[float]

    def spliced(self, before: list[int], after: list[int], encode, start: int, video: int, end: int):
        """The ids of a prompt, its int64 positions [3, S], and the first and last index of each run of video ids.

        `before` and `after` are the ids of the text around the video, `encode` turns text into ids, and `start`,
        `video` and `end` are the ids of the start of vision, of a token of video and of the end of vision. A
        Qwen2.5-VL prompt has start and end in its text, Qwen3-VL has them around every group.
        """
        ids, axes, runs = list(before), [np.tile(np.arange(len(before)), (3, 1))], []
        first, position = 0, len(before)
        for said, count in self.parts:
            text = encode(said) + [start] if said else []
            axes.append(np.tile(position + np.arange(len(text)), (3, 1)))
            position += len(text)
            axes.append(position + self.position_ids[:, first:first + count])
            runs.append((len(ids) + len(text), len(ids) + len(text) + count - 1))
            ids += text + [video] * count
            position += self.next_position
            if said:
                ids.append(end)
                axes.append(np.full((3, 1), position))
                position += 1
            first += count
        axes.append(np.tile(position + np.arange(len(after)), (3, 1)))
        return ids + list(after), np.concatenate(axes, 1), runs


def read_qwen(path: str, framework: str) -> QwenVideo:
    """The tokens of a Qwen2.5-VL or Qwen3-VL video, float32, held by `framework`: "np" or "pt".

    Raises ValueError for what is not for these models, saying what would be.
    """
    library = importlib.import_module("torch" if framework == "pt" else "numpy")
    try:
        with safe_open(path, framework) as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != "tokenreel/1" or metadata.get("family") not in QWEN_MODELS:
                raise ValueError(f"{path} holds no reduced tokens of a Qwen-VL model; "
                                 "make them with `tokenreel reduce --model`")
            if "rank" in file.keys():
                raise ValueError(f"{path} has tokens in prefix order, which these models don't read; "
                                 "reduce with --order reading")
            if metadata.get("space") == "tower":
                raise ValueError(f"{path} has tokens of the vision tower; reduce with --space projected")
            names = ["tokens"] + sorted(name for name in file.keys() if name.startswith("deepstack."))
            if framework == "np" and file.get_slice("tokens").get_dtype() == "BF16":
                raise ValueError(f"{path} has tokens in bf16, which numpy lacks; reduce with --dtype f16 or f32")
            streams = [library.asarray(file.get_tensor(name), dtype=library.float32) for name in names]
            ids = np.asarray(file.get_tensor("position_ids"))
            times = [float(time) for time in file.get_tensor("frame_times")]
            sides = file.get_slice("owners").get_shape()[1:]
    except SafetensorError as error:
        raise ValueError(f"{path} is not a safetensors file: {error}") from error
    groups = json.loads(metadata["groups"]) if "groups" in metadata else [{"timestamp": "", "tokens": ids.shape[1]}]
    grid = [int(size) for size in metadata["grid_thw"].split(",")] if "frame_grid" in metadata else None
    ids, following = from_the_start(ids, metadata, max(sides))
    return QwenVideo(metadata["family"], streams, ids, following,
                     [(group["timestamp"], group["tokens"]) for group in groups], grid, times)


def from_the_start(ids: np.ndarray, metadata: dict, extent: int) -> tuple[np.ndarray, int]:
    """Positions [3, N] counted from the first token of a file, and that of the text behind it.

    A stream's segment goes on with the positions of the segments before; this takes it for a video of its own. `extent`
    is the larger of the rows and columns of a frame: where text lies no farther behind a video, it stays there.
    """
    first, following = int(metadata.get("first_position", 0)), int(metadata["next_position"])
    return ids - np.array([[first], [0], [0]]), max(following - first, min(following, extent))


def read_tokens(path: str, framework: str, checkpoint: str | None = None):
    """The tokens of a video and the model's newline behind them: [N + 1, D], float32.

    `framework` is what reads and holds them: "np" or "pt". A file without a newline takes it from the weights in
    `checkpoint`, a folder. Raises ValueError for what is not for this model, saying what would be.
    """
    try:
        with safe_open(path, framework) as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != "tokenreel/1":
                raise ValueError(f"{path} holds no reduced tokens; make them with `tokenreel reduce`")
            # Tokens that another program made have no model named; their width is all that can be checked.
            model = metadata.get("model", "llava_onevision ")
            if not model.startswith("llava_onevision ") or metadata.get("space") == "tower":
                raise ValueError(f"{path} has tokens of \"{model}\", which the language model can't read; "
                                 "reduce with --model LLAVA-ONEVISION-FOLDER and --space pooled")
            if framework == "np" and file.get_slice("tokens").get_dtype() == "BF16":
                raise ValueError(f"{path} has tokens in bf16, which numpy lacks; reduce with --dtype f16 or f32")
            tokens = file.get_tensor("tokens")
            newline = file.get_tensor("newline") if "newline" in file.keys() else None
    except SafetensorError as error:
        raise ValueError(f"{path} is not a safetensors file: {error}") from error
    if newline is None:
        newline = checkpoint_newline(path, framework, checkpoint)
    if newline.shape[0] != tokens.shape[1]:
        raise ValueError(f"tokens of {tokens.shape[1]} numbers, but a newline of {newline.shape[0]}")
    library = importlib.import_module("torch" if framework == "pt" else "numpy")
    return library.concatenate([library.asarray(part, dtype=library.float32) for part in (tokens, newline[None])])


def checkpoint_newline(path: str, framework: str, checkpoint: str | None):
    """The newline among a checkpoint's weights, [D], for the file at `path`, which has none."""
    for weights in sorted(Path(checkpoint).glob("*.safetensors")) if checkpoint else []:
        with safe_open(weights, framework) as file:
            for name in file.keys():
                if name.split(".")[-1] == "image_newline":
                    return file.get_tensor(name)
    raise ValueError(f"{path} has no tensor \"newline\", the vector that ends a video for this model, and "
                     + (f"{checkpoint} no weights with an image_newline" if checkpoint else "no --checkpoint is named"))
