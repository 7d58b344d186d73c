"""Small backends over NumPy for testing what core derives: each has one mode, and counts what is asked of it."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from adhelpers.extend import ADBackend, Capability, LeafFunction, Leaves, Pullback, UnsupportedOperationError


class NumpyBackend(ADBackend):
    """The arrays, but no derivative."""

    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {Capability.FORWARD, Capability.REVERSE, Capability.FLOAT64}
    )

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> tuple[Leaves, Leaves, Leaves]:
        msg = "no forward rule"
        raise UnsupportedOperationError(msg)

    def is_array(self, leaf: object) -> bool:
        return isinstance(leaf, (np.ndarray, np.generic))

    def asarray(self, leaf: Any, like: Any = None) -> Any:
        return np.array(leaf, dtype=None if like is None else like.dtype)


class ForwardToy(NumpyBackend):
    """Forward mode alone: the derivative of a real-linear or quadratic function by one exact difference.

    For polynomials of degree two, ``f(x + u) - f(x - u)`` is exactly twice the derivative in direction u.
    """

    name: ClassVar[str] = "forward-toy"
    calls = 0

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> tuple[Leaves, Leaves, Leaves]:
        type(self).calls += 1
        outputs, aux = f(*x)
        above, _ = f(*(a + b for a, b in zip(x, u, strict=True)))
        below, _ = f(*(a - b for a, b in zip(x, u, strict=True)))
        return outputs, tuple((a - b) / 2 for a, b in zip(above, below, strict=True)), aux


class ReverseToy(NumpyBackend):
    """Reverse mode alone, of functions of one real array: pullbacks from columns by `ForwardToy`."""

    name: ClassVar[str] = "reverse-toy"

    def vjp(self, f: LeafFunction, x: Leaves) -> tuple[Leaves, Pullback, Leaves]:
        outputs, _, aux = ForwardToy().jvp(f, x, tuple(np.zeros_like(leaf) for leaf in x))

        def pullback(cotangents: Leaves) -> Leaves:
            pulled = []
            for i, leaf in enumerate(x):
                gradient = np.zeros_like(leaf)
                for index in np.ndindex(leaf.shape):
                    direction = [np.zeros_like(other) for other in x]
                    direction[i][index] = 1.0
                    _, column, _ = ForwardToy().jvp(f, x, tuple(direction))
                    gradient[index] = np.real(sum(np.sum(c * t) for c, t in zip(cotangents, column, strict=True)))
                pulled.append(gradient)
            return tuple(pulled)

        return outputs, pullback, aux
