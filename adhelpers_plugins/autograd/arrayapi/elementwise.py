"""Elementwise functions whose rules are right in autograd."""

from __future__ import annotations

import autograd.numpy as anp

from adhelpers_plugins.autograd.arrayapi.datatypes import astype
from adhelpers_plugins.autograd.arrayapi.primitives import Array


def abs(x: Array, /) -> Array:
    """Absolute value."""
    return anp.abs(x)


def acos(x: Array, /) -> Array:
    """Inverse cosine."""
    return anp.arccos(x)


def add(x1: Array, x2: Array, /) -> Array:
    """Sum of two."""
    return anp.add(x1, x2)


def asin(x: Array, /) -> Array:
    """Inverse sine."""
    return anp.arcsin(x)


def asinh(x: Array, /) -> Array:
    """Inverse hyperbolic sine."""
    return anp.arcsinh(x)


def atan(x: Array, /) -> Array:
    """Inverse tangent."""
    return anp.arctan(x)


def atanh(x: Array, /) -> Array:
    """Inverse hyperbolic tangent."""
    return anp.arctanh(x)


def clip(x: Array, /, min: Array | None = None, max: Array | None = None) -> Array:
    """Limit to an interval, in the dtype of x; at a bound the derivative is autograd's for maximum and minimum."""
    limited = x if min is None else anp.maximum(x, min)
    if max is not None:
        limited = anp.minimum(limited, max)
    return astype(limited, x.dtype, copy=limited is x)


def conj(x: Array, /) -> Array:
    """Complex conjugate."""
    return anp.conj(x)


def cos(x: Array, /) -> Array:
    """Cosine."""
    return anp.cos(x)


def cosh(x: Array, /) -> Array:
    """Hyperbolic cosine."""
    return anp.cosh(x)


def divide(x1: Array, x2: Array, /) -> Array:
    """Quotient."""
    return anp.divide(x1, x2)


def exp(x: Array, /) -> Array:
    """Exponential."""
    return anp.exp(x)


def imag(x: Array, /) -> Array:
    """Imaginary part."""
    return anp.imag(x)


def log(x: Array, /) -> Array:
    """Natural logarithm."""
    return anp.log(x)


def log1p(x: Array, /) -> Array:
    """Natural logarithm of one plus x."""
    return anp.log1p(x)


def log2(x: Array, /) -> Array:
    """Logarithm to base two."""
    return anp.log2(x)


def log10(x: Array, /) -> Array:
    """Logarithm to base ten."""
    return anp.log10(x)


def maximum(x1: Array, x2: Array, /) -> Array:
    """The larger of two."""
    return anp.maximum(x1, x2)


def minimum(x1: Array, x2: Array, /) -> Array:
    """The smaller of two."""
    return anp.minimum(x1, x2)


def multiply(x1: Array, x2: Array, /) -> Array:
    """Product of two."""
    return anp.multiply(x1, x2)


def negative(x: Array, /) -> Array:
    """The opposite."""
    return anp.negative(x)


def pow(x1: Array, x2: Array, /) -> Array:
    """Power."""
    return anp.power(x1, x2)


def real(x: Array, /) -> Array:
    """Real part."""
    return anp.real(x)


def reciprocal(x: Array, /) -> Array:
    """One over x."""
    return anp.reciprocal(x)


def sin(x: Array, /) -> Array:
    """Sine."""
    return anp.sin(x)


def sinh(x: Array, /) -> Array:
    """Hyperbolic sine."""
    return anp.sinh(x)


def sqrt(x: Array, /) -> Array:
    """Square root."""
    return anp.sqrt(x)


def square(x: Array, /) -> Array:
    """Square."""
    return anp.square(x)


def subtract(x1: Array, x2: Array, /) -> Array:
    """Difference of two."""
    return anp.subtract(x1, x2)
