"""Complex numbers as pairs of real ones, in which a function that is not holomorphic has a derivative matrix."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.functions import Array, Leaves
from adhelpers.trees.leaves import is_complex


def real_parts(backend: ADBackend, leaves: Leaves) -> list[Array]:
    """The real and imaginary part of each complex leaf, and each real leaf as it is."""
    parts: list[Array] = []
    for leaf in leaves:
        xp = backend.array_namespace(leaf)
        parts += [xp.real(leaf), xp.imag(leaf)] if is_complex(backend, leaf) else [leaf]
    return parts


def from_real_parts(backend: ADBackend, parts: Sequence[Array], like: Leaves) -> Leaves:
    """The leaves from their real parts; each is real or complex like its partner in `like`."""
    rest = iter(parts)
    return tuple(
        [backend.to_complex(next(rest), next(rest)) if is_complex(backend, leaf) else next(rest) for leaf in like]
    )


def to_column(backend: ADBackend, leaves: Leaves, *, conjugate: bool = False) -> Array:
    """All real parts in one column, of the leaves or of their conjugates."""
    parts = real_parts(backend, tuple(map(_conjugate(backend), leaves)) if conjugate else leaves)
    xp = backend.array_namespace(*parts)
    return xp.concat([xp.reshape(part, (-1, 1)) for part in parts])


def from_column(backend: ADBackend, column: Array, like: Leaves, *, conjugate: bool = False) -> Leaves:
    """The leaves from their column, real or complex like those of `like`, or their conjugates."""
    xp, start, parts = backend.array_namespace(column), 0, []
    for part in real_parts(backend, like):
        size = prod(part.shape)
        parts.append(xp.reshape(column[start : start + size, 0], part.shape))
        start += size
    leaves = from_real_parts(backend, parts, like)
    return tuple(map(_conjugate(backend), leaves)) if conjugate else leaves


def _conjugate(backend: ADBackend) -> Any:
    return lambda leaf: backend.array_namespace(leaf).conj(leaf) if is_complex(backend, leaf) else leaf
