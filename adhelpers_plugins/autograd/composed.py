"""Functions of the array API that autograd has under another name, in another form or not at all."""

from __future__ import annotations

from typing import Any

import autograd.numpy as anp
import numpy as np
from autograd.extend import defjvp, defvjp, primitive
from autograd.tracer import getval, isbox

Array = Any


@primitive  # type: ignore[untyped-decorator]
def _cast(x: Array, dtype: Any) -> Array:
    return np.asarray(x).astype(dtype)


def _cast_back(gradient: Array, dtype: Any) -> Array:
    narrows = np.issubdtype(gradient.dtype, np.complexfloating) and not np.issubdtype(dtype, np.complexfloating)
    return _cast(anp.real(gradient) if narrows else gradient, dtype)


defvjp(_cast, lambda ans, x, dtype: lambda g: _cast_back(g, x.dtype), argnums=(0,))
defjvp(_cast, lambda g, ans, x, dtype: _cast(g, dtype), argnums=(0,))


def astype(x: Array, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Array:
    """Cast; a constant where `dtype` has no derivative."""
    if not np.issubdtype(dtype, np.inexact):
        return np.asarray(getval(x)).astype(dtype)
    return _cast(x, dtype) if copy or x.dtype != dtype else x


def asarray(obj: Any, /, *, dtype: Any = None, device: Any = None, copy: bool | None = None) -> Array:
    """An array; a sequence may hold boxes."""
    array = obj if isbox(obj) else anp.array(obj)
    return array if dtype is None or array.dtype == dtype else astype(array, dtype)


def broadcast_to(x: Array, /, shape: tuple[int, ...]) -> Array:
    """Repeat along new axes and those of length one; autograd's own has no gradient for new axes."""
    return x * np.ones(shape, dtype=x.dtype)


def clip(x: Array, /, min: Array | None = None, max: Array | None = None) -> Array:
    """Limit to an interval; at a bound the derivative is autograd's for maximum and minimum."""
    if min is not None:
        x = anp.maximum(x, min)
    return x if max is None else anp.minimum(x, max)


def concat(arrays: Any, /, *, axis: int | None = 0) -> Array:
    """Join arrays along an axis, or flattened where it is None."""
    if axis is None:
        return anp.concatenate([anp.ravel(a) for a in arrays])
    return anp.concatenate(list(arrays), axis)


def cumulative_sum(x: Array, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Array:
    """Running sums along an axis."""
    if axis is None:
        if x.ndim != 1:
            msg = f"cumulative_sum needs an axis for an array of {x.ndim} dimensions"
            raise ValueError(msg)
        axis = 0
    if dtype is not None:
        x = astype(x, dtype)
    sums = anp.cumsum(x, axis)
    if not include_initial:
        return sums
    shape = list(x.shape)
    shape[axis] = 1
    return anp.concatenate([np.zeros(shape, dtype=x.dtype), sums], axis)


def flip(x: Array, /, *, axis: int | tuple[int, ...] | None = None) -> Array:
    """Reverse the order along axes, all of them where `axis` is None."""
    axes = range(x.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
    flipped = {a % x.ndim for a in axes}
    return x[tuple(slice(None, None, -1 if i in flipped else None) for i in range(x.ndim))]


def matrix_transpose(x: Array, /) -> Array:
    """Swap the last two axes."""
    return anp.swapaxes(x, -1, -2)


def sign(x: Array, /) -> Array:
    """The sign of real numbers."""
    if np.issubdtype(x.dtype, np.complexfloating):
        msg = "the array namespace for autograd has no sign of complex numbers: autograd differentiates it wrongly"
        raise NotImplementedError(msg)
    return anp.sign(x)


def take(x: Array, indices: Array, /, *, axis: int | None = None) -> Array:
    """Elements along an axis."""
    if axis is None:
        if x.ndim != 1:
            msg = f"take needs an axis for an array of {x.ndim} dimensions"
            raise ValueError(msg)
        axis = 0
    return x[(slice(None),) * (axis % x.ndim) + (np.asarray(indices),)]


def vecdot(x1: Array, x2: Array, /, *, axis: int = -1) -> Array:
    """Products summed along an axis, the first factor conjugated."""
    return anp.sum(anp.conj(x1) * x2, axis=axis)
