"""Reduced tokens."""
from __future__ import annotations

import ctypes
import functools
import json
import os
from typing import TYPE_CHECKING, Any, Iterator, Mapping

import numpy

from . import _library
from ._library import Handle, Tensor, call, function
from ._tensors import view
from .plan import Plan

if TYPE_CHECKING:
    import torch


class Result(Mapping[str, numpy.ndarray]):
    """Reduced tokens with the map back to the video: the tensors of a token file by name.

    Arrays are read-only views of the library's memory, which lives as long as any of them. `tokens` is always float32.
    """

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self._tensors: dict[str, Tensor] = {}
        for index in range(function("result_count")(handle.value)):
            tensor = Tensor()
            call("result_tensor", handle.value, index, ctypes.byref(tensor))
            self._tensors[tensor.name.decode()] = tensor

    def __getitem__(self, name: str) -> numpy.ndarray:
        return view(self._tensors[name], self._handle)

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)

    def __repr__(self) -> str:
        return f"<Result of {self.plan.shape[0]} tokens from {self.plan.shape[1]}>"

    @property
    def tokens(self) -> numpy.ndarray:
        """[N, D]: in the order the language model reads them."""
        return self["tokens"]

    @property
    def positions(self) -> numpy.ndarray:
        """[N, 3]: frame, row and column of each token."""
        return self["positions"]

    @property
    def timestamps(self) -> numpy.ndarray:
        """[N]: seconds."""
        return self["timestamps"]

    @property
    def sizes(self) -> numpy.ndarray:
        """[N]: source tokens that each stands for."""
        return self["sizes"]

    @property
    def owners(self) -> numpy.ndarray:
        """[T, H, W]: which token stands for each source token, -1 for none."""
        return self["owners"]

    @property
    def plan(self) -> Plan:
        """The whole map, to reduce other features the same way, on a GPU for instance."""
        return Plan(self["plan.offsets"], self["plan.sources"], self["plan.weights"], self.owners.size)

    def to_torch(self, name: str = "tokens", device: Any = None) -> torch.Tensor:
        """A tensor of torch; on the CPU it shares the library's memory, so don't write to it."""
        import torch

        array = view(self._tensors[name], self._handle, writable=True)
        # torch has no unsigned numbers of 16 bits in most of its functions.
        tensor = torch.from_numpy(array.astype("i4") if array.dtype == numpy.uint16 else array)
        return tensor if device is None else tensor.to(device)

    @functools.cached_property
    def _description(self) -> dict[str, Any]:
        return json.loads(function("result_description")(self._handle.value))

    @property
    def metadata(self) -> dict[str, str]:
        """The strings of the token file: where the tokens come from, and how."""
        return self._description["metadata"]

    @property
    def report(self) -> dict[str, Any] | None:
        """What the reduction took and how good it is, as `tokenreel reduce --json` tells it; None for a file."""
        return self._description["report"]

    def write(self, path: str | os.PathLike[str], dtype: str = "f16") -> None:
        """Writes a token file, with tokens in "f16", "bf16" or "f32"."""
        call("result_write", self._handle.value, os.fsencode(path), dtype.encode())


def load(path: str | os.PathLike[str]) -> Result:
    """Reads a token file."""
    return Result(_library.made("result", "read_file", os.fsencode(path)))
