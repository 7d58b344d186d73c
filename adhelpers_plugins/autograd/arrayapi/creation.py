"""Arrays from nothing, from numbers and from other arrays."""

from __future__ import annotations

from typing import Any

import array_api_compat.numpy as xnp
import autograd.numpy as anp
import numpy as np
from autograd.tracer import isbox

from adhelpers.extend import ArgumentTypeError
from adhelpers_plugins.autograd.arrayapi.datatypes import astype, broadcast_to, on_device
from adhelpers_plugins.autograd.arrayapi.primitives import Array, holds_box, plain, unless_traced


def arange(
    start: float, /, stop: float | None = None, step: float = 1, *, dtype: Any = None, device: Any = None
) -> Array:
    """Numbers at equal distances; their count must not be traced."""
    if any(map(isbox, (start, stop, step))):
        msg = "arange makes no array from traced numbers; use linspace, or scale and shift an arange of integers"
        raise ArgumentTypeError(msg)
    return xnp.arange(start, stop, step, dtype=dtype, device=device)


def asarray(obj: Any, /, *, dtype: Any = None, device: Any = None, copy: bool | None = None) -> Array:
    """An array; a sequence may hold boxes."""
    if not holds_box(obj):
        array = xnp.asarray(obj, dtype=dtype, device=device, copy=copy)
        if array.dtype.hasobject:
            msg = "an array of objects has no derivative; give asarray the numbers in lists"
            raise ArgumentTypeError(msg)
        return array
    on_device(device)
    array = obj if isbox(obj) else anp.array(obj)
    return array if dtype is None or array.dtype == dtype else astype(array, dtype)


def empty_like(x: Array, /, *, dtype: Any = None, device: Any = None) -> Array:
    """An array of the same shape."""
    return xnp.empty_like(plain(x), dtype=dtype, device=device)


def from_dlpack(x: Any, /, *, device: Any = None, copy: bool | None = None) -> Array:
    """The array in the memory of `x`; a box has no memory."""
    on_device(device)
    array = np.from_dlpack(x)  # of which NumPy 2.0 knows no options
    return array.copy() if copy else array


@unless_traced(xnp.full)
def full(shape: int | tuple[int, ...], fill_value: Any, *, dtype: Any = None, device: Any = None) -> Array:
    """One value everywhere, which may be a box."""
    return broadcast_to(asarray(fill_value, dtype=dtype, device=device), shape)


def full_like(x: Array, /, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Array:
    """One value everywhere, which may be a box; autograd's own treats it as a constant."""
    return full(x.shape, fill_value, dtype=x.dtype if dtype is None else dtype, device=device)


@unless_traced(xnp.linspace)
def linspace(
    start: Any, stop: Any, /, num: int, *, dtype: Any = None, device: Any = None, endpoint: bool = True
) -> Array:
    """Numbers at equal distances between two ends, which may be boxes."""
    on_device(device)
    share = np.linspace(0.0, 1.0, num, endpoint=endpoint)
    numbers = anp.multiply(start, 1.0 - share) + anp.multiply(stop, share)
    return astype(numbers, anp.result_type(start, stop, 1.0) if dtype is None else dtype)


def ones_like(x: Array, /, *, dtype: Any = None, device: Any = None) -> Array:
    """Ones in the same shape."""
    return xnp.ones_like(plain(x), dtype=dtype, device=device)


def zeros_like(x: Array, /, *, dtype: Any = None, device: Any = None) -> Array:
    """Zeros in the same shape."""
    return xnp.zeros_like(plain(x), dtype=dtype, device=device)
