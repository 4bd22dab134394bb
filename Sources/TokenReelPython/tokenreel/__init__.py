"""Reduces the visual tokens of videos for language models.

    import tokenreel

    model = tokenreel.Model(keep=0.1)
    result = model.reduce("clip.mp4")
    result.tokens                       # [N, D], a view of the library's memory
    result.plan.apply(features)         # the same reduction of other features, on any device

`tokenreel.for_transformers` and `tokenreel.for_vllm` hand results to language models.
"""
from .errors import (CancelledError, InputOutputError, InvalidArgumentError, LimitExceededError, MissingSignalError,
                     TokenReelError, UnreadableInputError, UnsupportedInputError)
from .model import Model, methods, version
from .plan import Plan
from .result import Result, load
from .runtimes import for_transformers, for_vllm, for_vllm_server, video_embeddings
from .stream import Stream

__all__ = [
    "CancelledError", "InputOutputError", "InvalidArgumentError", "LimitExceededError", "MissingSignalError", "Model",
    "Plan", "Result", "Stream", "TokenReelError", "UnreadableInputError", "UnsupportedInputError", "for_transformers",
    "for_vllm", "for_vllm_server", "load", "methods", "version", "video_embeddings",
]
