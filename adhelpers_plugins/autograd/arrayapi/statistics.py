"""Statistics along axes."""

from __future__ import annotations

import math
from typing import Any

import array_api_compat.numpy as xnp
import autograd.numpy as anp
import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from adhelpers.extend import ArgumentError
from adhelpers_plugins.autograd.arrayapi.datatypes import astype
from adhelpers_plugins.autograd.arrayapi.primitives import Array, is_complex, unless_traced

Axes = int | tuple[int, ...] | None


def from_front(axis: Axes, x: Array) -> tuple[int, ...]:
    """Axes counted from the front, all of them for None: some of autograd's rules take only such tuples."""
    return tuple(range(x.ndim)) if axis is None else normalize_axis_tuple(axis, x.ndim)


def only_axis(axis: int | None, x: Array, function: str) -> int:
    """The axis of a function, which may be None for arrays of one dimension."""
    if axis is None and x.ndim != 1:
        msg = f"{function} needs an axis for an array of {x.ndim} dimensions"
        raise ArgumentError(msg)
    return 0 if axis is None else normalize_axis_tuple(axis, x.ndim)[0]


@unless_traced(xnp.cumulative_sum)
def cumulative_sum(x: Array, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Array:
    """Running sums along an axis."""
    axis = only_axis(axis, x, "cumulative_sum")
    if dtype is not None:
        x = astype(x, dtype)
    sums = anp.cumsum(x, axis)
    if not include_initial:
        return sums
    shape = (*x.shape[:axis], 1, *x.shape[axis + 1 :])
    return anp.concatenate([np.zeros(shape, dtype=x.dtype), sums], axis)


@unless_traced(xnp.max)
def max(x: Array, /, *, axis: Axes = None, keepdims: bool = False) -> Array:
    """The largest elements along axes."""
    return anp.max(x, axis=None if axis is None else from_front(axis, x), keepdims=keepdims)


@unless_traced(xnp.mean)
def mean(x: Array, /, *, axis: Axes = None, keepdims: bool = False) -> Array:
    """The mean along axes."""
    return anp.mean(x, axis=axis, keepdims=keepdims)


@unless_traced(xnp.min)
def min(x: Array, /, *, axis: Axes = None, keepdims: bool = False) -> Array:
    """The smallest elements along axes."""
    return anp.min(x, axis=None if axis is None else from_front(axis, x), keepdims=keepdims)


@unless_traced(xnp.std)
def std(x: Array, /, *, axis: Axes = None, correction: float = 0.0, keepdims: bool = False) -> Array:
    """The standard deviation along axes; autograd's own rules ignore the correction."""
    spread = var(x, axis=axis, correction=correction, keepdims=keepdims)
    alone = _count(x, axis) == 1 and correction < 1
    return spread if alone else anp.sqrt(spread)  # zero for whatever the one element is: no root to be taken


@unless_traced(xnp.sum)
def sum(x: Array, /, *, axis: Axes = None, dtype: Any = None, keepdims: bool = False) -> Array:
    """The sum along axes."""
    return anp.sum(x if dtype is None else astype(x, dtype), axis=axis, keepdims=keepdims)


@unless_traced(xnp.var)
def var(x: Array, /, *, axis: Axes = None, correction: float = 0.0, keepdims: bool = False) -> Array:
    """The variance along axes; autograd's own rules ignore the correction."""
    apart = x - anp.mean(x, axis=axis, keepdims=True)
    squares = anp.real(apart) ** 2 + anp.imag(apart) ** 2 if is_complex(x) else apart**2
    divisor = np.maximum(_count(x, axis) - correction, 0.0).astype(squares.dtype)
    return anp.sum(squares, axis=axis, keepdims=keepdims) / divisor


def _count(x: Array, axis: Axes) -> int:
    return math.prod(x.shape[i] for i in from_front(axis, x))
