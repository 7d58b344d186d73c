"""Derivatives that rules return: check them against their values, and add them up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import array_api_compat.numpy
import autograd.numpy as anp
import numpy as np
from autograd.core import add_outgrads
from autograd.extend import defjvp, defvjp
from autograd.tracer import getval, isbox
from numpy import ndarray

from adhelpers.extend import Array, UnsupportedOperationError
from adhelpers_plugins.autograd import namespace
from adhelpers_plugins.autograd.arrayapi.primitives import primitive
from adhelpers_plugins.autograd.rules import Mode, Rule


def alike(derivative: Any, value: Any) -> bool:
    """Whether a derivative has the shape and dtype of its value, as most do: it then needs no further check."""
    return derivative.dtype == value.dtype and derivative.shape == value.shape


def checked(derivative: Any, value: Any, function: Callable[..., Any], argnums: Sequence[int], mode: Mode) -> Any:
    """A rule's result as a derivative of a value: some of autograd's rules get shapes or complex numbers wrong.

    `value` is that value, or a node with its shape and dtype.
    """
    shape, expected = getattr(derivative, "shape", None), getattr(value, "shape", None)
    if shape is None or expected is None:  # tuples and autograd's sparse gradients
        return derivative
    if shape != expected:
        reason = f"is wrong: it has shape {shape} for a value of shape {expected}"
        raise UnsupportedOperationError(mode.message(function, argnums, reason))
    if derivative.dtype.kind == "c" and value.dtype.kind != "c":
        return anp.real(derivative)
    return derivative


def copy(leaf: Any) -> Array:
    """Copy an array; boxes belong to an enclosing trace and are read-only."""
    return leaf if type(leaf) is not ndarray and isbox(leaf) else np.array(leaf)


def box_of_array(leaf: Any) -> Any:
    """`leaf`, or a box of an array if `leaf` is a box of a Python number, which may lack a dtype."""
    return leaf * np.ones(()) if isbox(leaf) and type(getval(leaf)) in (float, complex) else leaf


def in_dtype_of(partner: Array, derivative: Array) -> Array:
    """A derivative in the dtype of its partner: autograd's rules for mean, var and max take float32 to float64."""
    if derivative.dtype == partner.dtype:
        return derivative
    if derivative.dtype.kind == "c" and partner.dtype.kind != "c":
        derivative = anp.real(derivative)
    xp = namespace if isbox(derivative) else array_api_compat.numpy
    return xp.astype(derivative, partner.dtype)


@primitive
def to_complex(real: Array, imaginary: Array) -> Array:
    """Join real arrays of one shape: a product with ``1j`` would make NaN of infinity."""
    joined = np.array(real + 0j)
    joined.imag = imaginary
    return joined


defjvp(
    to_complex,
    lambda tangent, ans, *parts: to_complex(tangent, anp.zeros_like(tangent)),
    lambda tangent, ans, *parts: to_complex(anp.zeros_like(tangent), tangent),
)
defvjp(to_complex, lambda ans, *parts: anp.real, lambda ans, *parts: lambda cotangent: -anp.imag(cotangent))


def copied(derivative: Any) -> Any:
    """Copy the result of a user's rule, because the user may keep it."""
    return derivative.copy() if type(derivative) is ndarray else derivative


Sum = tuple[Any, bool]
"""A derivative so far, and whether it may be added to in place."""


def added(before: Sum | None, derivative: Any) -> Sum:
    """``add_outgrads``, faster for arrays, and without in-place addition to NumPy scalars."""
    if type(derivative) is ndarray:
        if before is None:
            return derivative, False
        total, mutable = before
        if type(total) is ndarray:
            if mutable and alike(total, derivative):
                total += derivative
                return before
            total = total + derivative
            return total, type(total) is ndarray
    total, mutable = add_outgrads(before, derivative)
    return total, mutable and not isinstance(getval(total), np.generic)


def push_singly(
    rule: Rule, argnums: Sequence[int], value: Any, args: Sequence[Any], kwargs: dict[str, Any], tangents: Sequence[Any]
) -> Any:
    """Push the tangent of each argument by itself: autograd takes microseconds to add two arrays."""
    so_far: Sum | None = None
    for argnum, tangent in zip(argnums, tangents, strict=True):
        so_far = added(so_far, rule((argnum,), (tangent,), value, args, kwargs))
    return so_far and so_far[0]


def refuse_if_autograds(error: Exception, mode: Mode, function: Callable[..., Any], argnums: Sequence[int]) -> None:
    """Raise `UnsupportedOperationError` if a rule of autograd's own failed."""
    failure = mode.failure(error, function, argnums)
    if failure is not None:
        raise UnsupportedOperationError(failure) from error
