"""Functions that rearrange elements; functions that pick elements are in `gathering`."""

from __future__ import annotations

from typing import Any

import array_api_compat.numpy as xnp
import autograd.numpy as anp
import numpy as np
from autograd.tracer import isbox

from adhelpers.extend import ArgumentError
from adhelpers_plugins.autograd.arrayapi.datatypes import astype, broadcast_to, result_type
from adhelpers_plugins.autograd.arrayapi.primitives import Array, plain, unless_traced
from adhelpers_plugins.autograd.arrayapi.statistics import Axes, from_front


@unless_traced(xnp.concat)
def concat(arrays: Any, /, *, axis: int | None = 0) -> Array:
    """Join arrays along an axis, or flattened if it is None."""
    arrays = _in_one_dtype(arrays)
    if axis is None:
        return anp.concatenate([anp.ravel(a) for a in arrays])
    return anp.concatenate(arrays, axis)


def _in_one_dtype(arrays: Any) -> list[Array]:
    """Cast first, so that the cotangent of a real array beside complex ones is real."""
    dtype = result_type(*arrays)
    return [astype(a, dtype, copy=False) for a in arrays]


@unless_traced(xnp.diff)
def diff(
    x: Array, /, *, axis: int = -1, n: int = 1, prepend: Array | None = None, append: Array | None = None
) -> Array:
    """Differences of neighbours along an axis, `n` times; autograd's own knows no prepend and append."""
    if n < 0:
        msg = f"diff takes differences n times, which cannot be {n}"
        raise ArgumentError(msg)
    last = anp.moveaxis(x, axis, -1)
    for _ in range(n if n == 0 else 1):
        ends = [a if a is None else anp.moveaxis(_as_row(a, x, axis), axis, -1) for a in (prepend, append)]
        last = anp.concatenate([a for a in (ends[0], last, ends[1]) if a is not None], axis=-1)
    for _ in range(n):
        last = last[..., 1:] - last[..., :-1]
    return anp.moveaxis(last, -1, axis)


def _as_row(end: Array, x: Array, axis: int) -> Array:
    """The slice before or after `x`; a number fills it."""
    if anp.ndim(end):
        return end
    shape = list(x.shape)
    shape[axis] = 1
    return broadcast_to(end, tuple(shape))


@unless_traced(lambda x, /, axis=0: xnp.expand_dims(x, axis=axis))  # which has no default of its own
def expand_dims(x: Array, /, axis: int | tuple[int, ...] = 0) -> Array:
    """A new axis of length one."""
    return anp.expand_dims(x, axis)


def flip(x: Array, /, *, axis: Axes = None) -> Array:
    """Reverse the order along axes, or along all axes if `axis` is None."""
    flipped = from_front(axis, x)
    return x[tuple(slice(None, None, -1 if i in flipped else None) for i in range(x.ndim))]


def matrix_transpose(x: Array, /) -> Array:
    """Swap the last two axes."""
    if x.ndim < 2:
        msg = f"matrix_transpose needs at least two dimensions, not {x.ndim}"
        raise ArgumentError(msg)
    return anp.swapaxes(x, -1, -2)


def meshgrid(*arrays: Array, indexing: str = "xy") -> tuple[Array, ...]:
    """Vectors as coordinates of a grid, each repeated along the others' axes."""
    if indexing not in ("xy", "ij"):
        msg = f"indexing is 'xy' or 'ij', not {indexing!r}"
        raise ArgumentError(msg)
    count = len(arrays)
    axes = list(range(count))
    if indexing == "xy":
        axes[:2] = reversed(axes[:2])
    columns = [
        anp.reshape(x, [-1 if i == axis else 1 for i in range(count)]) for x, axis in zip(arrays, axes, strict=True)
    ]
    shape = np.broadcast_shapes(*(x.shape for x in columns))
    return tuple(anp.array(broadcast_to(x, shape)) for x in columns)


def moveaxis(x: Array, source: int | tuple[int, ...], destination: int | tuple[int, ...], /) -> Array:
    """Bring axes to other places."""
    return anp.moveaxis(x, source, destination)


def permute_dims(x: Array, /, axes: tuple[int, ...]) -> Array:
    """Reorder the axes."""
    return anp.transpose(x, from_front(tuple(axes), x))


@unless_traced(xnp.reshape)
def reshape(x: Array, /, shape: tuple[int, ...], *, copy: bool | None = None) -> Array:
    """The same elements in another shape."""
    return anp.reshape(x, shape)


@unless_traced(xnp.roll)
def roll(x: Array, /, shift: int | tuple[int, ...], *, axis: Axes = None) -> Array:
    """Shift along axes; elements that leave at the end come back in front."""
    return anp.roll(x, np.asarray(shift), axis)  # autograd's rule negates the shift, which no tuple can


def squeeze(x: Array, /, axis: int | tuple[int, ...]) -> Array:
    """Without axes of length one."""
    return anp.squeeze(x, axis=axis)


@unless_traced(xnp.stack)
def stack(arrays: Any, /, *, axis: int = 0) -> Array:
    """Join arrays along a new axis."""
    return anp.stack(_in_one_dtype(arrays), axis=axis)


@unless_traced(xnp.tril)
def tril(x: Array, /, *, k: int = 0) -> Array:
    """The lower triangles of matrices, zero elsewhere."""
    return anp.tril(x, k=k)


@unless_traced(xnp.triu)
def triu(x: Array, /, *, k: int = 0) -> Array:
    """The upper triangles of matrices, zero elsewhere."""
    return anp.triu(x, k=k)


@unless_traced(xnp.unstack)
def unstack(x: Array, /, *, axis: int = 0) -> tuple[Array, ...]:
    """The pieces along an axis, without it."""
    first = anp.moveaxis(x, axis, 0)
    return tuple(first[i] for i in range(first.shape[0]))


@unless_traced(xnp.where)
def where(condition: Array, x1: Array, x2: Array, /) -> Array:
    """Elements of one array or the other; autograd's own has no gradient for broadcast arguments."""
    shape = np.broadcast_shapes(*map(anp.shape, (condition, x1, x2)))
    x1, x2 = (broadcast_to(x, shape) if isbox(x) else x for x in (x1, x2))
    return anp.where(plain(condition), x1, x2)
