"""Functions of the array API standard whose derivatives are wrong or missing in JAX."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from adhelpers_plugins.jax.functions.elementwise import Array, Function, alike, elementwise

F = TypeVar("F", bound=Callable[..., Any])


# -- derivatives of our own ------------------------------------------------------------------------------

_acosh = elementwise("acosh_everywhere", jnp.acosh, lambda z: 1 / (jnp.sqrt(z - 1) * jnp.sqrt(z + 1)))
_hypot = elementwise(
    "hypot_everywhere", jnp.hypot, lambda x1, x2: _share(x1, x1, x2), lambda x1, x2: _share(x2, x1, x2)
)
_nextafter = elementwise("nextafter_everywhere", jnp.nextafter, lambda x1, x2: jnp.ones_like(x1), None)


def _share(x: Array, x1: Array, x2: Array) -> Array:
    """The share of x in hypot(x1, x2); if that is zero, JAX's own choice stands."""
    whole = _hypot(x1, x2)
    return jnp.where(whole == 0, 0.5, x / jnp.where(whole == 0, 1, whole))


def _power_value(x: Array, y: Array, *, by_x: int, by_y: int) -> Array:
    """The derivative of x**y, so often by x and so often by y.

    By x it is a product of numbers, y, y - 1 and so on, times a power. Where one of them is zero so is the derivative,
    though x may be too, and its power infinite.
    """
    exponent = y - by_x
    vanishes = (jnp.real(exponent) > 0) | (by_x == 0)  # without a derivative by x that is JAX's own choice
    log, power = jnp.log(jnp.where((x == 0) & vanishes, 1, x)), lax.pow(x, exponent)
    total = jnp.zeros_like(x)
    for k in range(min(by_x, by_y) + 1):
        if k == 0:  # as a product it is exact close to a zero
            factor = math.prod([y - i for i in range(by_x)], start=jnp.ones_like(y))
        else:
            factor = jnp.polyval(np.poly1d(range(by_x), r=True).deriv(k).coeffs.astype(y.dtype), y)
        term = math.comb(by_y, k) * factor * log ** (by_y - k) * power
        total = total + jnp.where(factor == 0, 0, term)
    return total


_power: Function = elementwise(
    "power_everywhere",
    _power_value,
    lambda x, y, by_x, by_y: _power(x, y, by_x=by_x + 1, by_y=by_y),
    lambda x, y, by_x, by_y: _power(x, y, by_x=by_x, by_y=by_y + 1),
    static=("by_x", "by_y"),
)


def power(x1: Array, x2: Array, /) -> Array:
    """A power whose exponent is an array; of x**2.0 JAX's third derivative is nan at zero."""
    return _power(*alike(x1, x2), by_x=0, by_y=0)


def _compiled(function: F) -> F:
    """Compile a function for calls outside of compiled code, as ``jax.numpy`` does."""
    return jax.jit(function)


@_compiled
def acosh(x: Array, /) -> Array:
    """The inverse of cosh; JAX's derivative for complex numbers is on the wrong branch of a root."""
    return _acosh(x) if jnp.iscomplexobj(x) else jnp.acosh(x)


@_compiled
def hypot(x1: Array, x2: Array, /) -> Array:
    """The root of the sum of squares; JAX's second derivative is wrong if both are equal."""
    return _hypot(*alike(x1, x2))


@_compiled
def nextafter(x1: Array, x2: Array, /) -> Array:
    """The first argument up to rounding; JAX has no rule."""
    return _nextafter(*alike(x1, x2))


# -- composed of JAX's functions -------------------------------------------------------------------------


def arange(
    start: Any, stop: Any = None, step: Any = None, dtype: Any = None, *, device: Any = None, **options: Any
) -> Array:
    """Numbers at equal distances; their count is a constant, and to JAX the numbers are constants too."""
    if not any(isinstance(end, jax.core.Tracer) for end in (start, stop, step)):
        return jnp.arange(start, stop, step, dtype=dtype, device=device, **options)
    first, last, distance = map(lax.stop_gradient, (start, stop, step))
    constant = jnp.arange(first, last, distance, dtype=dtype, device=device, **options)
    moved = jnp.arange(constant.size, device=device, **options) * _zero(step)
    return constant + (moved if stop is None else moved + _zero(start)).astype(constant.dtype)


def _zero(x: Any) -> Any:
    """Zero, with the derivative of `x`."""
    return 0 if x is None else x - lax.stop_gradient(x)


def permute_dims(a: Array, /, axes: tuple[int, ...]) -> Array:
    """Permute the axes, which may be counted from the end."""
    return jnp.permute_dims(a, tuple(axis + jnp.ndim(a) if axis < 0 else axis for axis in axes))


@_compiled
def sign(x: Array, /) -> Array:
    """The direction, x / abs(x); JAX treats it as a constant, which is wrong for complex numbers."""
    if not jnp.iscomplexobj(x):
        return jnp.sign(x)
    is_zero = x == 0
    return jnp.where(is_zero, 0, x / jnp.abs(jnp.where(is_zero, 1, x)))


def std(
    x: Array,
    /,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: int = 0,
    keepdims: bool = False,
    *,
    correction: float | None = None,
    **options: Any,
) -> Array:
    """The standard deviation; for single elements it is constant, but JAX's derivative of the root is nan."""
    lengths = jnp.shape(x)
    axes = range(len(lengths)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    is_single = all(lengths[i] == 1 for i in axes)
    deviation = jnp.var if is_single else jnp.std
    return deviation(x, axis, dtype, out, ddof, keepdims, correction=correction, **options)


# -- unique values: JAX treats them as constants -----------------------------------------------------------


def _from_array(function: F) -> F:
    """Take the values from their first places in the array; JAX's own values have no derivative."""

    @functools.wraps(function)
    def unique(x: Array, /, **options: Any) -> Any:
        found: Any = function(x, **options)
        if not isinstance(x, jax.core.Tracer):
            return found
        has_more = isinstance(found, tuple)
        constant = found.values if has_more else found
        taken = jnp.ravel(x)[jnp.unique_all(x, **options).indices]
        values = jnp.where(taken == constant, taken, constant)  # others fill the array up to a given size
        return found._replace(values=values) if has_more else values

    return unique  # type: ignore[return-value]


unique_all = _from_array(jnp.unique_all)
unique_counts = _from_array(jnp.unique_counts)
unique_inverse = _from_array(jnp.unique_inverse)
unique_values = _from_array(jnp.unique_values)
