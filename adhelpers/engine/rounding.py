"""Rounding: how large it may be, and whether two ways to a derivative differ by no more."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.functions import Array, Leaves
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


def same_in_half_of_the_digits(received: Any, expected: Any) -> bool:
    """Whether two arrays of NumPy's differ by no more than half of the digits of the largest, finite or not."""
    import numpy as np

    if received.shape != expected.shape or received.dtype != expected.dtype:
        return False
    largest = max(map(_largest_finite, _blocks(expected)), default=0.0)
    bound = 4 * float(np.finfo(expected.dtype).eps) ** 0.5 * largest
    with quiet():
        return all(
            np.where(np.isfinite(b), np.abs(a - b) <= bound, ~np.isfinite(a)).all()
            for a, b in zip(_blocks(received), _blocks(expected), strict=True)
        )


def _largest_finite(numbers: Any) -> float:
    import numpy as np

    return float(np.abs(numbers).max(initial=0.0, where=np.isfinite(numbers)))


def _blocks(array: Any) -> Iterator[Any]:
    """All numbers, some at a time: what is computed of all at once would take several times their memory."""
    numbers = array.reshape(-1)
    return (numbers[start : start + BLOCK] for start in range(0, numbers.size, BLOCK))


def size_of_rounding(xp: Any, x: Array, y: Array, *, axis: int) -> Array:
    """What the rounding of a derivative is relative to: the largest output over the largest input along `axis`.

    An input counts as one at least, and what is not finite as zero.
    """

    def largest(array: Array) -> Array:
        size = xp.abs(array)
        return xp.max(xp.where(xp.isfinite(size), size, xp.zeros_like(size)), axis=axis, keepdims=True)

    size = largest(x)
    return largest(y) / xp.where(size > 1.0, size, xp.ones_like(size))


class Tolerance:
    """How far two ways to a derivative of one function at one point may differ.

    Half of the digits of what was added up, and some roundings of what `f` computes with.
    """

    def __init__(self, backend: ADBackend, x: Leaves, outputs: Leaves) -> None:
        dtypes = [(backend.array_namespace(leaf), leaf.dtype) for leaf in (*x, *outputs)]
        error = backend.relative_error(max(float(xp.finfo(dtype).eps) for xp, dtype in dtypes))
        largest = [max((_largest(backend, leaf) for leaf in leaves), default=0.0) for leaves in (x, outputs)]
        self._backend = backend
        self._relative = 4 * error**0.5
        self._absolute = ROUNDINGS * error * largest[1] / max(1.0, largest[0])

    def allows(self, received: Array, expected: Array, size: Array) -> bool:
        """Whether the difference is no larger, `size` being the sum of the sizes of what was added up.

        What is not finite is allowed where both are so.
        """
        if tuple(received.shape) != tuple(expected.shape):
            return False
        xp = self._backend.array_namespace(received)
        with quiet():
            deviates = xp.abs(received - expected) > self._relative * size + self._absolute
            finite = [xp.isfinite(received), xp.isfinite(expected)]
            return not bool(xp.any(xp.where(finite[0] & finite[1], deviates, finite[0] != finite[1])))

    def allows_all(self, received: Leaves, expected: Leaves) -> bool:
        """Whether each of some values differs by no more from its partner."""
        if received is expected:
            return True
        backend = self._backend
        for a, b in zip(received, expected, strict=True):
            a, b = backend.stop_gradient(a), backend.stop_gradient(b)
            if not self.allows(a, b, backend.array_namespace(b).abs(b)):
                return False
        return True


def _largest(backend: ADBackend, leaf: Array) -> float:
    if 0 in leaf.shape:
        return 0.0
    leaf = backend.stop_gradient(leaf)
    xp = backend.array_namespace(leaf)
    size = xp.abs(leaf)
    return float(xp.max(xp.where(xp.isfinite(size), size, xp.zeros_like(size))))


def quiet() -> contextlib.AbstractContextManager[Any]:
    """Whatever overflows in a check is not the user's to hear of."""
    import numpy as np

    return np.errstate(all="ignore")


ROUNDINGS = 128
"""A derivative may leave this many roundings of ``f(x)``, for x of size one, where it should be zero."""

BLOCK = 2**16
"""How many numbers are compared at once."""
