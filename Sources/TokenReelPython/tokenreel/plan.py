"""A reduction as a sparse matrix."""
from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy

from ._tensors import is_torch

if TYPE_CHECKING:
    import scipy.sparse
    import torch

# Numbers gathered at a time by `Plan.apply`, so that a long video needs little memory beside its features.
_BLOCK = 1 << 24


class Plan:
    """The map from source tokens to reduced ones: row i is a weighted sum of sources.

    Compressed sparse rows: entries `offsets[i]` to `offsets[i + 1]` of `sources` and `weights` make up row i. The
    arrays are views of the library's memory.
    """

    def __init__(
        self, offsets: numpy.ndarray, sources: numpy.ndarray, weights: numpy.ndarray, source_count: int
    ) -> None:
        self.offsets, self.sources, self.weights = offsets, sources, weights
        self.shape = (len(offsets) - 1, source_count)

    def __repr__(self) -> str:
        return f"<Plan of {self.shape[0]} tokens from {self.shape[1]}>"

    def csr(self) -> scipy.sparse.csr_array:
        """The plan as a matrix of scipy, [N, T * H * W], over the same memory."""
        import scipy.sparse

        return scipy.sparse.csr_array((self.weights, self.sources, self.offsets), shape=self.shape)

    def to_torch(self, device: Any = None) -> torch.Tensor:
        """The plan as a sparse matrix of torch in compressed rows, [N, T * H * W]."""
        import torch

        parts = [torch.tensor(part, device=device) for part in (self.offsets, self.sources.astype("i8"), self.weights)]
        return torch.sparse_csr_tensor(*parts, size=self.shape)

    def apply(self, features: Any) -> Any:
        """The same reduction of other features: [T, H, W, ...] or [T * H * W, ...] to [N, ...].

        Takes arrays of numpy, and tensors of torch on any device, where the work is then done; gradients pass. Half
        precision is summed in single.
        """
        rows, sources = self.shape
        shape = tuple(features.shape)
        leading = 3 if len(shape) > 3 and shape[0] * shape[1] * shape[2] == sources else 1
        if shape[:1] != (sources,) and leading == 1:
            raise ValueError(f"features of shape {list(shape)} for a plan of {sources} source tokens")
        flat = features.reshape(sources, math.prod(shape[leading:]))
        blocks = self._blocks(flat.shape[1])
        if is_torch(features):
            reduced = self._apply_torch(flat, blocks)
        else:
            reduced = self._apply_numpy(flat, blocks)
        return reduced.reshape((rows,) + shape[leading:])

    def _blocks(self, channels: int) -> list[tuple[int, int]]:
        """Ranges of rows with few enough entries each."""
        ends, start = [], 0
        most = max(_BLOCK // max(channels, 1), 1)
        while start < self.shape[0]:
            limit = numpy.searchsorted(self.offsets, self.offsets[start] + most, side="right") - 1
            end = max(int(limit), start + 1)
            ends.append((start, end))
            start = end
        return ends

    def _apply_numpy(self, features: numpy.ndarray, blocks: list[tuple[int, int]]) -> numpy.ndarray:
        reduced = numpy.empty((self.shape[0], features.shape[1]), features.dtype)
        for start, end in blocks:
            first, last = self.offsets[start], self.offsets[end]
            weighted = features[self.sources[first:last]] * self.weights[first:last, None]
            reduced[start:end] = numpy.add.reduceat(weighted, self.offsets[start:end] - first, axis=0)
        return reduced

    def _apply_torch(self, features: torch.Tensor, blocks: list[tuple[int, int]]) -> torch.Tensor:
        import torch

        wide = torch.promote_types(features.dtype, torch.float32)
        parts = []
        for start, end in blocks:
            first, last = int(self.offsets[start]), int(self.offsets[end])
            counts = numpy.diff(self.offsets[start : end + 1])
            rows = torch.from_numpy(numpy.repeat(numpy.arange(end - start), counts)).to(features.device)
            sources = torch.from_numpy(self.sources[first:last].astype("i8")).to(features.device)
            weights = torch.tensor(self.weights[first:last]).to(features.device, wide)
            weighted = features[sources].to(wide) * weights[:, None]
            empty = torch.zeros(end - start, features.shape[1], dtype=wide, device=features.device)
            parts.append(empty.index_add(0, rows, weighted).to(features.dtype))
        return torch.cat(parts) if parts else features.new_zeros((0, features.shape[1]))
