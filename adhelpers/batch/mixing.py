"""The check that `f` does not mix the batch."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from adhelpers.batch.layout import BatchLayout
from adhelpers.errors import BatchMixingError
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.functions import Array


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
