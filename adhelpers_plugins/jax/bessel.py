"""Modified Bessel functions with right derivatives of every order, also at zero.

JAX's rules divide by x there, or give different slopes to two kinks that must cancel. Here all derivatives come from
I_n(x) / x**n, which is smooth: its derivative is x * I_(n + 1)(x) / x**(n + 1). (Abramowitz and Stegun, 9.6.10, 9.6.26
and 9.6.28.)
"""

from __future__ import annotations

import jax.numpy as jnp
import jax.scipy.special as js
from jax import lax

from adhelpers_plugins.jax.elementwise import Array, Function, alike, elementwise

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
