"""Dtypes, and arrays of another dtype or shape."""

from __future__ import annotations

from typing import Any

import array_api_compat.numpy as xnp
import autograd.numpy as anp
import numpy as np
from autograd.extend import defjvp, defvjp
from autograd.numpy.numpy_vjps import unbroadcast_f
from autograd.tracer import getval, isbox

from adhelpers.extend import ArgumentError
from adhelpers_plugins.autograd.arrayapi.primitives import Array, plain, primitive, unless_traced


@primitive
def _cast(x: Array, dtype: Any) -> Array:
    return np.asarray(x).astype(dtype)


def _cast_back(gradient: Array, dtype: Any) -> Array:
    narrows = np.issubdtype(gradient.dtype, np.complexfloating) and not np.issubdtype(dtype, np.complexfloating)
    return _cast(anp.real(gradient) if narrows else gradient, dtype)


defvjp(_cast, lambda ans, x, dtype: lambda g: _cast_back(g, x.dtype), argnums=(0,))
defjvp(_cast, lambda g, ans, x, dtype: _cast(g, dtype), argnums=(0,))


def on_device(device: Any) -> None:
    """NumPy has only one device."""
    if device not in (None, "cpu"):
        msg = f"arrays of autograd live on the device 'cpu', not {device!r}"
        raise ArgumentError(msg)


@unless_traced(xnp.astype)
def astype(x: Array, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Array:
    """Cast; a constant if `dtype` has no derivative."""
    on_device(device)
    if not np.issubdtype(dtype, np.inexact):
        return np.asarray(getval(x)).astype(dtype)
    return _cast(x, dtype) if copy or x.dtype != dtype else x


def broadcast_arrays(*arrays: Array) -> tuple[Array, ...]:
    """Broadcast all arrays to their common shape."""
    shape = np.broadcast_shapes(*map(anp.shape, arrays))
    return tuple(broadcast_to(x, shape) for x in arrays)


@primitive
def broadcast_to(x: Array, /, shape: int | tuple[int, ...]) -> Array:
    """Repeat along new axes and those of length one; autograd's own has no gradient for new axes."""
    return np.broadcast_to(x, shape)


defvjp(broadcast_to, lambda ans, x, shape: unbroadcast_f(x, lambda g: g), argnums=(0,))
defjvp(broadcast_to, "same", argnums=(0,))


def can_cast(from_: Any, to: Any, /) -> bool:
    """Whether a cast loses nothing."""
    return xnp.can_cast(from_.dtype if isbox(from_) else from_, to)


def finfo(type: Any, /) -> Any:  # the standard's name
    """Limits of a floating-point dtype."""
    return xnp.finfo(type.dtype if isbox(type) else type)


def iinfo(type: Any, /) -> Any:
    """Limits of an integer dtype."""
    return xnp.iinfo(type.dtype if isbox(type) else type)


def result_type(*arrays_and_dtypes: Any) -> Any:
    """The common dtype of arrays, dtypes and numbers."""
    return xnp.result_type(*map(plain, arrays_and_dtypes))
