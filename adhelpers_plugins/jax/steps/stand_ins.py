"""What stands in for steps of JAX's functions."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from adhelpers.extend import UnsupportedOperationError
from adhelpers_plugins.jax.abstract import is_abstract
from adhelpers_plugins.jax.functions import bessel
from adhelpers_plugins.jax.functions.elementwise import Array, elementwise
from adhelpers_plugins.jax.names import concrete_or_error

StandIn = Callable[..., Any]

# -- betaln: JAX sorts its arguments, and up to 0.11 each is half of either to it where they are equal ----------------


def lower(a: Array, b: Array) -> Array:
    """The lower one; the first one where both are equal."""
    least = jnp.where(a <= b, a, b)
    _refuse_unless_positive(least)
    return least


def upper(a: Array, b: Array) -> Array:
    """The upper one; the second one where both are equal."""
    return jnp.where(a <= b, b, a)


def in_order(a: Array, b: Array) -> Array:
    """Whether the first one is the lower one."""
    is_in_order = a <= b
    _refuse_unless_positive(jnp.where(is_in_order, a, b))
    return is_in_order


def _refuse_unless_positive(least: Array) -> None:
    if (
        isinstance(least, jax.core.Tracer)
        and not is_abstract(least)
        and bool(jnp.any(concrete_or_error(None, least) <= 0))
    ):
        msg = (
            "jax.scipy.special.beta and betaln were given an argument that is not positive, where JAX's derivative "
            "is nan; use gammaln(a) + gammaln(b) - gammaln(a + b), which is betaln(a, b)"
        )
        raise UnsupportedOperationError(msg)


# -- logarithms of negative numbers: they are nan, and that times zero is too, where zero was meant -------------------


def _real_only(function: StandIn, primitive: Callable[..., Array]) -> StandIn:
    """Complex numbers have logarithms everywhere."""
    return lambda x: primitive(x) if jnp.iscomplexobj(x) else function(x)


log = _real_only(
    elementwise("log_unless_negative", lambda x: jnp.where(x < 0, 0, lax.log(x)), lambda x: jnp.where(x < 0, 0, 1 / x)),
    lax.log,
)
log1p = _real_only(
    elementwise(
        "log1p_unless_negative",
        lambda x: jnp.where(x < -1, 0, lax.log1p(x)),
        lambda x: jnp.where(x < -1, 0, 1 / (1 + x)),
    ),
    lax.log1p,
)
log_of_positive = elementwise(
    "log_if_positive",
    lambda x: jnp.where(x > 0, lax.log(x), 0),
    lambda x: jnp.where(x > 0, 1 / jnp.where(x > 0, x, 1), 0),  # pulled back, an infinity times zero is nan
)

# -- spence, fresnel, ldexp: JAX takes a value for a constant, where the formula that it has elsewhere is right too -


def never(x: Array, at: Array) -> Array:
    """False, where JAX asks whether they are equal."""
    return jnp.zeros_like(x, bool)


def equals_other_than_one(x: Array, c: Array) -> Array:
    """Whether they are equal, and not one."""
    return (x == c) & (c != 1)


# -- hypot: JAX sorts its arguments, and each is half of either where they are equal, which is its choice at zero ------


def shorter(a: Array, b: Array) -> Array:
    """The shorter one; the first one where both are equal."""
    return _by_order(a, b, a, b, lax.min)


def longer(a: Array, b: Array) -> Array:
    """The longer one; the second one where both are equal."""
    return _by_order(a, b, b, a, lax.max)


def _by_order(a: Array, b: Array, if_less: Array, if_not: Array, otherwise: StandIn) -> Array:
    """Of magnitudes; zeros, and what is not a number, are left to JAX."""
    return jnp.where(a < b, if_less, jnp.where((b <= a) & (a > 0), if_not, otherwise(a, b)))


# -- i0 and i1: JAX multiplies i0e by exp(abs(x)), whose slope at zero is one to it: the two kinks must cancel --------

i0e = functools.partial(bessel.i0e, kink=1.0)
i1e = functools.partial(bessel.i1e, kink=1.0)

# Where JAX takes the derivative, it has another one in place of that at zero: a constant, whose own derivative is lost.
# So the number never counts as zero, and there is a direction at zero too.


def direction(x: Array) -> Array:
    """The sign, which is one at zero."""
    return jnp.where(x == 0, jnp.ones_like(x), lax.sign(x))


# -- bessel_jn: the derivatives of JAX's recurrence overflow, and vanish in its quotient ------------------------------


def recurrence(*operands: Array, num_consts: int, num_carry: int, jaxpr: Any, **_: Any) -> list[Array]:
    """What JAX's gives: two numbers, a sum, perhaps the argument, and the function of every order.

    JAX divides by the difference of the sum and the function of order 0, which is 1 here.
    """
    if (len(operands), num_consts + num_carry, len(jaxpr.out_avals)) != (5, 4, num_carry + 1):
        msg = (
            "f takes a derivative of jax.scipy.special.bessel_jn by JAX itself, where it is wrong; take that by "
            "adhelpers too, or write it in terms of other orders: 2 J_n' = J_(n - 1) - J_(n + 1)"
        )
        raise UnsupportedOperationError(msg)
    x = operands[0] if num_consts else operands[3]
    found = bessel.orders(x, last=operands[4].shape[0] - 1)
    return [x, x, 1 + found[0], x, found] if num_carry == 4 else [x, x, 1 + found[0], found]
