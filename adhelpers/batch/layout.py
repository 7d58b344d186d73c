"""Where the batch is, and what follows from it for shapes.

A *block* is a stack of vectors ``(K, *shape)``. In a *flat* block, the axes of one batch element are joined.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any, Literal

from adhelpers.plugins.functions import Array


@dataclass(frozen=True)
class BatchLayout:
    """Where the batch is, and what follows from it for shapes."""

    axis: Literal[-1, 0]

    def __str__(self) -> str:
        return "the batch last (batch_axis=-1)" if self.axis == -1 else "the batch first (batch_axis=0)"

    def other(self) -> BatchLayout:
        """The layout with the other batch axis."""
        return LAYOUTS[0 if self.axis == -1 else -1]

    def batch(self, array: Array) -> int:
        """B: the number of batch elements."""
        return int(array.shape[self.axis])

    def size(self, array: Array) -> int:
        """N or M: the number of elements in one batch element."""
        return prod(array.shape[:-1] if self.axis == -1 else array.shape[1:])

    def spread(self, weights: Array) -> Array:
        """Weights ``(K, N)`` of each element, reshaped to multiply a flat block."""
        return weights[:, :, None] if self.axis == -1 else weights[:, None, :]

    def flat(self, xp: Any, block: Array) -> Array:
        """A block with the axes of one batch element joined: ``(K, N, B)`` or ``(K, B, N)``."""
        shape = block.shape[1:]
        if len(shape) == 2:
            return block
        joined = prod(shape[:-1] if self.axis == -1 else shape[1:])
        ends = (joined, shape[-1]) if self.axis == -1 else (shape[0], joined)
        return xp.reshape(block, (block.shape[0], *ends))

    def per_vector(self, xp: Any, vector: Array) -> Array:
        """One flat vector's entries as weights of the K vectors of a flat block: ``(K, 1, B)`` or ``(K, B, 1)``."""
        if self.axis == -1:
            return vector[:, None, :]
        return xp.permute_dims(vector, (1, 0))[:, :, None]

    def per_element(self, weights: Array) -> Array:
        """Weights ``(K, B)`` of each batch element, reshaped to multiply a flat block."""
        return weights[:, None, :] if self.axis == -1 else weights[:, :, None]

    def from_columns(self, xp: Any, columns: Array) -> Array:
        """J from one pushed-forward vector for each input."""
        flat = self.flat(xp, columns)
        return xp.permute_dims(flat, (1, 0, 2) if self.axis == -1 else (1, 2, 0))

    def from_rows(self, xp: Any, rows: Array) -> Array:
        """J from one pulled-back vector for each output."""
        flat = self.flat(xp, rows)
        return flat if self.axis == -1 else xp.permute_dims(flat, (1, 0, 2))

    def beside(self, backend: Any, block: Array) -> Array:
        """The K vectors of a whole basis, concatenated to one vector of K batches."""
        xp = backend.array_namespace(block)
        count, shape = block.shape[0], block.shape[1:]
        if self.axis == 0:
            return xp.reshape(block, (count * shape[0], *shape[1:]))
        # (K, N, B) and (N, K, B) are the same, because a whole basis is symmetric.
        return xp.reshape(block, (*shape[:-1], count * shape[-1]))

    def first(self, array: Array, batch: int) -> Array:
        """The first of several concatenated batches."""
        return array[..., :batch] if self.axis == -1 else array[:batch, ...]

    def from_beside(self, xp: Any, derivative: Array, count: int, batch: int, *, forward: bool) -> Array:
        """J from the derivatives of `count` concatenated batches: each holds a column of J, or a row."""
        if self.axis == -1:
            flat = xp.reshape(derivative, (-1, count, batch))
            return flat if forward else xp.permute_dims(flat, (1, 0, 2))
        flat = xp.reshape(derivative, (count, batch, -1))
        return xp.permute_dims(flat, (1, 2, 0) if forward else (1, 0, 2))


LAYOUTS = {-1: BatchLayout(-1), 0: BatchLayout(0)}
"""By batch axis."""
