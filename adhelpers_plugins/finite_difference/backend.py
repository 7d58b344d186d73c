"""Central differences on the arrays of any framework; only NumPy is needed."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, Literal, Self

import array_api_compat
import numpy as np

from adhelpers.extend import (
    ADBackend,
    ArgumentError,
    Array,
    Capability,
    JVPSweep,
    LeafFunction,
    Leaves,
    Pushforward,
    Rule,
    TreeDef,
    array_namespace,
    owner_of,
    special_namespace,
)

_STENCILS = {2: ((1, 1 / 2),), 4: ((1, 2 / 3), (2, -1 / 12))}
"""Weights c of sum_k c_k (f(x + k h u) - f(x - k h u)) / h, by order of accuracy (Fornberg 1988, table 1)."""


_OPERATIONS = ("jvp", "vjp", "batched-forward", "batched-reverse")


@dataclass(frozen=True, kw_only=True)
class FiniteDifferenceBackend(ADBackend):
    """Central differences, the default that needs no framework.

    The step follows from dtype and magnitude. Rounding (about eps / h) and truncation (about h**order) balance at
    ``h = eps**(1 / (order + 1))``, in units of the magnitude of `x` (at least 1). No element moves farther. The
    relative error is about ``eps**(order / (order + 1))``: 4e-11 in float64 and 2e-5 in float32 for order 2, 3e-13 and
    3e-6 for order 4, whose step is larger. If elements of different magnitude move together, rounding of the large ones
    counts more, by the ratio of the two. `f` must be defined and smooth within a step of `x`.

    Differences know no constants: as an outer derivative they see the `u` of an inner operation vary, and differentiate
    it for any `differentiate_u`.

    A product with the Jacobian evaluates `f` ``order + 1`` times. A product with its transpose pushes each element of
    `x` forward, so its cost grows with the size of `x`.

    Parameters
    ----------
    order
        The order of accuracy, 2 or 4.
    relative
        Where `x` is small, take the largest element of each leaf as the unit of steps, and not 1. Write True for
        functions that vary over the magnitude of `x`, such as the logarithm at 1e-8. In ``1.0 + x`` little but rounding
        would be left.

    Examples
    --------
    >>> import numpy, adhelpers
    >>> backend = adhelpers.backend("finite-difference", order=4)
    >>> v = adhelpers.jacobian_vector_product(numpy.sin, backend, 1.0, 1.0)
    >>> bool(abs(v - numpy.cos(1.0)) < 1e-12)
    True
    """

    name: ClassVar[str] = "finite-difference"
    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {
            Capability.FORWARD,
            Capability.REVERSE,
            Capability.COMPLEX,
            Capability.NESTING,
            Capability.FLOAT64,
            Capability.FLOAT32,
            Capability.THREADS,
        }
    )

    known_failures: ClassVar[Mapping[str, str]] = {
        "calls/jvp": "wrong behaviour: differences call f at two or four more points",
        "calls/batched-forward": "wrong behaviour: differences call f at two points for each vector",
        **dict.fromkeys(
            (
                *(f"u-constant/{outer}-of-{inner}" for outer in _OPERATIONS for inner in _OPERATIONS[:2]),
                *(
                    f"u-constant/{outer}-of-{inner}"
                    for outer in _OPERATIONS[:2]
                    for inner in ("hessian-vector-product", "linearize")
                ),
                *(
                    f"u-constant-from-afar/{a}-of-{b}-of-{c}"
                    for a, b, c in itertools.product(_OPERATIONS[:2], repeat=3)
                ),
                *(f"u-constant-to-both/{a}-of-{b}-of-{a}" for a, b in itertools.product(_OPERATIONS[:2], repeat=2)),
            ),
            "wrong value: differences know no constants, and see the u of an inner operation vary",
        ),
    }
    conversion: ClassVar[str | None] = "numpy.asarray"

    order: Literal[2, 4] = 2
    relative: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.order not in tuple(_STENCILS):  # a tuple, because an unhashable order must be refused too
            msg = f"order is {self.order!r}; write 2 or 4"
            raise ArgumentError(msg)

    def is_array(self, leaf: object) -> bool:
        """True for any array of the array API standard, including NumPy's in the machine's byte order."""
        if isinstance(leaf, (np.ndarray, np.generic)):
            return leaf.dtype.isnative and (type(leaf) in (np.ndarray, np.memmap) or isinstance(leaf, np.generic))
        return array_api_compat.is_array_api_obj(leaf) or _owner(leaf) is not None

    def asarray(self, leaf: Any, like: Array | None = None) -> Array:
        """Make a NumPy array, or an array of the framework of `like`."""
        owner = None if like is None else _owner(like)
        if owner is not None:
            return owner.asarray(leaf, like)
        if isinstance(leaf, np.ndarray):
            return leaf.astype(leaf.dtype.newbyteorder("="))
        return np.array(leaf, dtype=None if like is None else like.dtype)

    def flatten(self, tree: Any) -> tuple[Leaves, TreeDef]:
        """As usual; NumPy arrays beside those of another framework become that framework's."""
        leaves, treedef = super().flatten(tree)
        owner = owner_of(leaves) if len(leaves) > 1 else None
        if owner is not None:
            leaves = tuple(owner.asarray(leaf) if isinstance(leaf, np.ndarray) else leaf for leaf in leaves)
        return leaves, treedef

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> tuple[Leaves, Leaves, Leaves]:
        """Push `u` forward by central differences."""
        outputs, aux = self._value(f, x)
        return outputs, self._difference(f, x, u, outputs), aux

    def linearize(self, f: LeafFunction, x: Leaves) -> tuple[Leaves, Pushforward, None, Leaves]:
        """``f(x)`` once, and differences for each push."""
        outputs, aux = self._value(f, x)
        return outputs, lambda tangents: self._difference(f, x, tangents, outputs), None, aux

    def jvp_sweep(self, f: LeafFunction, x: Leaves, tangents: Leaves) -> tuple[Leaves, Leaves, Leaves]:
        """Push many tangents forward; ``f(x)`` itself is evaluated once."""
        outputs, aux = self._value(f, x)
        columns = [
            self._difference(f, x, tuple(t[k, ...] for t in tangents), outputs) for k in range(tangents[0].shape[0])
        ]
        return outputs, self.stack(columns), aux

    def jvp_sweeps(self, f: LeafFunction, x: Leaves) -> dict[str, JVPSweep]:
        """One sweep, which pushes each tangent by itself."""
        return {"one by one": partial(self.jvp_sweep, f, x)}

    def apply_rule(self, rule: Rule, x: Leaves) -> Leaves:
        """The rule's function alone, whose differences are its derivative."""
        return rule.call(*x)

    def relative_error(self, epsilon: float) -> float:
        """The error at the chosen step; for order 4, whose step is longer, ten times the balanced error."""
        balanced = float(epsilon ** (self.order / (self.order + 1)))
        return balanced if self.order == 2 else 10.0 * balanced

    def relative_step(self, epsilon: float) -> float:
        """The step at which rounding and truncation balance."""
        return float(epsilon ** (1 / (self.order + 1)))

    def scaled_to_x(self) -> Self:
        """This backend with ``relative=True``."""
        return replace(self, relative=True)

    def _value(self, f: LeafFunction, x: Leaves) -> tuple[Leaves, Leaves]:
        # f may write to its arguments, and may return an array of another owner.
        outputs, aux = f(*map(self.copy, x))
        return tuple(map(self.copy, outputs)), tuple(map(self.copy, aux))

    def _difference(self, f: LeafFunction, x: Leaves, u: Leaves, outputs: Leaves) -> Leaves:
        h = self._step(x, u, outputs)
        moves = tuple(self._scaled(tangent, h) for tangent in u)
        total: Leaves = (0.0,) * len(outputs)
        for k, weight in _STENCILS[self.order]:
            above, _ = f(*(self.copy(leaf + k * move) for leaf, move in zip(x, moves, strict=True)))
            above = tuple(map(self.copy, above))  # the next call of f may write to the same memory
            below, _ = f(*(self.copy(leaf - k * move) for leaf, move in zip(x, moves, strict=True)))
            total = tuple(t + weight * (a - b) for t, a, b in zip(total, above, below, strict=True))
        return tuple(self.copy(self._scaled(t, 1.0 / h)) for t in total)

    def _step(self, x: Leaves, u: Leaves, outputs: Leaves) -> Array:
        epsilon = max(float(self.array_namespace(leaf).finfo(leaf.dtype).eps) for leaf in (*x, *outputs))
        speeds = [self._speed(leaf, tangent) for leaf, tangent in zip(x, u, strict=True) if 0 not in leaf.shape]
        xp = self.array_namespace(*x)
        fastest = functools.reduce(xp.maximum, speeds) if speeds else xp.ones(())
        fastest = xp.where(fastest > xp.finfo(fastest.dtype).smallest_normal, fastest, 1.0)
        # A power of two makes h * u exact, so that the points are as far apart as the quotient assumes.
        return 2.0 ** xp.round(xp.log2(epsilon ** (1 / (self.order + 1)) / fastest))

    def _speed(self, leaf: Array, tangent: Array) -> Array:
        """How far elements move in units of their magnitude, at most; a constant to an enclosing derivative."""
        leaf, tangent = self.stop_gradient(leaf), self.stop_gradient(tangent)
        xp = self.array_namespace(leaf, tangent)
        magnitude, distance = _wide(xp, xp.abs(leaf)), _wide(xp, xp.abs(tangent))
        least = 1.0
        if self.relative:
            largest = xp.max(xp.where(xp.isfinite(magnitude), magnitude, 0.0))
            is_small = (largest < 1.0) & (largest > xp.finfo(largest.dtype).smallest_normal)
            least = xp.where(is_small, largest, 1.0)
        speed = distance / xp.where(magnitude < least, least, magnitude)
        return xp.max(xp.where(xp.isfinite(speed), speed, 0.0))

    def _scaled(self, leaf: Array, h: Array) -> Array:
        """`leaf` times the real number `h`."""
        xp = self.array_namespace(leaf)
        wide = _wide(xp, leaf)
        product = wide * xp.astype(h, wide.dtype)
        return product if wide is leaf else xp.astype(product, leaf.dtype)

    # The following methods ask the backend that owns the arrays.

    def array_namespace(self, *arrays: Array) -> Any:
        """The namespace of the backend that owns the arrays."""
        return array_namespace(*arrays)

    def special_namespace(self, *arrays: Array) -> Any:
        """The special functions of the backend that owns the arrays."""
        return special_namespace(*arrays)

    def to_complex(self, real: Array, imaginary: Array) -> Array:
        """Joined by the owner of the arrays."""
        owner = owner_of((real, imaginary))
        return super().to_complex(real, imaginary) if owner is None else owner.to_complex(real, imaginary)

    def device(self, leaf: Array) -> object:
        """The device of `leaf`, from its owner."""
        owner = _owner(leaf)
        return super().device(leaf) if owner is None else owner.device(leaf)

    def is_traced(self, leaf: Array) -> bool:
        """Whether the owner of `leaf` traces it."""
        owner = _owner(leaf)
        return super().is_traced(leaf) if owner is None else owner.is_traced(leaf)

    def stop_gradient(self, leaf: Array) -> Array:
        """`leaf` as a constant to its owner."""
        owner = _owner(leaf)
        return leaf if owner is None else owner.stop_gradient(leaf)

    def copy(self, leaf: Array) -> Array:
        """A copy of `leaf`, made by its owner."""
        if isinstance(leaf, (np.ndarray, np.generic)):
            return np.array(leaf)
        owner = _owner(leaf)
        return super().copy(leaf) if owner is None else owner.copy(leaf)

    def to_numpy(self, leaf: Array) -> Any:
        """The values of `leaf`, converted by its owner."""
        owner = _owner(leaf)
        return super().to_numpy(leaf) if owner is None else owner.to_numpy(leaf)


def _wide(xp: Any, leaf: Array) -> Array:
    """Half precision as float32, because steps and speeds leave its range."""
    return xp.astype(leaf, xp.float32) if xp.finfo(leaf.dtype).bits < 32 else leaf


def _owner(leaf: object) -> ADBackend | None:
    return None if isinstance(leaf, (np.ndarray, np.generic)) else owner_of((leaf,))
