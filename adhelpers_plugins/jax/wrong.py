"""Rules of JAX that are silently wrong, and the functions that replace their primitives.

A replacement has the right values of its primitive, and right derivatives of every order.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from adhelpers_plugins.jax import arrayapi
from adhelpers_plugins.jax.functions import bessel, determinant, gamma
from adhelpers_plugins.jax.names import name_and_file

StandIn = Callable[..., Any]

# Each with the first version of JAX whose rules are right, where there is one.
_RULES: list[tuple[Any, StandIn, tuple[int, ...] | None]] = [
    # At negative numbers: the second derivative of lgamma, the first of the other two, and values of polygamma.
    (lax.lgamma_p, gamma.gammaln, None),
    (lax.digamma_p, gamma.digamma, None),
    (lax.polygamma_p, gamma.polygamma, None),
    # Close to zero: the second derivative of i1e, the third of i0e; up to 0.11.1, what both are within i0 and i1.
    (lax.bessel_i0e_p, bessel.i0e, None),
    (lax.bessel_i1e_p, bessel.i1e, None),
    # Of complex numbers: in the left half of the plane, and everywhere.
    (lax.acosh_p, arrayapi.acosh, (0, 11, 2)),
    (lax.sign_p, arrayapi.sign, (0, 12)),
    # At zero: the derivative of x**0.0, the second of x**1.0, the third of x**2.0 and so on are nan; pulled back, the
    # second of x**0 is too, for an array of whole numbers.
    (lax.pow_p, arrayapi.power, None),
]

_OF_COMPLEX_NUMBERS = (lax.acosh_p, lax.sign_p)

SHOWN = frozenset({lax.pow_p})
"""Those that are nan where they are wrong, which anyone can see."""

STAND_INS: Mapping[Any, StandIn] = {
    primitive: stand_in for primitive, stand_in, mended in _RULES if mended is None or jax.__version_info__ < mended
}


def is_wrong(primitive: Any, dtype: Any) -> bool:
    """Whether the rule of a primitive is wrong for operands of that dtype."""
    if primitive not in STAND_INS:
        return False
    return primitive not in _OF_COMPLEX_NUMBERS or bool(jnp.issubdtype(dtype, jnp.complexfloating))


_CUSTOM: Mapping[str, StandIn] = {"_i0": bessel.i0, "_i1": bessel.i1, "_det": determinant.det}
"""Functions of JAX's own whose custom rule is wrong, by name.

Up to 0.11.1 the second derivative of ``jax.numpy.i0`` at zero; since then that of ``jax.scipy.special.i1`` close to it.
The gradient of ``jax.numpy.linalg.det`` where a pivot is zero, unless it is the last, and the second derivative where
any is.
"""

OF_MATRICES = frozenset({determinant.det})
"""Those whose operands have axes that are not alike. Under ``vmap`` they are anywhere."""


def stand_in_for_custom(function: Any) -> StandIn | None:
    """The replacement of a function with a custom rule that JAX has wrapped or traced, or None."""
    name, file = name_and_file(function)
    return _CUSTOM.get(name) if _SOURCES in file else None


_SOURCES = os.path.join("jax", "_src", "")
