"""What is learnt of a function besides its results: its scale, its conditioning, and what is too much to ask."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from adhelpers.comparison.deviations import Leaves, epsilon, is_finite, largest
from adhelpers.comparison.directions import Directions
from adhelpers.comparison.judgement import Scale
from adhelpers.comparison.operations import declared, is_batched, pulls, vectors_of
from adhelpers.comparison.participants import Outcome, Participant

MOST_SECONDS = 20.0
"""What would take longer by differences, one for each element of `x`, is left out."""
MOST_BYTES = 2**30
"""Jacobians and Hessians that would be larger are left out."""
MOST_PROBED = 2**22
"""Conditioning is measured for `x` of up to so many elements."""


def spread(outcome: Outcome, at: Callable[[Any], Outcome], directions: Directions) -> dict[str, float] | None:
    """How much an outcome changes, leaf by leaf, when `x` is rounded otherwise; None if it is too large."""
    if directions.size > MOST_PROBED:
        return None
    try:
        other = at(directions.rounded()).leaves
        with np.errstate(all="ignore"):
            return {path: largest(np.asarray(other[path] - leaf)) for path, leaf in outcome.leaves.items()}
    except Exception:  # noqa: BLE001  # it went well at x itself: whatever this is, it is not what is looked for
        return {}


MOST_BENT = 1e-3
"""What bends more, relative to its size or to one, has a kink close by: it excuses nothing."""


def bending(outcome: Leaves, at: Callable[[Any], Outcome], directions: Directions) -> dict[str, float]:
    """How much a derivative by differences bends over their own steps, leaf by leaf.

    That is the size of what they cut off, and of what they make of the rounding of `f`: all there is of a derivative
    where `f` is flat, such as that of ``x**5`` at zero.
    """
    try:
        above, below = (at(directions.stepped(sign)).leaves for sign in (1.0, -1.0))
    except Exception:  # noqa: BLE001  # it went well at x itself: whatever this is, it is not what is looked for
        return {}
    found = {}
    with np.errstate(all="ignore"):
        for path, leaf in outcome.items():
            bend = largest(np.asarray((above[path] - leaf) + (below[path] - leaf)))
            if bend <= MOST_BENT * max(1.0, largest(leaf)):
                found[path] = bend
    return found


def with_value(scale: Scale, value: Outcome, changes: Mapping[str, float] | None, x: Outcome) -> Scale:
    """The scale once ``f(x)`` and its spread are known, for judging values."""
    size = max(map(largest, value.leaves.values()), default=0.0) / max(1.0, *map(largest, x.leaves.values()))
    finite = all(map(is_finite, value.leaves.values()))
    most = max((changes or {}).values(), default=0.0)
    return replace(scale, spread=changes, value_size=size, value_spread=most, value_is_finite=finite)


def too_large(operation: str, x: Outcome, outputs: int, batch_axis: int) -> str | None:
    """Why a matrix is not tried anywhere, if so; `outputs` counts the elements of ``f(x)``."""
    rows = {"J": outputs, "H": x.size}.get(declared(operation).result)
    if rows is None:
        return None
    held = rows * dimensions(operation, x, batch_axis) * max(leaf.itemsize for leaf in x.leaves.values())
    what = "batch" if is_batched(operation) else "x"
    return f"it would hold {held / 2**30:.3g} GiB; compare a smaller {what}" if held > MOST_BYTES else None


def dimensions(operation: str, x: Outcome, batch_axis: int) -> int:
    """How many elements `x` has, for an operation that tells batch elements apart: in one of them."""
    leaf = next(iter(x.leaves.values()))
    samples = leaf.shape[batch_axis] if is_batched(operation) and leaf.ndim > 1 else 1
    return x.size // max(1, samples)


def too_slow(operation: str, participant: Participant, x: Outcome, seconds: float, batch_axis: int) -> str | None:
    """Why a backend without a reverse mode is not asked, if so; `seconds` is the time of one evaluation of `f`."""
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
    """What is wrong with a pulled cotangent: Re(sum(vjp(u) t)) must be Re(sum(u jvp(t))); nothing if it is."""
    received, _ = pairing(pulled, tangent)
    owed = error(max(epsilon(leaf.dtype) for leaf in pulled.values()))
    if abs(received - expected) <= owed**0.5 * size or np.isnan(expected):
        return ""
    return f"its product with the tangent is {received:.9g}, and not {expected:.9g}"
