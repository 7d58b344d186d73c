"""Products of vectors and matrices, and sums over their axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import array_api_compat.numpy as xnp
import autograd.numpy as anp

from adhelpers.extend import ArgumentError
from adhelpers_plugins.autograd.arrayapi.gathering import diagonal, take
from adhelpers_plugins.autograd.arrayapi.primitives import Array, unless_traced
from adhelpers_plugins.autograd.arrayapi.statistics import sum


@unless_traced(xnp.linalg.cross)
def cross(x1: Array, x2: Array, /, *, axis: int = -1) -> Array:
    """The cross product of vectors in three dimensions."""
    a, b = anp.moveaxis(x1, axis, -1), anp.moveaxis(x2, axis, -1)
    if (a.shape[-1], b.shape[-1]) != (3, 3):
        msg = f"cross takes vectors of three elements, not of {a.shape[-1]} and {b.shape[-1]}"
        raise ArgumentError(msg)
    after, before = [1, 2, 0], [2, 0, 1]
    product = take(a, after, axis=-1) * take(b, before, axis=-1) - take(a, before, axis=-1) * take(b, after, axis=-1)
    return anp.moveaxis(product, -1, axis)


@unless_traced(xnp.matmul)
def matmul(x1: Array, x2: Array, /) -> Array:
    """The product of matrices."""
    return anp.matmul(x1, x2)


@unless_traced(xnp.linalg.outer)
def outer(x1: Array, x2: Array, /) -> Array:
    """The products of each element of one vector with each of the other."""
    if (x1.ndim, x2.ndim) != (1, 1):
        msg = f"outer takes vectors, not arrays of {x1.ndim} and {x2.ndim} dimensions"
        raise ArgumentError(msg)
    return x1[:, None] * x2[None, :]  # autograd's own warns of complex numbers in its second derivative


@unless_traced(xnp.tensordot)
def tensordot(x1: Array, x2: Array, /, *, axes: int | tuple[Sequence[int], Sequence[int]] = 2) -> Array:
    """Products summed over axes of both."""
    return anp.tensordot(x1, x2, axes)


@unless_traced(xnp.linalg.trace)
def trace(x: Array, /, *, offset: int = 0, dtype: Any = None) -> Array:
    """The sums of the diagonals of matrices."""
    return sum(diagonal(x, offset=offset), axis=-1, dtype=dtype)


@unless_traced(xnp.vecdot)
def vecdot(x1: Array, x2: Array, /, *, axis: int = -1) -> Array:
    """Products summed along an axis, the first factor conjugated."""
    a, b = anp.moveaxis(x1, axis, -1), anp.moveaxis(x2, axis, -1)
    if a.shape[-1] != b.shape[-1]:
        msg = f"vecdot takes vectors of one length, not of {a.shape[-1]} and {b.shape[-1]}"
        raise ArgumentError(msg)
    return anp.sum(anp.conj(a) * b, axis=-1)
