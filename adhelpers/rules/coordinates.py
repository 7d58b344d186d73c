"""Complex numbers as two real ones each: the derivative of a function that is not holomorphic is a matrix of these."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.functions import Array, Leaves
from adhelpers.trees.leaves import is_complex


def real_parts(backend: ADBackend, leaves: Leaves) -> list[Array]:
    """Real and imaginary part of each complex leaf, and each real one as it is."""
    parts: list[Array] = []
    for leaf in leaves:
        xp = backend.array_namespace(leaf)
        parts += [xp.real(leaf), xp.imag(leaf)] if is_complex(backend, leaf) else [leaf]
    return parts


def from_real_parts(backend: ADBackend, parts: Sequence[Array], like: Leaves) -> Leaves:
    """Leaves of the kinds of `like`."""
    rest = iter(parts)
    return tuple([next(rest) + 1j * next(rest) if is_complex(backend, leaf) else next(rest) for leaf in like])


def to_column(backend: ADBackend, leaves: Leaves, *, conjugate: bool = False) -> Array:
    """All real parts one below the other, of the leaves or of their conjugates."""
    parts = real_parts(backend, tuple(map(_conjugate(backend), leaves)) if conjugate else leaves)
    xp = backend.array_namespace(*parts)
    return xp.concat([xp.reshape(part, (-1, 1)) for part in parts])


def from_column(backend: ADBackend, column: Array, like: Leaves, *, conjugate: bool = False) -> Leaves:
    """The leaves of the kinds of `like` that have this column, or their conjugates."""
    xp, start, parts = backend.array_namespace(column), 0, []
    for part in real_parts(backend, like):
        size = prod(part.shape)
        parts.append(xp.reshape(column[start : start + size, 0], part.shape))
        start += size
    leaves = from_real_parts(backend, parts, like)
    return tuple(map(_conjugate(backend), leaves)) if conjugate else leaves


def _conjugate(backend: ADBackend) -> Any:
    return lambda leaf: backend.array_namespace(leaf).conj(leaf) if is_complex(backend, leaf) else leaf
