"""Backends that are wrong by R15: what f closes over."""

from __future__ import annotations

from adhelpers.extend import LeafFunction, Leaves
from wrong_backends.bases import AutogradBackend, Pulled, Pushed, getval, isbox
from wrong_backends.registry import wrong


@wrong("R15")
class DetachesTangentsOfConstants(AutogradBackend):
    """At a constant point a tangent is constant, whatever f closes over."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        outputs, tangents, aux = super().jvp(f, x, u)
        return outputs, tangents if any(map(isbox, x)) else tuple(map(getval, tangents)), aux


@wrong("R15")
class DetachesCotangentsOfConstants(AutogradBackend):
    """The same in reverse."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        outputs, pullback, aux = super().vjp(f, x)
        if any(map(isbox, x)):
            return outputs, pullback, aux
        return outputs, lambda c: tuple(map(getval, pullback(c))) if not any(map(isbox, c)) else pullback(c), aux


@wrong("R15")
class DetachesValues(AutogradBackend):
    """The value that comes with a pullback is a constant."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        outputs, pullback, aux = super().vjp(f, x)
        return tuple(map(getval, outputs)), pullback, aux


@wrong("R15")
class DetachesValuesForward(AutogradBackend):
    """The value that comes with a tangent is a constant."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        outputs, tangents, aux = super().jvp(f, x, u)
        return tuple(map(getval, outputs)), tangents, aux


@wrong("R15")
class DetachesSweeps(AutogradBackend):
    """A sweep at a constant point is a constant."""

    def jvp_sweep(self, f: LeafFunction, x: Leaves, tangents: Leaves) -> Pushed:
        outputs, swept, aux = super().jvp_sweep(f, x, tangents)
        return outputs, swept if any(map(isbox, x)) else tuple(map(getval, swept)), aux


@wrong("R15")
class DetachesAux(AutogradBackend):
    """What f returns besides is a constant to an outer derivative."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        outputs, pullback, aux = super().vjp(f, x)
        return outputs, pullback, tuple(map(getval, aux))
