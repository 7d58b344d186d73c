"""The class of the backend "skeleton"; `help(adhelpers.ADBackend)` documents each method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from adhelpers.extend import ADBackend, Array, Capability, LeafFunction, Leaves, Pullback


@dataclass(frozen=True, kw_only=True)
class SkeletonBackend(ADBackend):
    """Derivatives by skeleton."""

    name: ClassVar[str] = "skeleton"

    # Declare little at first: each declared capability is tested, and everything else must raise. Leave out FORWARD if
    # you have only vjp, and its pullbacks cannot be differentiated. Without FLOAT64 all tests use single precision.
    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {Capability.FORWARD, Capability.REVERSE, Capability.FLOAT64}
    )

    def is_array(self, leaf: object) -> bool:
        """Whether `leaf` is an array of the framework, or one of its tracers."""
        raise NotImplementedError("return whether leaf has one of the types of skeleton's arrays and tracers")

    def asarray(self, leaf: Any, like: Array | None = None) -> Array:
        """Convert a number or a NumPy array to an array of the framework."""
        raise NotImplementedError("return a copy of leaf as an array of skeleton: a number with the dtype of like")

    def array_namespace(self, *arrays: Array) -> Any:
        """The module whose functions take the framework's arrays and tracers."""
        raise NotImplementedError("return the module with skeleton's sin, sum and so on")

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> tuple[Leaves, Leaves, Leaves]:
        """The outputs of `f` at `x`, their tangents along `u`, and aux: ``outputs, aux = f(*x)``."""
        raise NotImplementedError("push u forward through f, or delete this method if the framework has only vjp")

    def vjp(self, f: LeafFunction, x: Leaves) -> tuple[Leaves, Pullback, Leaves]:
        """The outputs of `f` at `x`, a function that pulls cotangents back to `x`, and aux."""
        raise NotImplementedError("return a pullback through f, or delete this method if the framework has only jvp")
