"""Functions whose result is constant wherever it has a derivative: integers, truth, positions, steps.

They see the values alone. A derivative of zero is the right one here, and none is lost.
"""

from __future__ import annotations

from typing import Any

import array_api_compat.numpy as xnp
import numpy as np

from adhelpers_plugins.autograd.arrayapi.primitives import Array, plain


def all(x: Array, /, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Array:
    """Whether every element is true."""
    return np.all(plain(x), axis=axis, keepdims=keepdims)


def any(x: Array, /, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Array:
    """Whether some element is true."""
    return np.any(plain(x), axis=axis, keepdims=keepdims)


def argmax(x: Array, /, *, axis: int | None = None, keepdims: bool = False) -> Array:
    """The position of the largest element."""
    return np.argmax(plain(x), axis=axis, keepdims=keepdims)


def argmin(x: Array, /, *, axis: int | None = None, keepdims: bool = False) -> Array:
    """The position of the smallest element."""
    return np.argmin(plain(x), axis=axis, keepdims=keepdims)


def argsort(x: Array, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Array:
    """The positions that sort."""
    return xnp.argsort(plain(x), axis=axis, descending=descending, stable=stable)


def ceil(x: Array, /) -> Array:
    """Rounded up."""
    return xnp.ceil(plain(x))


def count_nonzero(x: Array, /, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Array:
    """The number of nonzero elements."""
    return np.asarray(np.count_nonzero(plain(x), axis=axis, keepdims=keepdims))


def equal(x1: Array, x2: Array, /) -> Array:
    """x1 == x2."""
    return np.equal(plain(x1), plain(x2))


def floor(x: Array, /) -> Array:
    """Rounded down."""
    return xnp.floor(plain(x))


def floor_divide(x1: Array, x2: Array, /) -> Array:
    """The quotient rounded down."""
    return np.floor_divide(plain(x1), plain(x2))


def greater(x1: Array, x2: Array, /) -> Array:
    """x1 > x2."""
    return np.greater(plain(x1), plain(x2))


def greater_equal(x1: Array, x2: Array, /) -> Array:
    """x1 >= x2."""
    return np.greater_equal(plain(x1), plain(x2))


def isfinite(x: Array, /) -> Array:
    """Whether each element is finite."""
    return np.isfinite(plain(x))


def isinf(x: Array, /) -> Array:
    """Whether infinite."""
    return np.isinf(plain(x))


def isin(x1: Array, x2: Array, /, *, invert: bool = False) -> Array:
    """Whether each element of x1 is among the elements of x2."""
    return np.isin(plain(x1), plain(x2), invert=invert)


def isnan(x: Array, /) -> Array:
    """Whether nan."""
    return np.isnan(plain(x))


def less(x1: Array, x2: Array, /) -> Array:
    """x1 < x2."""
    return np.less(plain(x1), plain(x2))


def less_equal(x1: Array, x2: Array, /) -> Array:
    """x1 <= x2."""
    return np.less_equal(plain(x1), plain(x2))


def logical_and(x1: Array, x2: Array, /) -> Array:
    """Whether both are true."""
    return np.logical_and(plain(x1), plain(x2))


def logical_not(x: Array, /) -> Array:
    """Whether false."""
    return np.logical_not(plain(x))


def logical_or(x1: Array, x2: Array, /) -> Array:
    """Whether one is true."""
    return np.logical_or(plain(x1), plain(x2))


def logical_xor(x1: Array, x2: Array, /) -> Array:
    """Whether exactly one is true."""
    return np.logical_xor(plain(x1), plain(x2))


def matrix_rank(x: Array, /, *, rtol: float | Array | None = None) -> Array:
    """The number of singular values of matrices that are not small."""
    return xnp.linalg.matrix_rank(plain(x), rtol=plain(rtol))


def nonzero(x: Array, /) -> tuple[Array, ...]:
    """The positions of nonzero elements."""
    return xnp.nonzero(plain(x))


def not_equal(x1: Array, x2: Array, /) -> Array:
    """x1 != x2."""
    return np.not_equal(plain(x1), plain(x2))


def round(x: Array, /) -> Array:
    """Rounded to the nearest integer."""
    return np.round(plain(x))


def searchsorted(x1: Array, x2: Array, /, *, side: Any = "left", sorter: Array | None = None) -> Array:
    """The positions at which x2 would be inserted into x1."""
    return np.searchsorted(plain(x1), plain(x2), side=side, sorter=sorter)


def signbit(x: Array, /) -> Array:
    """Whether the sign bit is set."""
    return np.signbit(plain(x))


def trunc(x: Array, /) -> Array:
    """Rounded towards zero."""
    return xnp.trunc(plain(x))
