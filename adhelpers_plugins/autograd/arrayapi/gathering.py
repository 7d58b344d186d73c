"""Functions that pick elements: one primitive, and its transpose, for all of them.

Which element goes where is found by the NumPy function itself, from an array of positions. So every keyword
that NumPy knows is right, and there is one pair of rules instead of one for each function.
"""

from __future__ import annotations

import math
from typing import Any

import array_api_compat.numpy as xnp
import numpy as np
from autograd.extend import defjvp, defvjp
from autograd.tracer import getval

from adhelpers.extend import ArgumentError
from adhelpers_plugins.autograd.arrayapi.primitives import Array, plain, primitive, unless_traced


@primitive
def gather(x: Array, positions: Array) -> Array:
    """The elements at positions in the flattened array."""
    return np.take(x, positions)


@primitive
def scatter(values: Array, positions: Array, shape: tuple[int, ...]) -> Array:
    """Zeros with values added at positions; the transpose of `gather`."""
    total = np.zeros(math.prod(shape), dtype=values.dtype)
    np.add.at(total, np.ravel(positions), np.ravel(values))
    return total.reshape(shape)


defvjp(gather, lambda ans, x, positions: lambda g: scatter(g, positions, x.shape), argnums=(0,))
defjvp(gather, "same", argnums=(0,))
defvjp(scatter, lambda ans, values, positions, shape: lambda g: gather(g, positions), argnums=(0,))
defjvp(scatter, "same", argnums=(0,))


def positions_of(x: Array) -> Array:
    """The array of the positions of the elements of `x`."""
    return np.arange(x.size).reshape(x.shape)


def diagonal(x: Array, /, *, offset: int = 0) -> Array:
    """The diagonals of the matrices in the last two axes."""
    return gather(x, np.diagonal(positions_of(x), offset=offset, axis1=-2, axis2=-1))


@unless_traced(np.repeat)
def repeat(x: Array, repeats: Any, /, *, axis: int | None = None) -> Array:
    """Each element several times in a row."""
    return gather(x, np.repeat(positions_of(x), plain(repeats), axis=axis))


@unless_traced(xnp.sort)
def sort(x: Array, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Array:
    """In order along an axis."""
    order = xnp.argsort(getval(x), axis=axis, descending=descending, stable=stable)
    return gather(x, np.take_along_axis(positions_of(x), order, axis))


@unless_traced(xnp.take)
def take(x: Array, indices: Array, /, *, axis: int | None = None) -> Array:
    """Elements along an axis."""
    if axis is None and x.ndim != 1:
        msg = f"take needs an axis for an array of {x.ndim} dimensions"
        raise ArgumentError(msg)
    return gather(x, np.take(positions_of(x), plain(indices), axis=axis))


@unless_traced(xnp.take_along_axis)
def take_along_axis(x: Array, indices: Array, /, *, axis: int = -1) -> Array:
    """Elements along an axis, with other positions in each row."""
    return gather(x, xnp.take_along_axis(positions_of(x), plain(indices), axis=axis))


@unless_traced(np.tile)
def tile(x: Array, repetitions: tuple[int, ...], /) -> Array:
    """The whole array several times along axes."""
    return gather(x, np.tile(positions_of(x), repetitions))


@unless_traced(xnp.unique_all)
def unique_all(x: Array, /) -> Any:
    """Distinct elements in order, their first positions, the positions that rebuild `x`, and their counts."""
    found = xnp.unique_all(getval(x))
    return found._replace(values=gather(x, found.indices))


@unless_traced(xnp.unique_counts)
def unique_counts(x: Array, /) -> Any:
    """Distinct elements in order, and their counts."""
    return xnp.unique_counts(getval(x))._replace(values=unique_values(x))


@unless_traced(xnp.unique_inverse)
def unique_inverse(x: Array, /) -> Any:
    """Distinct elements in order, and the positions that rebuild `x`."""
    return xnp.unique_inverse(getval(x))._replace(values=unique_values(x))


@unless_traced(xnp.unique_values)
def unique_values(x: Array, /) -> Array:
    """Distinct elements in order."""
    return unique_all(x).values
