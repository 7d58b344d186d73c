"""Properties of a function besides its results: scale, conditioning, and operations that are too expensive."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from adhelpers.comparison.deviations import Leaves, epsilon, is_finite, largest
from adhelpers.comparison.directions import Directions
from adhelpers.comparison.judgement import Scale
from adhelpers.comparison.operations import declared, is_batched, pulls, vectors_of
from adhelpers.comparison.participants import Outcome, Participant

MOST_SECONDS = 20.0
"""Operations that would take longer by finite differences are left out."""
MOST_BYTES = 2**30
"""Larger Jacobians and Hessians are left out."""
MOST_PROBED = 2**22
"""Conditioning is measured for `x` with at most so many elements."""


def spread(outcome: Outcome, at: Callable[[Any], Outcome], directions: Directions) -> dict[str, float] | None:
    """How much an outcome changes, leaf by leaf, when `x` is rounded differently; None if `x` is too large."""
    if directions.size > MOST_PROBED:
        return None
    try:
        other = at(directions.rounded()).leaves
        with np.errstate(all="ignore"):
            return {path: largest(np.asarray(other[path] - leaf)) for path, leaf in outcome.leaves.items()}
    except Exception:  # noqa: BLE001  # it worked at x itself, so this error is not of interest
        return {}


MOST_BENT = 1e-3
"""More bending, relative to the size or to 1, means a kink close by, and is no excuse."""

STEADIER = 4
"""Steps in units of a small `x` are taken if derivatives by them change less by this factor."""


@dataclass(frozen=True)
class Differences:
    """A derivative by finite differences, and how far it can be trusted.

    Attributes
    ----------
    units
        By path: what the steps of each leaf of `x` are in units of, where its entries are smaller.
    unit
        The smallest of these, to the power of the order of the derivative.
    noise
        What the rounding of `f`, divided by a step, may amount to.
    near
        The same derivative one step to either side; None if `f` fails there.
    """

    leaves: Leaves
    units: Mapping[str, float]
    unit: float
    noise: float
    near: tuple[Leaves, Leaves] | None

    def bending(self) -> dict[str, float]:
        """How much the derivative bends over one step, leaf by leaf: the size of truncation and rounding errors.

        They are all that is left where `f` is flat, such as ``x**5`` at zero.
        """
        found = {}
        with np.errstate(all="ignore"):
            for path, leaf in self.leaves.items() if self.near else ():
                above, below = (side[path] for side in self.near or ())
                bend = largest(np.asarray((above - leaf) + (below - leaf)))
                if bend <= MOST_BENT * max(1.0, largest(leaf)):
                    found[path] = bend
        return found

    def is_steadier_than(self, other: Differences) -> bool:
        """Whether it changes much less over a step, relative to its size: `f` must vary over more than a step."""
        return self._unsteadiness() < other._unsteadiness() / STEADIER

    def _unsteadiness(self) -> float:
        sides = (self.leaves, *(self.near or ()))
        if not self.near or not all(is_finite(leaf) for side in sides for leaf in side.values()):
            return math.inf
        found = 0.0
        for path, leaf in self.leaves.items():
            changes = [largest(np.asarray(side[path] - leaf)) for side in self.near]
            found = max(found, max(self.noise, *changes) / (largest(leaf) or 1.0))
        return found


def close_by(
    at: Callable[[Any], Outcome], directions: Directions, units: Mapping[str, float]
) -> tuple[Leaves, Leaves] | None:
    """A derivative one step to either side, in those units of `x`; None if `f` fails there."""
    try:
        return at(directions.stepped(1.0, units)).leaves, at(directions.stepped(-1.0, units)).leaves
    except Exception:  # noqa: BLE001  # it worked at x itself, so this error is not of interest
        return None


def with_value(scale: Scale, value: Outcome, changes: Mapping[str, float] | None, x: Outcome) -> Scale:
    """The scale once ``f(x)`` and its spread are known, for judging values."""
    size = max(map(largest, value.leaves.values()), default=0.0) / max(1.0, *map(largest, x.leaves.values()))
    finite = all(map(is_finite, value.leaves.values()))
    most = max((changes or {}).values(), default=0.0)
    return replace(scale, spread=changes, value_size=size, value_spread=most, value_is_finite=finite)


def too_large(operation: str, x: Outcome, outputs: int, batch_axis: int) -> str | None:
    """Why no backend computes a matrix, or None; `outputs` counts the elements of ``f(x)``."""
    rows = {"J": outputs, "H": x.size}.get(declared(operation).result)
    if rows is None:
        return None
    held = rows * dimensions(operation, x, batch_axis) * max(leaf.itemsize for leaf in x.leaves.values())
    what = "batch" if is_batched(operation) else "x"
    return f"it would hold {held / 2**30:.3g} GiB; compare a smaller {what}" if held > MOST_BYTES else None


def dimensions(operation: str, x: Outcome, batch_axis: int) -> int:
    """The number of elements of `x`; for a batched operation, of one batch element."""
    leaf = next(iter(x.leaves.values()))
    samples = leaf.shape[batch_axis] if is_batched(operation) and leaf.ndim > 1 else 1
    return x.size // max(1, samples)


def too_slow(operation: str, participant: Participant, x: Outcome, seconds: float, batch_axis: int) -> str | None:
    """Why a backend without reverse mode skips an operation, or None; `seconds` is the time of one call of `f`."""
    is_complex = any(leaf.dtype.kind == "c" for leaf in x.leaves.values())
    vectors = vectors_of(operation, dimensions(operation, x, batch_axis) * (2 if is_complex else 1))
    calls = vectors * 2 ** declared(operation).order
    if vectors == 1 or participant.backend.has_reverse or calls * seconds <= MOST_SECONDS:
        return None
    why = "it has no reverse mode, and" if pulls(operation) else "it"
    return f"{why} would call f {calls:,} times; compare a smaller x"


def pairing(a: Leaves, b: Leaves) -> tuple[float, float]:
    """Re(sum(a b)), and the size that its error is relative to."""
    flat = [(leaf.reshape(-1), b[path].reshape(-1)) for path, leaf in a.items()]
    norms = [float(np.linalg.norm(p) * np.linalg.norm(q)) for p, q in flat]
    return float(sum(np.real(np.dot(p, q)) for p, q in flat)), sum(norms)


def transpose_fault(
    pulled: Leaves, tangent: Leaves, expected: float, size: float, error: Callable[[float], float]
) -> str:
    """The fault of a pulled cotangent, or an empty string: Re(sum(vjp(u) t)) must equal Re(sum(u jvp(t)))."""
    received, _ = pairing(pulled, tangent)
    owed = error(max(epsilon(leaf.dtype) for leaf in pulled.values()))
    if abs(received - expected) <= owed**0.5 * size or np.isnan(expected):
        return ""
    return f"its product with the tangent is {received:.9g} instead of {expected:.9g}"
