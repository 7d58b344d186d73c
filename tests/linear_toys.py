"""Linear functions, and a backend that knows their derivatives and counts what is asked of it."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from toys import NumpyBackend

from adhelpers import UnsupportedOperationError
from adhelpers.extend import Leaves, Pullback

MATRIX = np.arange(1.0, 13.0).reshape(4, 3)


class Counting(NumpyBackend):
    """Both modes of functions that hold a matrix, with a list of what was asked."""

    name: ClassVar[str] = "counting"
    asked: ClassVar[list[Any]] = []
    lacking: ClassVar[tuple[str, ...]] = ()

    def jvp(self, f: Any, x: Leaves, u: Leaves) -> tuple[Leaves, Leaves, Leaves]:
        self.asked.append("jvp")
        return self._push(f, x, u)

    def jvp_sweep(self, f: Any, x: Leaves, tangents: Leaves) -> tuple[Leaves, Leaves, Leaves]:
        self.asked.append(("forward", len(tangents[0])))
        columns = [self._push(f, x, tuple(t[k] for t in tangents)) for k in range(len(tangents[0]))]
        return columns[0][0], self.stack([pushed for _, pushed, _ in columns]), columns[0][2]

    def _push(self, f: Any, x: Leaves, u: Leaves) -> tuple[Leaves, Leaves, Leaves]:
        if "forward" in self.lacking:
            msg = "no forward rule"
            raise UnsupportedOperationError(msg)
        outputs, aux = f(*x)
        return outputs, (f.matrix @ u[0],), aux

    def vjp(self, f: Any, x: Leaves) -> tuple[Leaves, Pullback, Leaves]:
        if "reverse" in self.lacking:
            msg = "no reverse rule"
            raise UnsupportedOperationError(msg)
        self.asked.append("vjp")
        outputs, aux = f(*x)
        # Without conjugation, and of the real-linear kind: real x gets the real part.
        return outputs, lambda u: ((np.real(u[0] @ f.matrix)).astype(x[0].dtype),), aux

    def vjp_sweep(self, pullback: Pullback, cotangents: Leaves) -> Leaves:
        self.asked.append(("reverse", len(cotangents[0])))
        return self.stack([pullback((row,)) for row in cotangents[0]])


class Linear:
    """A linear function between leaves, which counts its calls."""

    def __init__(self, matrix: np.ndarray) -> None:
        self.matrix = matrix
        self.calls = 0
        self.function = self  # the user's
        self.signature: tuple[Any, ...] = ()
        self.kind = "values"

    def __call__(self, *leaves: Any) -> tuple[Leaves, Leaves]:
        self.calls += 1
        return (self.matrix @ leaves[0],), (np.asarray(7.0),)
