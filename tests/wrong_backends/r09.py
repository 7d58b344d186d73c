"""Backends that are wrong by R9: calls of f."""

from __future__ import annotations

from typing import ClassVar

from adhelpers.extend import ADBackend, Capability, LeafFunction, Leaves
from wrong_backends.bases import AutogradBackend, Compiling, Linearized, Pulled, Pushed
from wrong_backends.registry import wrong


@wrong("R9")
class CallsTwiceForward(AutogradBackend):
    """Once for the value, once for the tangent."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        f(*x)
        return super().jvp(f, x, u)


@wrong("R9")
class CallsTwiceInReverse(AutogradBackend):
    """Once for the value, once for the pullback."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        f(*x)
        return super().vjp(f, x)


@wrong("R9")
class CallsAgainToPull(AutogradBackend):
    """Each call of a pullback traces f anew."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        outputs, _, aux = super().vjp(f, x)
        return outputs, lambda c: AutogradBackend.vjp(self, f, x)[1](c), aux


@wrong("R9")
class CallsForEachRow(AutogradBackend):
    """The first call of a pullback is free, each further one traces f anew."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        outputs, pullback, aux = super().vjp(f, x)
        pullbacks = [pullback]
        return (
            outputs,
            lambda c: (pullbacks.pop() if pullbacks else AutogradBackend.vjp(self, f, x)[1])(c),
            aux,
        )


@wrong("R9")
class CallsForEachColumn(AutogradBackend):
    """A forward sweep that is its own, but loops."""

    def jvp_sweep(self, f: LeafFunction, x: Leaves, tangents: Leaves) -> Pushed:
        return ADBackend.jvp_sweep(self, f, x, tangents)


@wrong("R9")
class CompilesNothing(Compiling):
    """It says that it compiles, and calls f every time."""

    capabilities: ClassVar[frozenset[Capability]] = AutogradBackend.capabilities | {Capability.COMPILE}


@wrong("R9")
class LinearizesTwice(AutogradBackend):
    """Once for each of its two maps."""

    def linearize(self, f: LeafFunction, x: Leaves) -> Linearized:
        f(*x)
        return super().linearize(f, x)


@wrong("R9")
class LinearizesForEachPull(AutogradBackend):
    """Its linear maps keep nothing of f."""

    def linearize(self, f: LeafFunction, x: Leaves) -> Linearized:
        outputs, _, aux = self.vjp(f, x)
        return outputs, None, lambda c: self.vjp(f, x)[1](c), aux
