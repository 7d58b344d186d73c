"""Bessel functions with right derivatives of every order, also at zero.

Of the modified ones JAX's rules divide by x there, or give different slopes to two kinks that must cancel. Here all
derivatives come from I_n(x) / x**n, which is smooth: its derivative is x * I_(n + 1)(x) / x**(n + 1). (Abramowitz and
Stegun, 9.6.10, 9.6.26 and 9.6.28.) Spherical ones JAX differentiates as a quotient, which has no digits close to zero,
and those of the first kind by a recurrence, whose numbers are so large that their squares and cubes overflow.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy.special as js
from jax import lax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from adhelpers_plugins.jax.functions.elementwise import Array, Function, alike, elementwise
from adhelpers_plugins.jax.names import register_over_devices

# -- modified ------------------------------------------------------------------------------------------------------

_FAR = 10.0
"""From there on the recurrence from order to order loses nothing, for orders below that number."""
_TERMS = 32
"""So many terms of the power series are exact to rounding up to there."""


def _value(x: Array, *, n: int, kink: float) -> Array:
    wide = jnp.abs(x.astype(jnp.promote_types(x.dtype, jnp.float32)))
    near = wide < _FAR
    small, large = jnp.where(near, wide, 0), jnp.where(near, _FAR, wide)
    square, series = small * small / 4, jnp.ones_like(small)
    for k in range(_TERMS, 0, -1):
        series = 1 + square / (k * (n + k)) * series
    for k in range(1, n + 1):
        series = series / (2 * k)
    lower, upper = lax.bessel_i0e(large), lax.bessel_i1e(large) / large
    for k in range(1, n):
        lower, upper = upper, (lower - 2 * k * upper) / large / large
    return jnp.where(near, jnp.exp(-small) * series, upper).astype(x.dtype)


def _sign(x: Array, kink: float) -> Array:
    """The slope of abs(x), which at zero is the choice `kink`."""
    return jnp.where(x == 0, jnp.asarray(kink, x.dtype), jnp.sign(x))


_quotient_e: Function = elementwise(
    "bessel_quotient_e",  # exp(-abs(x)) * I_n(x) / x**n for n > 0
    _value,
    lambda x, n, kink: x * _quotient_e(x, n=n + 1, kink=kink) - _sign(x, kink) * _quotient_e(x, n=n, kink=kink),
    static=("n", "kink"),
)
_i0e: Function = elementwise(
    "bessel_i0e_everywhere",
    lambda x, *, kink: lax.bessel_i0e(x),
    lambda x, kink: _i1e(x, kink=kink) - _sign(x, kink) * _i0e(x, kink=kink),
    static=("kink",),
)
_i1e: Function = elementwise(
    "bessel_i1e_everywhere",
    lambda x, *, kink: lax.bessel_i1e(x),
    lambda x, kink: _i0e(x, kink=kink) - _quotient_e(x, n=1, kink=kink) - _sign(x, kink) * _i1e(x, kink=kink),
    static=("kink",),
)
_quotient: Function = elementwise(
    "bessel_quotient",
    lambda x, *, n: jnp.exp(jnp.abs(x)) * _value(x, n=n, kink=0.0),
    lambda x, n: x * _quotient(x, n=n + 1),
    static=("n",),
)
_i0: Function = elementwise("bessel_i0", js.i0, lambda x: _i1(x))
_i1: Function = elementwise("bessel_i1", js.i1, lambda x: _i0(x) - _quotient(x, n=1))


def i0e(x: Array, /, kink: float = 0.0) -> Array:
    """exp(-abs(x)) times `i0`; at zero it has a kink, and its slope is 0 by JAX's own choice."""
    return _i0e(*alike(x), kink=kink)


def i1e(x: Array, /, kink: float = 0.0) -> Array:
    """exp(-abs(x)) times `i1`."""
    return _i1e(*alike(x), kink=kink)


def i0(x: Array, /) -> Array:
    """The modified Bessel function of the first kind and order 0."""
    return _i0(*alike(x))


def i1(x: Array, /) -> Array:
    """The modified Bessel function of the first kind and order 1."""
    return _i1(*alike(x))


# -- spherical -----------------------------------------------------------------------------------------------------


def sinc(x: Array, /) -> Array:
    """The spherical Bessel function of order 0 at pi times x, of which JAX differentiates the quotient."""
    (x,) = alike(x)
    return _spherical(jnp.pi * x, n=0)


def _spherical_value(x: Array, *, n: int) -> Array:
    wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    near = jnp.abs(wide) < n + 3  # the series loses little up to there, and the recurrence from there on
    small, large = jnp.where(near, wide, 0), jnp.where(near, n + 3, wide)
    series = jnp.ones_like(small)
    for k in range(_TERMS, 0, -1):
        series = 1 - small * small / (2 * k * (2 * n + 2 * k + 1)) * series
    for k in range(1, n + 1):
        series = series / (2 * k + 1)
    lower, upper = jnp.cos(large), jnp.sin(large) / large
    for k in range(n):
        lower, upper = upper, ((2 * k + 1) * upper - lower) / large / large
    return jnp.where(near, series, upper).astype(x.dtype)


_spherical: Function = elementwise(
    "spherical_bessel_quotient",  # j_n(x) / x**n
    _spherical_value,
    lambda x, n: -x * _spherical(x, n=n + 1),
    static=("n",),
)


# -- of the first kind, of many orders at once ------------------------------------------------------------------------


def orders(x: Array, /, *, last: int) -> Array:
    """J_0(x), J_1(x) and so on, on an axis in front; `last` must be larger than the magnitude of x, and than 0."""
    return _ORDERS.bind(x, last=last)


def _orders(x: Array, *, last: int) -> Array:
    """By the ratio of each to the one before, from a late one on: unlike the functions, ratios do not overflow.

    The sum of J_0 and twice all those of even order is 1. (Gautschi 1967; Abramowitz and Stegun, 9.1.27 and 9.1.46.)
    """
    wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))

    def step(later: tuple[Array, Array], n: Array) -> tuple[tuple[Array, Array], Array]:
        ratio, total = later
        divisor = 2 * n - wide * ratio
        ratio = wide / jnp.where(divisor == 0, jnp.finfo(wide.dtype).eps, divisor)
        return (ratio, ratio * (total + 2 * (1 - n % 2))), ratio

    start = jnp.zeros_like(wide)
    (_, total), ratios = lax.scan(step, (start, start), jnp.arange(1, last + 2, dtype=wide.dtype), reverse=True)
    of_first = jnp.concatenate([jnp.ones_like(wide)[None], jnp.cumprod(ratios[:last], axis=0)])
    return (of_first / (1 + total)).astype(x.dtype)


def _push_orders(operands: Any, tangents: Any, *, last: int) -> tuple[Array, Array]:
    (x,), (tangent,) = operands, tangents
    found = orders(x, last=last + 1)
    slope = (jnp.concatenate([-found[1:2], found[:last]]) - found[1:]) / 2
    return orders(x, last=last), tangent * slope


_ORDERS = Primitive("bessel_orders")
_ORDERS.def_impl(jax.jit(_orders, static_argnames="last"))
_ORDERS.def_abstract_eval(lambda x, *, last: x.update(shape=(last + 1, *x.shape)))
ad.primitive_jvps[_ORDERS] = _push_orders
batching.primitive_batchers[_ORDERS] = lambda operands, axes, *, last: (orders(operands[0], last=last), axes[0] + 1)
mlir.register_lowering(_ORDERS, mlir.lower_fun(_orders, multiple_results=False))
register_over_devices(_ORDERS)
