"""Rounding: its size, and whether two computations of a derivative differ only by rounding."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, NamedTuple, Self

from adhelpers.engine.arithmetic import arithmetic
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.functions import Array, Leaves
from adhelpers.trees.leaves import is_complex


def nearby(backend: ADBackend, x: Array) -> Array:
    """A point close to `x`, where nothing is zero by chance, so that wrong results show."""
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


class OnHost(NamedTuple):
    """The numbers of an array on the host."""

    numbers: Any
    """A NumPy array; float32 in place of what is shorter, because NumPy lacks bfloat16."""
    epsilon: float
    """That of the array's own dtype."""

    @classmethod
    def of(cls, backend: ADBackend, array: Array) -> Self:
        """Those of an array of the backend."""
        xp = backend.array_namespace(array)
        precision = xp.finfo(array.dtype)
        if precision.bits < 32:
            array = xp.astype(array, xp.float32)
        return cls(backend.to_numpy(array), float(precision.eps))

    def is_like(self, other: OnHost) -> bool:
        """Whether shapes and dtypes are the same."""
        a, b = self.numbers, other.numbers
        return bool(a.shape == b.shape and a.dtype == b.dtype and self.epsilon == other.epsilon)


def same_to_rounding(received: OnHost, expected: OnHost, axis: int) -> bool:
    """Whether two arrays are finite, and differ by rounding alone.

    Rounding is relative to the largest number along `axis` (of the batch, if any), because rows may differ in size.
    """
    import numpy as np

    if not received.is_like(expected):
        return False
    rows = [np.atleast_2d(np.moveaxis(np.atleast_1d(array.numbers), axis, -1)) for array in (received, expected)]
    largest = max((float(np.abs(row).max(initial=0.0)) for row in rows[1]), default=0.0)
    epsilon = expected.epsilon
    for a, b in zip(*rows, strict=True):  # row by row, to save memory
        bound = 1e3 * np.abs(b).max(axis=-1, keepdims=True, initial=0.0) + 1e-2 * largest
        if not (np.isfinite(a).all() and np.isfinite(b).all() and (np.abs(a - b) <= epsilon * bound).all()):
            return False
    return True


def same_in_half_of_the_digits(received: OnHost, expected: OnHost) -> bool:
    """Whether two arrays agree in half of the digits of the largest number, finite or not."""
    import numpy as np

    if not received.is_like(expected):
        return False
    largest = max(map(_largest_finite, _blocks(expected.numbers)), default=0.0)
    bound = 4 * expected.epsilon**0.5 * largest
    with quiet():
        return all(
            np.where(np.isfinite(b), np.abs(a - b) <= bound, ~np.isfinite(a)).all()
            for a, b in zip(_blocks(received.numbers), _blocks(expected.numbers), strict=True)
        )


def _largest_finite(numbers: Any) -> float:
    import numpy as np

    return float(np.abs(numbers).max(initial=0.0, where=np.isfinite(numbers)))


def _blocks(array: Any) -> Iterator[Any]:
    """All numbers in blocks, to save memory."""
    numbers = array.reshape(-1)
    return (numbers[start : start + BLOCK] for start in range(0, numbers.size, BLOCK))


def size_of_rounding(xp: Any, x: Array, y: Array, *, axis: int) -> Array:
    """The size that rounding of a derivative is relative to: the largest output over the largest input along `axis`.

    Inputs smaller than 1 count as 1, and numbers that are not finite count as 0.
    """

    def largest(array: Array) -> Array:
        size = xp.abs(array)
        return xp.max(xp.where(xp.isfinite(size), size, xp.zeros_like(size)), axis=axis, keepdims=True)

    size = largest(x)
    return largest(y) / xp.where(size > 1.0, size, xp.ones_like(size))


class Tolerance:
    """How far two computations of one derivative may differ.

    Half of the digits of the terms that were added, plus some roundings of the numbers in `f`.
    """

    def __init__(self, backend: ADBackend, x: Leaves, outputs: Leaves) -> None:
        dtypes = [(backend.array_namespace(leaf), leaf.dtype) for leaf in (*x, *outputs)]
        error = backend.relative_error(max(float(xp.finfo(dtype).eps) for xp, dtype in dtypes))
        largest = [max((_largest(backend, leaf) for leaf in leaves), default=0.0) for leaves in (x, outputs)]
        self._backend = backend
        self._relative = 4 * error**0.5
        self._absolute = ROUNDINGS * error * largest[1] / max(1.0, largest[0])

    def allows(self, received: Array, expected: Array, size: Array) -> bool:
        """Whether the difference is within the tolerance; `size` is the sum of the sizes of the terms.

        Entries that are not finite are allowed if both are not finite. Any of the three may be NumPy's in place of the
        framework's array.
        """
        if tuple(received.shape) != tuple(expected.shape):
            return False
        (xp, received), (_, expected), (_, size) = (arithmetic(self._backend, a) for a in (received, expected, size))
        with quiet():
            deviates = xp.abs(received - expected) > self._relative * size + self._absolute
            finite = [xp.isfinite(received), xp.isfinite(expected)]
            return not bool(xp.any(xp.where(finite[0] & finite[1], deviates, finite[0] != finite[1])))

    def allows_all(self, received: Leaves, expected: Leaves) -> bool:
        """Whether each value is within the tolerance of its partner."""
        if received is expected:
            return True
        backend = self._backend
        for a, b in zip(received, expected, strict=True):
            xp, partner = arithmetic(backend, b)
            if not self.allows(a, partner, xp.abs(partner)):
                return False
        return True


def _largest(backend: ADBackend, leaf: Array) -> float:
    if 0 in leaf.shape:
        return 0.0
    xp, leaf = arithmetic(backend, leaf)
    size = xp.abs(leaf)
    return float(xp.max(xp.where(xp.isfinite(size), size, xp.zeros_like(size))))


def quiet() -> contextlib.AbstractContextManager[Any]:
    """Silence the warnings of a check, which do not concern the user."""
    import numpy as np

    return np.errstate(all="ignore")


ROUNDINGS = 128
"""How many roundings of ``f(x)``, for x of size 1, a derivative may have in place of zero."""

BLOCK = 2**16
"""How many numbers are compared at once."""
