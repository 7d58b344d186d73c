"""Backends that are wrong by R13: u."""

from __future__ import annotations

from typing import Any

import numpy as np

from adhelpers.extend import LeafFunction, Leaves
from wrong_backends.bases import AutogradBackend, Pulled, Pushed, getval, peeled
from wrong_backends.registry import wrong


@wrong("R13")
class NothingStopsGradients(AutogradBackend):
    """An outer derivative sees u vary."""

    def stop_gradient(self, leaf: Any) -> Any:
        return leaf


@wrong("R13")
class StopsOneGradient(AutogradBackend):
    """Only the innermost of the derivatives around it sees u as a constant."""

    def stop_gradient(self, leaf: Any) -> Any:
        return peeled(leaf)


@wrong("R13")
class StopsAndChanges(AutogradBackend):
    """What is stopped is not what it was."""

    def stop_gradient(self, leaf: Any) -> Any:
        value = getval(leaf)
        return np.round(value, 3) if value.dtype.kind == "f" else value


@wrong("R13")
class TangentsAreAlwaysConstant(AutogradBackend):
    """u is constant even with differentiate_u=True, forward."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        return super().jvp(f, x, tuple(map(getval, u)))


@wrong("R13")
class CotangentsAreAlwaysConstant(AutogradBackend):
    """u is constant even with differentiate_u=True, in reverse."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        outputs, pullback, aux = super().vjp(f, x)
        return outputs, lambda c: pullback(tuple(map(getval, c))), aux
