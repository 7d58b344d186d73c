"""Backends that are wrong by R12: nesting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from adhelpers.extend import Capability, LeafFunction, Leaves, Pullback, UnsupportedOperationError
from adhelpers_plugins.finite_difference import FiniteDifferenceBackend
from wrong_backends.bases import AutogradBackend, Compiling, Linearized, Pulled, Pushed, Tampered, getval, isbox, peeled
from wrong_backends.registry import wrong

try:
    from autograd.core import JVPNode
    from autograd.tracer import new_box
except ImportError:
    pass  # and no test uses them


_LEVEL = 1000
"""Above those that autograd counts."""


@wrong("R12")
class ConfusesPerturbations(AutogradBackend):
    """All forward derivatives share one level, as dual numbers without a tag do."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        values, aux = f(*(new_box(leaf, _LEVEL, JVPNode.new_root(t)) for leaf, t in zip(x, u, strict=True)))
        tangents = (y._node.g if _on_the_level(y) else np.zeros(y.shape, y.dtype) for y in values)
        return tuple(map(_below, values)), tuple(map(_own, tangents)), tuple(map(_below, aux))


def _on_the_level(leaf: Any) -> bool:
    return isbox(leaf) and leaf._trace == _LEVEL


def _below(leaf: Any) -> Any:
    return _own(leaf._value if _on_the_level(leaf) else leaf)


def _own(leaf: Any) -> Any:
    """In memory of its own."""
    return leaf if isbox(leaf) else np.array(leaf)


@wrong("R12")
class CopiesAreConstant(AutogradBackend):
    """A copy carries no derivative of an outer level."""

    def copy(self, leaf: Any) -> Any:
        return np.array(self.stop_gradient(leaf))


@wrong("R12")
class InnerTangentsAreConstant(Tampered):
    """A tangent carries no derivative of an outer level."""

    def pushed(self, tangent: Any) -> Any:
        return self.stop_gradient(tangent)


@wrong("R12")
class InnerCotangentsAreConstant(Tampered):
    """A cotangent carries no derivative of an outer level."""

    def pulled(self, cotangent: Any) -> Any:
        return self.stop_gradient(cotangent)


@wrong("R12")
class InnerPointsAreConstant(AutogradBackend):
    """The point carries no derivative of an outer level, what f closes over does."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        return super().jvp(f, tuple(map(self.stop_gradient, x)), u)


@wrong("R12")
class InnerForwardSweepsAreConstant(AutogradBackend):
    """Only a forward sweep loses the outer level."""

    def jvp_sweep(self, f: LeafFunction, x: Leaves, tangents: Leaves) -> Pushed:
        outputs, swept, aux = super().jvp_sweep(f, x, tangents)
        return outputs, tuple(map(self.stop_gradient, swept)), aux


@wrong("R12")
class InnerReverseSweepsAreConstant(AutogradBackend):
    """Only a reverse sweep loses the outer level."""

    def vjp_sweep(self, pullback: Pullback, cotangents: Leaves) -> Leaves:
        return tuple(map(self.stop_gradient, super().vjp_sweep(pullback, cotangents)))


@wrong("R12")
class SecondDerivativesAreDoubled(Tampered):
    """A tangent inside another derivative is counted twice."""

    def pushed(self, tangent: Any) -> Any:
        return 2.0 * tangent if isbox(tangent) else tangent


@wrong("R12")
class ThirdDerivativesAreZero(Tampered):
    """Two levels are right, the third is lost."""

    def pulled(self, cotangent: Any) -> Any:
        return self.stop_gradient(cotangent) if isbox(peeled(cotangent)) else cotangent


@wrong("R12")
class RefusesToNest(AutogradBackend):
    """It declares nesting, and raises."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        if any(map(isbox, x)):
            raise RuntimeError("no nesting")
        return super().vjp(f, x)


@wrong("R12")
class KeepsNestingQuiet(AutogradBackend):
    """It does not declare nesting, but nests."""

    capabilities: ClassVar[frozenset[Capability]] = AutogradBackend.capabilities - {Capability.NESTING}


@wrong("R12")
class RefusesNestedPointsOnly(KeepsNestingQuiet):
    """It refuses the tracers of an outer derivative in x, but not those that f closes over."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        return super().vjp(f, self.constant(x))

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        return super().jvp(f, self.constant(x), u)

    def jvp_sweep(self, f: LeafFunction, x: Leaves, tangents: Leaves) -> Pushed:
        return super().jvp_sweep(f, self.constant(x), tangents)

    def constant(self, x: Leaves) -> Leaves:
        if any(map(isbox, x)):
            raise UnsupportedOperationError("this backend does not nest derivatives")
        return x


@wrong("R12")
class DifferencesThatDoNotNest(FiniteDifferenceBackend):
    """A difference within a difference is refused, with NumPy alone."""

    depth: ClassVar[list[int]] = []

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        if self.depth:
            raise RuntimeError("already differentiating")
        self.depth.append(1)
        try:
            return super().jvp(f, x, u)
        finally:
            self.depth.pop()


@wrong("R12")
class CompiledForNumbersAlone(Compiling):
    """Compiled code sees the values of an outer derivative's boxes."""

    def run(self, function: Callable[..., Any], known: dict[Any, Any], arrays: Leaves) -> Any:
        return function(*map(getval, arrays))


@wrong("R12")
class ValuesForgetTheirPoint(AutogradBackend):
    """To a product around it a value, and aux, depend on what f closes over, but not on x."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        _, pullback, _ = super().vjp(f, x)
        outputs, aux = f(*(np.array(self.stop_gradient(leaf)) for leaf in x))
        return outputs, pullback, aux


@wrong("R12")
class LinearizesAtConstants(AutogradBackend):
    """Its linear maps are constants to an outer derivative."""

    def linearize(self, f: LeafFunction, x: Leaves) -> Linearized:
        return super().linearize(f, tuple(map(getval, x)))
