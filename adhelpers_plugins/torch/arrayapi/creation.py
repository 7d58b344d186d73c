"""Tensors made of other tensors; PyTorch reads their numbers, so that forward mode would lose their derivatives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import array_api_compat.torch as xnp
import numpy as np
import torch

from adhelpers_plugins.torch.arrayapi.arguments import Tensor, common_dtype


def arange(
    start: Any, /, stop: Any = None, step: Any = 1, *, dtype: Any = None, device: Any = None, **options: Any
) -> Tensor:
    """Numbers at equal distances; the arguments may be tensors, and the count is a constant."""
    if not any(map(_is_tensor, (start, stop, step))):
        return xnp.arange(start, stop, step, dtype=dtype, device=device, **options)
    if stop is None:
        start, stop = 0, start
    ends = (start, stop, step)
    count = len(xnp.arange(*(x.detach().item() if isinstance(x, torch.Tensor) else x for x in ends)))
    index = torch.arange(count, dtype=common_dtype(*ends), device=_device(ends) if device is None else device)
    return xnp.astype(start + step * index, index.dtype if dtype is None else dtype, copy=False)


def asarray(obj: Any, /, *, dtype: Any = None, device: Any = None, copy: bool | None = None, **options: Any) -> Tensor:
    """Make a tensor; tensors in the lists of `obj` decide the dtype and the device."""
    if isinstance(obj, torch.Tensor) and not options:
        if copy is False:
            xnp.asarray(obj.detach(), dtype=dtype, device=device, copy=False)  # raises where it takes a copy
        return obj.to(device=device, dtype=dtype, copy=bool(copy))  # torch.asarray detaches, or warns that it does not
    if copy is not False and _is_foreign(obj):
        obj = np.array(obj, dtype=obj.dtype.newbyteorder("="), order="C")
    leaves = _leaves(obj)
    if options or copy is False or not any(map(_is_tensor, leaves)):
        return xnp.asarray(obj, dtype=dtype, device=device, copy=copy, **options)
    common = common_dtype(*leaves) if dtype is None else dtype
    return _stack(obj, common, device, _device(leaves) if device is None else device)


def _is_foreign(obj: Any) -> bool:
    """Whether it is an array of NumPy's with another byte order or negative strides, which PyTorch does not take."""
    if not isinstance(obj, np.ndarray) or torch.compiler.is_dynamo_compiling():  # to which it is a tensor
        return False
    return not obj.dtype.isnative or min(obj.strides, default=0) < 0


def eye(
    n_rows: int, n_cols: int | None = None, /, *, k: int = 0, dtype: Any = None, device: Any = None, **options: Any
) -> Tensor:
    """Ones on a diagonal; the main one, for basis vectors, in one call of PyTorch."""
    if k or options:
        return xnp.eye(n_rows, n_cols, k=k, dtype=dtype, device=device, **options)
    return torch.eye(n_rows, n_rows if n_cols is None else n_cols, dtype=dtype, device=device)


def fftfreq(n: int, /, *, d: Any = 1.0, dtype: Any = None, device: Any = None, **options: Any) -> Tensor:
    """The frequencies of a transform; the distance of samples `d` may be a tensor."""
    return _frequencies(xnp.fft.fftfreq, n, d, dtype, device, **options)


def from_dlpack(x: Any, /, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor over the memory of `x`; the memory of a tensor has no derivatives."""
    return (asarray if isinstance(x, torch.Tensor) else xnp.from_dlpack)(x, device=device, copy=copy)


def full(shape: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, **options: Any) -> Tensor:
    """One value everywhere, which may be a tensor."""
    if not isinstance(fill_value, torch.Tensor):
        return xnp.full(shape, fill_value, dtype=dtype, device=device, **options)
    shape = (shape,) if isinstance(shape, int) else shape
    return torch.broadcast_to(asarray(fill_value, dtype=dtype, device=device), shape).clone()


def full_like(x: Tensor, /, fill_value: Any, *, dtype: Any = None, device: Any = None, **options: Any) -> Tensor:
    """One value everywhere, which may be a tensor."""
    if not isinstance(fill_value, torch.Tensor):
        return xnp.full_like(x, fill_value, dtype=dtype, device=device, **options)
    return full(x.shape, fill_value, dtype=dtype or x.dtype, device=device or x.device)


def linspace(
    start: Any,
    stop: Any,
    /,
    num: int,
    *,
    dtype: Any = None,
    device: Any = None,
    endpoint: bool = True,
    **options: Any,
) -> Tensor:
    """Numbers at equal distances between two ends, which may be tensors."""
    if not any(map(_is_tensor, (start, stop))):
        return xnp.linspace(start, stop, num, dtype=dtype, device=device, endpoint=endpoint, **options)
    common = common_dtype(start, stop, 1.0)
    device = _device((start, stop)) if device is None else device
    share = xnp.linspace(0.0, 1.0, num, dtype=common, device=device, endpoint=endpoint)
    return xnp.astype(start * (1 - share) + stop * share, common if dtype is None else dtype, copy=False)


def rfftfreq(n: int, /, *, d: Any = 1.0, dtype: Any = None, device: Any = None, **options: Any) -> Tensor:
    """The frequencies of a transform of real numbers; the distance of samples `d` may be a tensor."""
    return _frequencies(xnp.fft.rfftfreq, n, d, dtype, device, **options)


def _frequencies(function: Any, n: int, d: Any, dtype: Any, device: Any, **options: Any) -> Tensor:
    if not isinstance(d, torch.Tensor):
        return function(n, d=d, dtype=dtype, device=device, **options)
    return function(n, dtype=d.dtype if dtype is None else dtype, device=d.device if device is None else device) / d


def _is_tensor(x: Any) -> bool:  # unlike torch.is_tensor, no array of NumPy is one where functions are compiled
    return isinstance(x, torch.Tensor)


def _device(numbers: Sequence[Any]) -> Any:
    """The device of the first tensor."""
    return next(x.device for x in numbers if isinstance(x, torch.Tensor))


def _leaves(obj: Any) -> list[Any]:
    """The leaves of nested lists."""
    return [leaf for item in obj for leaf in _leaves(item)] if isinstance(obj, (list, tuple)) else [obj]


def _stack(obj: Any, dtype: Any, device: Any, of_numbers: Any) -> Tensor:
    """One tensor of nested lists, on `device` if that is given; numbers go to the device `of_numbers`."""
    if isinstance(obj, (list, tuple)):
        return torch.stack([_stack(item, dtype, device, of_numbers) for item in obj])
    if isinstance(obj, torch.Tensor):
        return obj.to(dtype=dtype, device=device)
    return torch.asarray(obj, dtype=dtype, device=of_numbers)
