"""What the wrong backends are made of: all of these are right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from adhelpers.extend import ADBackend, Capability, DTypeError, LeafFunction, Leaves, Pullback
from adhelpers_plugins.finite_difference import FiniteDifferenceBackend

Pushed = tuple[Leaves, Leaves, Leaves]
Pulled = tuple[Leaves, Pullback, Leaves]
Linearized = tuple[Leaves, Any, Any, Leaves]

try:
    from autograd.tracer import getval, isbox

    from adhelpers_plugins.autograd import AutogradBackend
except ImportError:
    AUTOGRAD = False

    class AutogradBackend(FiniteDifferenceBackend):  # type: ignore[no-redef]
        """Stands in where autograd is not installed, so that subclasses can be written; no test uses them."""

        def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
            raise NotImplementedError

    def isbox(leaf: Any) -> bool:
        """There are no boxes without autograd."""
        return False

    def getval(leaf: Any) -> Any:
        """A number is what it is."""
        return leaf

else:
    AUTOGRAD = True


def peeled(leaf: Any) -> Any:
    """What is inside the outermost box; autograd has a public name only for what is inside of all boxes."""
    return leaf._value if isbox(leaf) else leaf


class ForwardOnly(AutogradBackend):
    """Its reverse mode is derived."""

    vjp = ADBackend.vjp


class ReverseOnly(AutogradBackend):
    """Its forward mode is derived."""

    jvp = ADBackend.jvp
    jvp_sweep = ADBackend.jvp_sweep


class Tampered(AutogradBackend):
    """Lets a subclass change each array on its way out of a product."""

    def pushed(self, tangent: Any) -> Any:
        return tangent

    def pulled(self, cotangent: Any) -> Any:
        return cotangent

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        outputs, tangents, aux = super().jvp(f, x, u)
        return outputs, tuple(map(self.pushed, tangents)), aux

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        outputs, pullback, aux = super().vjp(f, x)
        return outputs, lambda cotangents: tuple(map(self.pulled, pullback(cotangents))), aux


class Reread(AutogradBackend):
    """Lets a subclass change every tree before it is flattened."""

    def reread(self, tree: Any) -> Any:
        return tree

    def flatten(self, tree: Any) -> Any:
        return super().flatten(tree if self.is_array(tree) else self.reread(tree))


class Compiling(AutogradBackend):
    """Lets a subclass run what is prepared in its own way; `known` is what was learnt of one function."""

    def compile(self, function: Callable[..., Any]) -> Callable[..., Any]:
        known: dict[Any, Any] = {}
        return lambda *arrays: self.run(function, known, arrays)

    def run(self, function: Callable[..., Any], known: dict[Any, Any], arrays: Leaves) -> Any:
        return function(*arrays)


class TamperedDifferences(FiniteDifferenceBackend):
    """Lets a subclass change each direction on its way into a difference, and each tangent on its way out."""

    def direction(self, tangent: Any) -> Any:
        return tangent

    def pushed(self, tangent: Any) -> Any:
        return tangent

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        outputs, tangents, aux = super().jvp(f, x, tuple(map(self.direction, u)))
        return outputs, tuple(map(self.pushed, tangents)), aux

    def jvp_sweep(self, f: LeafFunction, x: Leaves, tangents: Leaves) -> Pushed:
        outputs, swept, aux = super().jvp_sweep(f, x, tuple(map(self.direction, tangents)))
        return outputs, tuple(map(self.pushed, swept)), aux


class SinglePrecision(AutogradBackend):
    """Of double precision it takes nothing."""

    capabilities: ClassVar[frozenset[Capability]] = AutogradBackend.capabilities - {Capability.FLOAT64}

    def asarray(self, leaf: Any, like: Any = None) -> Any:
        array = super().asarray(leaf, like)
        if like is not None or isinstance(leaf, (np.ndarray, np.generic)):
            return array
        return array.astype("c8" if array.dtype.kind == "c" else "f4")

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        refuse_double_precision(x)
        return super().jvp(f, x, u)

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        refuse_double_precision(x)
        return super().vjp(f, x)

    def linearize(self, f: LeafFunction, x: Leaves) -> Linearized:
        refuse_double_precision(x)
        return super().linearize(f, x)


def refuse_double_precision(x: Leaves) -> None:
    for leaf in x:
        if leaf.dtype in ("f8", "c16"):
            msg = f"x has dtype {leaf.dtype}, but all is computed in single precision; convert it to float32"
            raise DTypeError(msg)


class PullsByCalls(AutogradBackend):
    """Each pull calls f, as where cotangents must be known beforehand."""

    pullback_calls_f = True

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        outputs, _, aux = super().vjp(f, x)
        return outputs, lambda c: AutogradBackend.vjp(self, f, x)[1](c), aux

    linearize = ADBackend.linearize
    vjp_sweep = ADBackend.vjp_sweep


CORRECT: tuple[type[ADBackend], ...] = (
    AutogradBackend,
    ForwardOnly,
    ReverseOnly,
    Tampered,
    Reread,
    Compiling,
    SinglePrecision,
    PullsByCalls,
)
"""Those over autograd; finite differences have their own test of conformance."""


def rebuilt(tree: Any, change: Callable[[Any], Any]) -> Any:
    """The tree with each of its lists, tuples and dicts changed, the innermost first."""
    if isinstance(tree, dict):
        tree = type(tree)((key, rebuilt(value, change)) for key, value in tree.items())
    elif type(tree) in (list, tuple):
        tree = type(tree)(rebuilt(value, change) for value in tree)
    return change(tree)
