"""What can be asked for."""
from __future__ import annotations

import json
import os
from typing import Any, Mapping, TypedDict, Union

Path = Union[str, "os.PathLike[str]"]


class CallOptions(TypedDict, total=False):
    """Options of a reduction: the command's, which `tokenreel reduce --help` explains, with _ for -.

    `measure=False` leaves out the report's figures of quality, which can take longer than the reduction.
    """

    method: str
    set: Mapping[str, float | str]
    keep: float | None
    tokens: int | None
    per_frame: int | None
    grid_preserving: bool
    compare_streams: bool
    codebook: int | str | None
    order: str
    positions: str
    quantize: str | None
    as_published: bool
    allow_substitute: bool
    query_image: Path | None
    query_embedding: Path | None
    fps: float | None
    frames: int | str | None
    keyframes: bool
    start: float | None
    end: float | None
    stream: int | None
    source_name: str | None
    measure: bool
    window: int | None
    max_latency: float | None
    threads: int | None
    max_pixels: int | None
    max_frames: int | None
    max_bytes: int | None
    max_grid_bytes: int | None
    max_seconds: float | None


class StreamOptions(CallOptions, total=False):
    """Options of a stream."""

    query: str | None


class ModelOptions(CallOptions, total=False):
    """Options of a model, and of its reductions where they don't say otherwise."""

    query_model: Path | None
    layer: int | None
    space: str | None
    saliency: str | None
    precision: str | None
    least_pixels: int | None
    most_pixels: int | None
    grid: tuple[int, int] | None
    query: str | None


def encoded(options: Mapping[str, Any]) -> bytes:
    """The options as the library takes them."""
    return json.dumps(options, default=_plain).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    # Numbers of numpy and torch.
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"{value!r} is no value for an option")
