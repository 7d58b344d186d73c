"""One trace of a function, for all of its arguments at once; autograd's own ``make_vjp`` takes one argument.

A box has no operators in place. Python then gives ``y += 1`` a new box for the name `y`, where NumPy changes the array
under each of its names, and every view of it. Most functions, as ``total += term``, are the same either way. So boxes
get operators here that tell of their use, and a function that used one is compared with NumPy when it is first seen.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from autograd.numpy.numpy_boxes import ArrayBox
from autograd.tracer import getval, isbox, new_box, trace_stack
from numpy import ndarray

from adhelpers.extend import FUNCTIONS, ONE_THREAD, ArgumentError, LeafFunction, Leaves

TRACING = ONE_THREAD
"""Held while autograd's count of traces, ``trace_stack.top``, may change.

The count is a global that autograd itself leaves wrong after an exception: it is put back however a block ends.
Rules are replayed under the lock too, because some trace their own functions (fixed points, differential equations).
"""


def trace(f: LeafFunction, x: Leaves, roots: Sequence[Any]) -> tuple[Leaves, Sequence[Any], Leaves]:
    """Run ``f(*x)`` on boxes, whose nodes begin with `roots`: ``(outputs, their nodes, aux)``.

    Outputs and aux are free of this trace's boxes. The node is None for an output that does not depend on `x`.
    """
    assigned = _InPlace.count
    with TRACING:
        top = trace_stack.top
        trace_stack.top = level = top + 1
        try:
            boxes, aux = f(*map(new_box, x, itertools.repeat(level), roots))
        finally:
            trace_stack.top = top
    outputs, nodes = [], []
    for y in boxes:
        is_own = isbox(y) and y._trace == level
        outputs.append(y._value if is_own else y)
        nodes.append(y._node if is_own else None)
    if _InPlace.count != assigned:
        _require_value(f, x, outputs)
    return tuple(outputs), nodes, tuple([_unbox(leaf, level) for leaf in aux])


def _unbox(leaf: Any, level: int) -> Any:
    """`leaf` without the trace's box, or without those that it holds as an array of objects."""

    def unbox(value: Any) -> Any:
        return value._value if isbox(value) and value._trace == level else value

    if isinstance(leaf, ndarray) and leaf.dtype.kind == "O":
        # Written by a ufunc, each object stays one element, even if it is an array.
        return np.frompyfunc(unbox, 1, 1)(leaf, out=np.empty_like(leaf))
    return unbox(leaf)


# -- operators that boxes lack ------------------------------------------------------------------------------


class _InPlace:
    """How often boxes were operated on in place; a trace sees whether it was in the meantime."""

    count: ClassVar[int] = 0


def _in_place(operator: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def operate(box: Any, other: Any) -> Any:
        _InPlace.count += 1
        return operator(box, other)

    return operate


for _name in ("add", "sub", "mul", "truediv", "pow", "mod", "matmul"):
    setattr(ArrayBox, f"__i{_name}__", _in_place(getattr(ArrayBox, f"__{_name}__")))


ArrayBox.__pos__ = lambda box: box


@dataclass(slots=True)
class _Known:
    """What is known of a function that operates in place."""

    is_the_same: bool = False
    """Whether it gave the same by NumPy."""


def _require_value(f: LeafFunction, x: Leaves, outputs: Sequence[Any]) -> None:
    """Raise `ArgumentError` if `f` gives something else by NumPy, the first time that it is seen so."""
    function = getattr(f, "function", f)
    signature = (type(f), *[(leaf.shape, leaf.dtype) for leaf in x], getattr(f, "signature", ()))
    known = FUNCTIONS.record(function, signature, _Known)
    if known.is_the_same:
        return
    with np.errstate(all="ignore"):
        try:
            expected = _by_numpy(f, x)
            differs = not _same(outputs, expected)
            differs = differs and _same(_by_numpy(f, x), expected)  # or else f never gives the same twice
        except Exception:  # noqa: BLE001  # what NumPy cannot compute has no other value
            return
    if differs:
        msg = (
            "f gives another value by autograd than by NumPy: an operator in place, such as y += 1, changes an array "
            "under every name and in every view of it, but in autograd the one name alone; write y = y + 1, and do the "
            "same to the other names and views if they shall change too"
        )
        raise ArgumentError(msg)
    known.is_the_same = True


def _by_numpy(f: LeafFunction, x: Leaves) -> Leaves:
    return f(*[np.array(getval(leaf)) for leaf in x])[0]


def _same(outputs: Sequence[Any], expected: Sequence[Any]) -> bool:
    """Whether the values are the same but for rounding, where both are finite."""
    for one, other in zip(outputs, expected, strict=True):
        a, b = np.asarray(getval(one)), np.asarray(getval(other))
        if a.shape != b.shape:
            return False
        epsilon = max(float(np.finfo(array.dtype).eps) for array in (a, b))
        finite = np.isfinite(a) & np.isfinite(b)
        size = np.abs(b).max(where=finite, initial=0.0)
        if not np.all(np.abs(a - b) <= epsilon**0.5 * np.abs(b) + 1e3 * epsilon * size, where=finite):
            return False
    return True
