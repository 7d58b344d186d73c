"""Functions of the array API that autograd has under another name, in another form or not at all."""

from __future__ import annotations

from typing import Any

import autograd.numpy as anp
import numpy as np
from autograd.extend import defjvp, defvjp, primitive
from autograd.numpy.numpy_vjps import unbroadcast_f
from autograd.tracer import getval, isbox
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

Array = Any


@primitive  # type: ignore[untyped-decorator]
def acosh(x: Array, /) -> Array:
    """Inverse hyperbolic cosine; for complex numbers autograd's own takes the wrong branch of the root."""
    return np.arccosh(x)


defvjp(acosh, lambda ans, x: lambda g: g / (anp.sqrt(x - 1) * anp.sqrt(x + 1)))
defjvp(acosh, lambda g, ans, x: g / (anp.sqrt(x - 1) * anp.sqrt(x + 1)))


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


@primitive  # type: ignore[untyped-decorator]
def broadcast_to(x: Array, /, shape: tuple[int, ...]) -> Array:
    """Repeat along new axes and those of length one; autograd's own has no gradient for new axes."""
    return np.broadcast_to(x, shape)


defvjp(broadcast_to, lambda ans, x, shape: unbroadcast_f(x, lambda g: g), argnums=(0,))
defjvp(broadcast_to, "same", argnums=(0,))


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
    flipped = range(x.ndim) if axis is None else normalize_axis_tuple(axis, x.ndim)
    return x[tuple(slice(None, None, -1 if i in flipped else None) for i in range(x.ndim))]


def full(shape: int | tuple[int, ...], fill_value: Any, *, dtype: Any = None, device: Any = None) -> Array:
    """One value everywhere, which may be a box."""
    if isbox(fill_value):
        return broadcast_to(asarray(fill_value, dtype=dtype), shape)
    return np.full(shape, fill_value, dtype)


def full_like(x: Array, /, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Array:
    """One value everywhere, which may be a box; autograd's own takes it for a constant."""
    return full(x.shape, fill_value, dtype=x.dtype if dtype is None else dtype)


def matrix_transpose(x: Array, /) -> Array:
    """Swap the last two axes."""
    return anp.swapaxes(x, -1, -2)


def max(x: Array, /, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Array:
    """The largest elements along axes."""
    return anp.max(x, axis=_from_front(axis, x), keepdims=keepdims)


def min(x: Array, /, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Array:
    """The smallest elements along axes."""
    return anp.min(x, axis=_from_front(axis, x), keepdims=keepdims)


def _from_front(axis: int | tuple[int, ...] | None, x: Array) -> tuple[int, ...] | None:
    """Axes counted from the front: some of autograd's rules take tuples of no others."""
    return None if axis is None else normalize_axis_tuple(axis, x.ndim)


def permute_dims(x: Array, /, axes: tuple[int, ...]) -> Array:
    """Reorder the axes."""
    return anp.transpose(x, _from_front(axes, x))


def reshape(x: Array, /, shape: tuple[int, ...], *, copy: bool | None = None) -> Array:
    """The same elements in another shape."""
    return anp.reshape(x, shape)


def roll(x: Array, /, shift: int | tuple[int, ...], *, axis: int | tuple[int, ...] | None = None) -> Array:
    """Shift along axes, what leaves at the end coming back in front."""
    return anp.roll(x, np.asarray(shift), axis)  # autograd's rule negates the shift, which no tuple can


def sign(x: Array, /) -> Array:
    """The sign of real numbers; of complex ones the direction, which autograd takes for a constant."""
    if not np.issubdtype(x.dtype, np.complexfloating):
        return anp.sign(x)
    length = anp.abs(x)
    return x / anp.where(length == 0, 1.0, length)


def take(x: Array, indices: Array, /, *, axis: int | None = None) -> Array:
    """Elements along an axis."""
    if axis is None:
        if x.ndim != 1:
            msg = f"take needs an axis for an array of {x.ndim} dimensions"
            raise ValueError(msg)
        axis = 0
    return x[(slice(None),) * normalize_axis_index(axis, x.ndim) + (np.asarray(indices),)]


def vecdot(x1: Array, x2: Array, /, *, axis: int = -1) -> Array:
    """Products summed along an axis, the first factor conjugated."""
    return anp.sum(anp.conj(x1) * x2, axis=axis)


def where(condition: Array, x1: Array, x2: Array, /) -> Array:
    """Elements of one array or the other; autograd's own has no gradient for what is broadcast."""
    shape = np.broadcast_shapes(*map(anp.shape, (condition, x1, x2)))
    x1, x2 = (broadcast_to(x, shape) if isbox(x) else x for x in (x1, x2))
    return anp.where(condition, x1, x2)
