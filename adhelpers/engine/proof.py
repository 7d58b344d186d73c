"""The proof of a sweep: one random combination of its vectors, pushed by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from adhelpers.engine.arithmetic import arithmetic, framework_array, is_traced
from adhelpers.engine.rounding import Tolerance, quiet
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.functions import Array, Leaves
from adhelpers.plugins.objects import is_numpy


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
        vector, combined, sizes = [], [], []
        with quiet():
            for stack in block:
                xp, terms = self._weighted(weights, stack)
                vector.append(framework_array(self._backend, xp.sum(terms, axis=0), stack))
            for stack in results:
                xp, terms = self._weighted(weights, stack)
                combined.append(xp.sum(terms, axis=0))
                sizes.append(xp.sum(xp.abs(terms), axis=0))
            self.vector = _added(self.vector, vector)
            self._combined, self._sizes = _added(self._combined, combined), _added(self._sizes, sizes)

    @property
    def is_blind(self) -> bool:
        """Whether there are no values to compare."""
        return any(is_traced(self._backend, combined) for combined in self._combined)

    def holds(self, single: Leaves, tolerance: Tolerance) -> bool:
        """Whether `vector`, pushed by itself, gives the expected combination."""
        return all(map(tolerance.allows, self._combined, single, self._sizes))

    def _weighted(self, weights: Any, stack: Array) -> tuple[Any, Array]:
        """The terms of a combination of a stack, with their namespace."""
        xp, stack = arithmetic(self._backend, stack)
        each = weights if is_numpy(stack) else xp.astype(self._backend.asarray(weights, stack), stack.dtype)
        return xp, xp.reshape(each, (-1, *[1] * (len(stack.shape) - 1))) * stack


def _added(total: Leaves, parts: Sequence[Array]) -> Leaves:
    return tuple([a + b for a, b in zip(total, parts, strict=True)]) if total else tuple(parts)
