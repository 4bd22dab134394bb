"""Reads a token file as LLaVA-OneVision's language model takes it; the other samples build on this."""
from __future__ import annotations

import importlib
from pathlib import Path

from safetensors import SafetensorError, safe_open


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
