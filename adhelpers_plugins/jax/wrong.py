"""Rules of JAX that give a wrong number without a word, and the functions that stand in for their primitives.

A stand-in has the values of its primitive, wherever these are right, and right derivatives of every order.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
from jax import lax

from adhelpers_plugins.jax import bessel, gamma

Version = tuple[int, ...]
StandIn = Callable[..., Any]

# Each with the first version of JAX whose rules are right, once there is one.
_RULES: list[tuple[Any, StandIn, Version | None]] = [
    # At negative numbers, where it is the second derivative of the former and the first of the latter two.
    (lax.lgamma_p, gamma.gammaln, None),
    (lax.digamma_p, gamma.digamma, None),
    (lax.polygamma_p, gamma.polygamma, None),
    # At zero: the second derivative of i1e, and what both are within i0 and i1.
    (lax.bessel_i0e_p, bessel.i0e, None),
    (lax.bessel_i1e_p, bessel.i1e, None),
]

STAND_INS: Mapping[Any, StandIn] = {
    primitive: stand_in for primitive, stand_in, mended in _RULES if mended is None or jax.__version_info__ < mended
}

_BESIDE_ABS = {
    lax.bessel_i0e_p: functools.partial(bessel.i0e, kink=1.0),
    lax.bessel_i1e_p: functools.partial(bessel.i1e, kink=1.0),
}

BESIDE_ABS: Mapping[Any, StandIn] = {p: _BESIDE_ABS.get(p, stand_in) for p, stand_in in STAND_INS.items()}
"""The same in a function that takes an absolute value too.

The slope of that at zero is one to JAX, and so must be that of the abs(x) which i0e is made with: in JAX's i0, which is
exp(abs(x)) * i0e(x), the two kinks cancel.
"""
