"""The logarithm of gamma and its derivatives, also right at negative numbers, where JAX's polygamma is wrong.

At negative numbers two-sided sums replace it. With f the distance of x to the nearest integer, the sum of
(x + k)**-(n + 1) over all integers k equals that of (f + k)**-(n + 1), which Hurwitz's zeta function gives on either
side of zero. Without its part for k < 0, which is the zeta function at 1 - x, that sum times n! and a sign is the
polygamma function of order n.
"""

from __future__ import annotations

import jax.numpy as jnp
from jax import lax

from adhelpers.extend import UnsupportedOperationError
from adhelpers_plugins.jax.functions.elementwise import Array, Function, alike, elementwise


def _value(n: Array, x: Array) -> Array:
    positive, even = x > 0, 1 - 2 * (n % 2)
    s, f = n + 1, x - jnp.round(x)
    both_sides = f**-s + lax.zeta(s, 1 + f) - even * lax.zeta(s, 1 - f)
    below = even * lax.zeta(s, 1 - jnp.where(positive, 0, x))
    reflected = -even * jnp.exp(lax.lgamma(s)) * (both_sides + below)
    right = jnp.where(positive, lax.polygamma(n, jnp.where(positive, x, 1)), reflected)
    return jnp.where(n == 0, lax.digamma(x), right)


def _by_order(n: Array, x: Array) -> Array:
    msg = "polygamma has no derivative with respect to its order"
    raise UnsupportedOperationError(msg)


_polygamma: Function = elementwise("polygamma_everywhere", _value, _by_order, lambda n, x: _polygamma(n + 1, x))
_digamma: Function = elementwise("digamma_everywhere", lax.digamma, lambda x: _polygamma(jnp.ones_like(x), x))
_lgamma: Function = elementwise("lgamma_everywhere", lax.lgamma, lambda x: _digamma(x))


def gammaln(x: Array, /) -> Array:
    """The logarithm of the absolute value of the gamma function."""
    return _lgamma(*alike(x))


def digamma(x: Array, /) -> Array:
    """The derivative of `gammaln`."""
    return _digamma(*alike(x))


def polygamma(n: Array, x: Array, /) -> Array:
    """The n-th derivative of `digamma`, in the dtype of `x`."""
    (x,) = alike(x)
    return _polygamma(*jnp.broadcast_arrays(jnp.asarray(n, x.dtype), x))
