"""Numbers at equal distances: how many there are depends on their ends, and JAX takes those for constants."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from adhelpers.extend import UnsupportedOperationError
from adhelpers_plugins.jax.steps.places import INDEX_TRICKS, NUMPY

EVENLY = frozenset({"iota", "convert_element_type", "linspace", "_linspace"})
"""What ``jax.numpy.arange`` and grids call with numbers alone."""

_GRIDS = (NUMPY, INDEX_TRICKS)


def refuse_moving_ends(operands: Any) -> None:
    """Refuse numbers at equal distances whose start or distance is to be differentiated."""
    if any(isinstance(operand, jax.core.Tracer) for operand in operands):
        return
    frame: Any = sys._getframe(1)
    for _ in range(_NEAR):
        if frame is None:
            return
        name = frame.f_code.co_name
        if (
            name in _ENDS
            and frame.f_code.co_filename.endswith(_GRIDS)
            and any(map(_moves, _ENDS[name](frame.f_locals)))
        ):
            msg = (
                "jax.numpy.arange, mgrid, ogrid and r_ treat the first number and the distance as constants; use "
                "arange of adhelpers.array_namespace(x), or start + step * jax.numpy.arange(n)"
            )
            raise UnsupportedOperationError(msg)
        frame = frame.f_back


def _of_arange(known: Mapping[str, Any]) -> tuple[Any, ...]:
    """Of its end alone, only the count depends."""
    return (known.get("step"), None if known.get("stop") is None else known.get("start"))


def _of_slice(known: Mapping[str, Any]) -> tuple[Any, ...]:
    numbers = known["s"]
    is_count = isinstance(numbers.step, complex)
    return (numbers.start, numbers.stop if is_count else None, numbers.step)


_ENDS: Mapping[str, Callable[[Mapping[str, Any]], tuple[Any, ...]]] = {
    "arange": _of_arange,
    "_make_1d_grid_from_slice": _of_slice,
}

_NEAR = 15
"""So many callers are looked at."""


def _moves(end: Any) -> bool:
    return isinstance(end, jax.core.Tracer) and bool(jnp.issubdtype(end.dtype, jnp.inexact))
