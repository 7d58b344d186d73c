"""Functions of sets: how many values there are depends on the numbers, and JAX takes all of them for constants."""

from __future__ import annotations

import sys
from typing import Any

import jax
import jax.numpy as jnp

from adhelpers.extend import UnsupportedOperationError
from adhelpers_plugins.jax.steps.places import DERIVATIVES, SETS

UNIQUE = "_unique_sorted_mask"
"""What ``jax.numpy.unique`` calls with numbers alone."""


def with_derivatives(step: str, operands: Any) -> Any:
    """The array that ``jax.numpy.unique`` was called with, in the shape of its constant copy."""
    if step != UNIQUE or len(operands) != 1 or isinstance(operands[0], jax.core.Tracer):
        return operands
    numbers, callers = operands[0], _callers()
    known = callers["unique"].f_locals if "unique" in callers else {}
    if isinstance(known.get("ar"), jax.core.Tracer):
        return [jnp.reshape(known["ar"], numbers.shape)]
    if not jnp.issubdtype(numbers.dtype, jnp.inexact) or known.get("size") is not None:
        return operands
    if "union1d" in callers:
        msg = (
            "jax.numpy.union1d treats its arguments as constants; "
            "use jax.numpy.unique(jax.numpy.concatenate([a.ravel(), b.ravel()])), or give a size"
        )
        raise UnsupportedOperationError(msg)
    if jax.__version_info__ < FIRST_TO_KEEP_ARGUMENTS:
        msg = (
            f"JAX {jax.__version__} treats the arguments of jax.numpy.unique and similar functions as constants; "
            "install JAX 0.5.2 or newer, give a size, or, if the argument is a constant, use numpy.unique"
        )
        raise UnsupportedOperationError(msg)
    return operands


FIRST_TO_KEEP_ARGUMENTS = (0, 5, 2)
"""The first version whose functions of sets still know what they were called with when they have taken its numbers."""


def _callers() -> dict[str, Any]:
    """The functions of sets that call this; none where a derivative does that JAX takes of them already."""
    found: dict[str, Any] = {}
    frame: Any = sys._getframe(1)
    while frame is not None and not frame.f_code.co_filename.endswith(DERIVATIVES):
        if frame.f_code.co_filename.endswith(SETS):
            found.setdefault(frame.f_code.co_name, frame)
        frame = frame.f_back
    return found
