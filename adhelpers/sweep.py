"""Sweeps of basis vectors through a whole batch, and the check that `f` does not mix the batch.

A *block* is a stack of vectors ``(K, *shape)``. Basis vector k is one in element k of every batch element.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any, Literal

from adhelpers.contract import ADBackend, Array
from adhelpers.errors import BatchMixingError


@dataclass(frozen=True)
class BatchLayout:
    """Where the batch is, and what follows from it for shapes."""

    axis: Literal[-1, 0]

    def __str__(self) -> str:
        return "the batch last (batch_axis=-1)" if self.axis == -1 else "the batch first (batch_axis=0)"

    def other(self) -> BatchLayout:
        """The other convention."""
        return BatchLayout(0 if self.axis == -1 else -1)

    def batch(self, array: Array) -> int:
        """B: the number of batch elements."""
        return int(array.shape[self.axis])

    def size(self, array: Array) -> int:
        """N or M: the number of elements in one batch element."""
        return prod(array.shape[:-1] if self.axis == -1 else array.shape[1:])

    def spread(self, weights: Array) -> Array:
        """Weights ``(K, N)`` of each element, made to multiply a flat block."""
        return weights[:, :, None] if self.axis == -1 else weights[:, None, :]

    def flat(self, xp: Any, block: Array) -> Array:
        """A block with the axes of one batch element joined: ``(K, N, B)`` or ``(K, B, N)``."""
        shape = block.shape[1:]
        joined = prod(shape[:-1] if self.axis == -1 else shape[1:])
        ends = (joined, shape[-1]) if self.axis == -1 else (shape[0], joined)
        return xp.reshape(block, (block.shape[0], *ends))

    def per_vector(self, xp: Any, vector: Array) -> Array:
        """One flat vector's entries as weights of the K vectors of a flat block: ``(K, 1, B)`` or ``(K, B, 1)``."""
        if self.axis == -1:
            return vector[:, None, :]
        return xp.permute_dims(vector, (1, 0))[:, :, None]

    def per_element(self, weights: Array) -> Array:
        """Weights ``(K, B)`` of each batch element, made to multiply a flat block."""
        return weights[:, None, :] if self.axis == -1 else weights[:, :, None]

    def from_columns(self, xp: Any, columns: Array) -> Array:
        """J from one pushed-forward vector for each input."""
        flat = self.flat(xp, columns)
        return xp.permute_dims(flat, (1, 0, 2) if self.axis == -1 else (1, 2, 0))

    def from_rows(self, xp: Any, rows: Array) -> Array:
        """J from one pulled-back vector for each output."""
        flat = self.flat(xp, rows)
        return flat if self.axis == -1 else xp.permute_dims(flat, (1, 0, 2))


