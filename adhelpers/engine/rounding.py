"""Rounding: how large it may be, and whether two ways to a derivative differ by no more."""

from __future__ import annotations

from typing import Any

from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.functions import Array
from adhelpers.trees.leaves import is_complex


def nearby(backend: ADBackend, x: Array) -> Array:
    """A point close to `x`, where nothing is zero by chance: ways that differ at all differ there."""
    import numpy as np

    xp = backend.array_namespace(x)
    generator = np.random.default_rng(0)
    shape = tuple(x.shape)
    moves = generator.uniform(0.25, 1.0, shape) * generator.choice([-1.0, 1.0], shape)
    if is_complex(backend, x):
        moves = moves * np.exp(1j * generator.uniform(0.0, 6.0, shape))
    moves = moves.astype(np.complex64 if is_complex(backend, x) else np.float32)
    move = xp.astype(backend.asarray(moves, x), x.dtype)
    return x + 0.01 * (1.0 + xp.abs(x)) * move


def same_to_rounding(received: Any, expected: Any, axis: int) -> bool:
    """Whether two arrays of NumPy's are finite, and differ by rounding alone.

    This is relative to the largest number along `axis`, that of the batch if there is one: rows may differ in size.
    """
    import numpy as np

    if received.shape != expected.shape or received.dtype != expected.dtype:
        return False
    rows = [np.atleast_2d(np.moveaxis(np.atleast_1d(array), axis, -1)) for array in (received, expected)]
    largest = max((float(np.abs(row).max(initial=0.0)) for row in rows[1]), default=0.0)
    epsilon = float(np.finfo(expected.dtype).eps)
    for a, b in zip(*rows, strict=True):  # row by row: all of them at once would take several times their memory
        bound = 1e3 * np.abs(b).max(axis=-1, keepdims=True, initial=0.0) + 1e-2 * largest
        if not (np.isfinite(a).all() and np.isfinite(b).all() and (np.abs(a - b) <= epsilon * bound).all()):
            return False
    return True


def size_of_rounding(xp: Any, x: Array, y: Array, *, axis: int) -> Array:
    """What the rounding of a derivative is relative to: the largest output over the largest input along `axis`.

    An input counts as one at least, and what is not finite as zero.
    """

    def largest(array: Array) -> Array:
        size = xp.abs(array)
        return xp.max(xp.where(xp.isfinite(size), size, xp.zeros_like(size)), axis=axis, keepdims=True)

    size = largest(x)
    return largest(y) / xp.where(size > 1.0, size, xp.ones_like(size))
