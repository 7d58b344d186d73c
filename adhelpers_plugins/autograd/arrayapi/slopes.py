"""Elementwise functions with rules of our own: autograd has none, or wrong ones, or some that lose all digits."""

from __future__ import annotations

import array_api_compat.numpy as xnp
import autograd.numpy as anp
import numpy as np
from autograd.tracer import getval

from adhelpers_plugins.autograd.arrayapi.primitives import Array, is_complex, primitive, slopes, unless_traced


@primitive
def acosh(x: Array, /) -> Array:
    """Inverse hyperbolic cosine; for complex numbers autograd's own takes the wrong branch of the root."""
    return np.arccosh(x)


slopes(acosh, lambda ans, x: 1 / (anp.sqrt(x - 1) * anp.sqrt(x + 1)))


@primitive
def atan2(x1: Array, x2: Array, /) -> Array:
    """Angle of the point (x2, x1); autograd's rules square the distance, which may underflow."""
    return np.arctan2(x1, x2)


def _over_square(x: Array, length: Array) -> Array:
    return x / length / length


slopes(
    atan2,
    lambda ans, x1, x2: _over_square(x2, hypot(x1, x2)),
    lambda ans, x1, x2: _over_square(-x1, hypot(x1, x2)),
)


@primitive
def copysign(x1: Array, x2: Array, /) -> Array:
    """The magnitude of one with the sign of the other."""
    return np.copysign(x1, x2)


def _turned(ans: Array, x1: Array, x2: Array) -> Array:
    """Minus one if the sign changes, else one."""
    x1, x2 = getval(x1), getval(x2)
    return np.where(np.signbit(x1) == np.signbit(x2), 1, -1).astype(np.result_type(x1, x2))


slopes(copysign, _turned, None)


@primitive
def expm1(x: Array, /) -> Array:
    """Exponential minus one; autograd's rules add the one again, which may lose all digits."""
    return np.expm1(x)


slopes(expm1, lambda ans, x: anp.exp(x))


@primitive
def hypot(x1: Array, x2: Array, /) -> Array:
    """Length of the vector (x1, x2); autograd's own has no JVP."""
    return np.hypot(x1, x2)


slopes(hypot, lambda ans, x1, x2: x1 / ans, lambda ans, x1, x2: x2 / ans)


@primitive
def logaddexp(x1: Array, x2: Array, /) -> Array:
    """Logarithm of the sum of exponentials; autograd's rules lose digits if it is large."""
    return np.logaddexp(x1, x2)


def _logistic(x: Array) -> Array:
    return anp.exp(-logaddexp(0.0, -x))


slopes(logaddexp, lambda ans, x1, x2: _logistic(x1 - x2), lambda ans, x1, x2: _logistic(x2 - x1))


@primitive
def nextafter(x1: Array, x2: Array, /) -> Array:
    """The next number from x1 towards x2: a step beside x1, and moved with it."""
    return np.nextafter(x1, x2)


slopes(nextafter, lambda ans, x1, x2: anp.ones_like(ans), None)


@primitive
def positive(x: Array, /) -> Array:
    """The same."""
    return np.positive(x)


slopes(positive, lambda ans, x: 1)


@primitive
def remainder(x1: Array, x2: Array, /) -> Array:
    """The remainder of a division rounded down; autograd's rules divide again, and may round to another integer."""
    return np.remainder(x1, x2)


slopes(remainder, lambda ans, x1, x2: anp.ones_like(ans), lambda ans, x1, x2: -anp.floor_divide(x1, x2))


@unless_traced(xnp.sign)
def sign(x: Array, /) -> Array:
    """The sign of real numbers, or the direction of complex ones, which autograd treats as a constant."""
    if not is_complex(x):
        return np.sign(getval(x))
    length = anp.abs(x)
    away = length != 0
    return anp.where(away, x / anp.where(away, length, 1), 0)  # zero whatever the signs of its parts


@primitive
def tan(x: Array, /) -> Array:
    """Tangent."""
    return np.tan(x)


@primitive
def tanh(x: Array, /) -> Array:
    """Hyperbolic tangent."""
    return np.tanh(x)


def _slope_of_tanh(ans: Array, x: Array) -> Array:
    """One over the square of cosh, without cosh, which overflows, for complex numbers to NaN."""
    away = np.where(np.signbit(np.real(getval(x))), 2, -2).astype(x.dtype)
    small = anp.exp(away * x)
    return 4 * small / (1 + small) ** 2


def _slope_of_tan(ans: Array, x: Array) -> Array:
    return _slope_of_tanh(ans, 1j * x) if is_complex(x) else 1 / anp.cos(x) ** 2


slopes(tan, _slope_of_tan)
slopes(tanh, _slope_of_tanh)