class MixingCheck:
    """Whether `f` treats batch elements independently, seen from random vectors through the same sweep.

    First one vector more, random and independent per batch element: its result must be the combination of the
    basis vectors' results with its own entries, element by element, to within rounding. Where it is not, which
    rounding or finite differences can cause too, vectors that are zero in some batch elements decide: those
    elements of the result must then be zero, but for what rounding leaves of a common shift or scale.
    """

    def __init__(self, backend: ADBackend, layout: BatchLayout, like: Array) -> None:
        import numpy as np

        self._backend = backend
        self._layout = layout
        # float32 is accepted by every framework and dtype mode; the entries need no more digits.
        entries = np.random.default_rng(0).standard_normal(tuple(like.shape), dtype=np.float32)
        xp = backend.array_namespace(like)
        self.vector = xp.astype(backend.asarray(entries, like), like.dtype)
        self._flat = layout.flat(xp, self.vector[None, ...])[0, ...]
        self._expected: Array = 0.0
        self._bound: Array = 0.0

    def add(self, start: int, results: Array) -> None:
        """Take in the results of the basis vectors from `start` on."""
        xp = self._backend.array_namespace(results)
        flat = self._layout.flat(xp, self._backend.stop_gradient(results))
        weights = self._layout.per_vector(xp, self._flat)[start : start + flat.shape[0], ...]
        with _quiet():
            self._expected = self._expected + xp.sum(weights * flat, axis=0)
            self._bound = self._bound + xp.sum(xp.abs(weights) * xp.abs(flat), axis=0)

    def observe(self, result: Array) -> None:
        """Take in the result of the random vector."""
        self._observed = self._backend.stop_gradient(result)

    def verify(self, push: Callable[[Array], Array], chunk_size: int, epsilon: float, scale: Array) -> bool:
        """Raise `BatchMixingError` on mixing; False if a tracer leaves nothing to look at.

        `scale` is what rounding is relative to, for each batch element of the flat result.
        """
        backend = self._backend
        if backend.is_traced(self._observed) or backend.is_traced(scale):
            return False
        xp = backend.array_namespace(self._observed)
        observed = self._layout.flat(xp, self._observed[None, ...])[0, ...]
        with _quiet():
            deviation = xp.abs(observed - self._expected)
            # Comparisons with NaN are False: what is not finite is never suspicious.
            suspicious = deviation > 4 * backend.relative_error(epsilon) ** 0.5 * self._bound
            floor = _ROUNDINGS * backend.relative_error(epsilon) * scale
            if not bool(xp.any(suspicious)) or not self._leaks(push, chunk_size, suspicious, floor):
                return True
            size = xp.where(suspicious, self._bound + xp.abs(observed), 1.0)
            worst = float(xp.max(xp.where(suspicious, deviation / size, 0.0)))
        other = self._layout.other()
        msg = (
            f"f mixes the batch: a direction that differs between batch elements gives a result that deviates "
            f"by {worst:.1e} of its size from what independent elements would give, with {self._layout}. "
            f"The usual causes: data with the other layout (pass batch_axis={other.axis}), and batch normalisation "
            "in training mode (switch it to evaluation). Pass check_batch=False only if you know why this is right"
        )
        raise BatchMixingError(msg)

    def _leaks(self, push: Callable[[Array], Array], chunk_size: int, suspicious: Array, floor: Array) -> bool:
        """Whether the result exceeds `floor` somewhere suspicious where the vector is zero in that batch element.

        Vector by vector, the elements whose number has a certain bit are zero, or those that lack it: any two
        elements differ in a bit, so that no mixing of two goes unseen.
        """
        import numpy as np

        backend, layout = self._backend, self._layout
        numbers = np.arange(layout.batch(self.vector))
        bits = (numbers >> np.arange(len(numbers).bit_length())[:, None]) & 1
        kept = np.concatenate([bits, 1 - bits]).astype(np.float32)
        for start in range(0, len(kept), chunk_size):
            mask = backend.asarray(kept[start : start + chunk_size], self.vector)
            xp = backend.array_namespace(mask)
            mask = layout.per_element(mask)
            block = xp.astype(mask, self.vector.dtype) * self._flat[None, ...]
            results = push(xp.reshape(block, (block.shape[0], *self.vector.shape)))
            leak = xp.abs(layout.flat(xp, backend.stop_gradient(results))) > floor[None, ...]
            if bool(xp.any(leak & (mask == 0) & suspicious[None, ...])):
                return True
        return False


def _quiet() -> contextlib.AbstractContextManager[Any]:
    """Whatever overflows in the check is not the user's to hear of."""
    import numpy as np

    return np.errstate(all="ignore")


_ROUNDINGS = 128
"""A derivative may leave this many roundings of ``f(x)``, for x of size one, where it should be zero."""


def rounding_scale(layout: BatchLayout, xp: Any, x: Array, y: Array) -> Array:
    """For each batch element, the largest output over the largest input, the latter at least one."""

    def largest(array: Array) -> Array:
        size = xp.abs(layout.flat(xp, array[None, ...])[0, ...])
        finite = xp.where(xp.isfinite(size), size, xp.zeros_like(size))
        return xp.max(finite, axis=0 if layout.axis == -1 else 1, keepdims=True)

    size = largest(x)
    return largest(y) / xp.where(size > 1.0, size, xp.ones_like(size))


def sweep_basis(
    backend: ADBackend,
    layout: BatchLayout,
    push: Callable[[Array], Array],
    like: Array,
    step: int,
    check: MixingCheck | None = None,
) -> Array:
    """The results of `push` for every basis vector shaped as `like`, `step` at once, stacked."""
    size = layout.size(like)
    blocks = []
    for start in range(0, size, step):
        count = min(step, size - start)
        block = _basis(backend, layout, like, start, count)
        last = check is not None and start + count == size
        if check is not None and last:
            block = backend.array_namespace(block).concat([block, check.vector[None, ...]])
        results = push(block)
        if check is not None:
            if last:
                check.observe(results[-1, ...])
                results = results[:count, ...]
            check.add(start, results)
        blocks.append(results)
    if len(blocks) == 1:
        return blocks[0]
    return backend.array_namespace(*blocks).concat(blocks)


def _basis(backend: ADBackend, layout: BatchLayout, like: Array, start: int, count: int) -> Array:
    """Basis vectors ``start`` to ``start + count``; contiguous, for frameworks are slow on broadcast seeds."""
    xp = backend.array_namespace(like)
    device = backend.device(like)
    eye = xp.eye(count, layout.size(like), k=start, dtype=like.dtype, device=device)
    ones = xp.ones((1, layout.batch(like)), dtype=like.dtype, device=device)
    ones = ones[:, None, :] if layout.axis == -1 else ones[:, :, None]
    return xp.reshape(layout.spread(eye) * ones, (count, *like.shape))
