"""Elements picked, ordered and arranged."""

from __future__ import annotations

from typing import Any

import array_api_compat.torch as xnp
import torch

from adhelpers_plugins.torch.arrayapi.arguments import Tensor, as_complex, beside_numpy

broadcast_arrays = beside_numpy(xnp.broadcast_arrays)
meshgrid = beside_numpy(xnp.meshgrid)
repeat = beside_numpy(xnp.repeat)
take_along_axis = beside_numpy(xnp.take_along_axis)


def argsort(x: Tensor, /, *, axis: int = -1, descending: bool = False, stable: bool = True, **options: Any) -> Tensor:
    """The positions that sort; complex numbers, which PyTorch refuses, sort by real and then by imaginary parts."""
    if not x.is_complex():
        return xnp.argsort(x, axis=axis, descending=descending, stable=stable, **options)
    by_imag = xnp.argsort(x.imag, axis=axis, descending=descending, **options)
    by_real = xnp.argsort(torch.take_along_dim(x.real, by_imag, axis), axis=axis, descending=descending, **options)
    return torch.take_along_dim(by_imag, by_real, axis)


@beside_numpy
def diff(
    x: Tensor, /, *, axis: int = -1, n: int = 1, prepend: Tensor | None = None, append: Tensor | None = None
) -> Tensor:
    """Differences along an axis; prepend and append may be a number."""
    slice_shape = list(x.shape)
    slice_shape[axis] = 1
    prepend, append = (
        end.expand(slice_shape) if end is not None and end.ndim == 0 else end for end in (prepend, append)
    )
    return xnp.diff(x, axis=axis, n=n, prepend=prepend, append=append)


def roll(x: Tensor, /, shift: Any, *, axis: Any = None, **options: Any) -> Tensor:
    """Shift along axes, also by one shift along several axes."""
    if isinstance(axis, tuple) and isinstance(shift, int):
        shift = (shift,) * len(axis)
    return xnp.roll(x, shift, axis=axis, **options)


def sort(x: Tensor, /, *, axis: int = -1, descending: bool = False, stable: bool = True, **options: Any) -> Tensor:
    """Sort along an axis; complex numbers as in `argsort`."""
    if not x.is_complex():
        return xnp.sort(x, axis=axis, descending=descending, stable=stable, **options)
    return torch.take_along_dim(x, argsort(x, axis=axis, descending=descending, stable=stable, **options), axis)


@beside_numpy
def take(x: Tensor, indices: Tensor, /, *, axis: int | None = None, **options: Any) -> Tensor:
    """Slices at positions, which may have several axes."""
    if indices.ndim == 1:
        return xnp.take(x, indices, axis=axis, **options)
    taken = xnp.take(x, indices.reshape(-1), axis=axis, **options)
    return taken.unflatten(0 if axis is None else axis, indices.shape)


@beside_numpy
def where(condition: Tensor, x1: Any, x2: Any, /) -> Tensor:
    """Elements of one tensor or the other; PyTorch's reverse mode fails for a complex and a real one."""
    return xnp.where(condition, *as_complex(x1, x2))


# -- each value once: PyTorch's own has no derivative, and does not say where a value stands ------------------


def unique_all(x: Tensor, /) -> xnp.UniqueAllResult:
    """The distinct values from their first positions in `x`, those positions, and the positions that rebuild `x`."""
    flat = x.reshape(-1)
    order = argsort(flat.detach())
    ordered = flat.detach()[order]
    is_first = torch.cat([torch.ones_like(order[:1], dtype=torch.bool), ordered[1:] != ordered[:-1]])
    number = torch.cumsum(is_first, 0) - 1
    indices, inverse = order[is_first], torch.empty_like(order).scatter(0, order, number)
    counts = torch.bincount(number, minlength=len(indices))
    return xnp.UniqueAllResult(flat[indices], indices, inverse.reshape(x.shape), counts)


def unique_counts(x: Tensor, /) -> xnp.UniqueCountsResult:
    """The distinct values, and their counts."""
    found = unique_all(x)
    return xnp.UniqueCountsResult(found.values, found.counts)


def unique_inverse(x: Tensor, /) -> xnp.UniqueInverseResult:
    """The distinct values, and the positions that rebuild `x`."""
    found = unique_all(x)
    return xnp.UniqueInverseResult(found.values, found.inverse_indices)


def unique_values(x: Tensor, /) -> Tensor:
    """The distinct values."""
    return unique_all(x).values
