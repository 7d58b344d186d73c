"""The proof of a sweep: one random combination of its vectors, pushed by itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from adhelpers.engine.rounding import Tolerance
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.functions import Array, Leaves


class WrongSweep(Exception):  # noqa: N818  # caught inside: the next sweep is tried
    """Vectors pushed together give another result than one by one."""


def require_one_for_each(block: Leaves, results: Leaves) -> None:
    """`WrongSweep` unless there are as many results as vectors."""
    count = block[0].shape[0]
    if any(stack.shape[:1] != (count,) for stack in results):
        msg = f"of {count} vectors it gives {[stack.shape[:1] for stack in results]} results"
        raise WrongSweep(msg)


class Proof:
    """Check whether a sweep gives the same as single products.

    A combination of all its vectors must give the same combination of all its results. The weights are random, because
    basis vectors would not show exchanged axes of the same size.

    Attributes
    ----------
    vector
        The combination of the vectors so far.
    """

    def __init__(self, backend: ADBackend) -> None:
        import numpy as np

        self.vector: Leaves = ()
        self._generator = np.random.default_rng(0)
        self._backend = backend
        self._combined: Leaves = ()
        self._sizes: Leaves = ()

    def take(self, block: Leaves, results: Leaves) -> None:
        """Take in vectors and their results, both stacked."""
        count = block[0].shape[0]
        # No weight is small, so that rounding of one vector does not hide another. Every framework accepts float32.
        weights = self._generator.uniform(0.5, 1.5, count) * self._generator.choice([-1.0, 1.0], count)
        weights = weights.astype("float32")
        self.vector = _added(self.vector, [xp.sum(terms, axis=0) for xp, terms in self._weighted(weights, block)])
        combined, sizes = [], []
        for xp, terms in self._weighted(weights, results):
            combined.append(xp.sum(terms, axis=0))
            sizes.append(xp.sum(xp.abs(terms), axis=0))
        self._combined, self._sizes = _added(self._combined, combined), _added(self._sizes, sizes)

    @property
    def is_blind(self) -> bool:
        """Whether there are no values to compare."""
        return any(map(self._backend.is_traced, self._combined))

    def holds(self, single: Leaves, tolerance: Tolerance) -> bool:
        """Whether `vector`, pushed by itself, gives the expected combination."""
        return all(map(tolerance.allows, self._combined, map(self._backend.stop_gradient, single), self._sizes))

    def _weighted(self, weights: Any, stacks: Leaves) -> Iterator[tuple[Any, Array]]:
        """The terms of a combination for each stack, with their namespace."""
        for stack in map(self._backend.stop_gradient, stacks):
            xp = self._backend.array_namespace(stack)
            each = xp.astype(self._backend.asarray(weights, stack), stack.dtype)
            yield xp, xp.reshape(each, (-1, *[1] * (len(stack.shape) - 1))) * stack


def _added(total: Leaves, parts: Sequence[Array]) -> Leaves:
    return tuple([a + b for a, b in zip(total, parts, strict=True)]) if total else tuple(parts)
