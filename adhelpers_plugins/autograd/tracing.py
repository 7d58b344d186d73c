"""One trace of a function, for all of its arguments at once; autograd's own ``make_vjp`` takes one argument."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from autograd.tracer import isbox, new_box, trace_stack
from numpy import ndarray

from adhelpers.extend import ONE_THREAD, LeafFunction, Leaves

TRACING = ONE_THREAD
"""Held while autograd's count of traces, ``trace_stack.top``, may change.

The count is a global that autograd itself leaves wrong after an exception: it is put back however a block ends.
Rules are replayed under the lock too, because some trace their own functions (fixed points, differential equations).
"""


def trace(f: LeafFunction, x: Leaves, roots: Sequence[Any]) -> tuple[Leaves, Sequence[Any], Leaves]:
    """Run ``f(*x)`` on boxes, whose nodes begin with `roots`: ``(outputs, their nodes, aux)``.

    Outputs and aux are free of this trace's boxes. The node is None for an output that does not depend on `x`.
    """
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
    return tuple(outputs), nodes, tuple([_unbox(leaf, level) for leaf in aux])


def _unbox(leaf: Any, level: int) -> Any:
    """`leaf` without the trace's box, or without those that it holds as an array of objects."""

    def unbox(value: Any) -> Any:
        return value._value if isbox(value) and value._trace == level else value

    if isinstance(leaf, ndarray) and leaf.dtype.kind == "O":
        # Written by a ufunc, each object stays one element, even if it is an array.
        return np.frompyfunc(unbox, 1, 1)(leaf, out=np.empty_like(leaf))
    return unbox(leaf)
