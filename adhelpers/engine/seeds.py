"""Seeds: the vectors that a sweep pushes, as stacks of as many as are pushed at once.

A stack has one axis more than the leaf that it belongs to, in front.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from math import prod
from typing import NamedTuple, Protocol

from adhelpers.caches import shared
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.functions import Array, Leaves
from adhelpers.trees.leaves import is_complex, itemsize

SWEEP_BYTES = 64 * 2**20
"""Vectors that are pushed at once take about this much memory at most."""


class Seeds(Protocol):
    """Vectors for some leaves; `total` says how many."""

    total: int

    def blocks(self, step: int) -> Iterator[Leaves]:
        """All of them in order, `step` at once: a stack for each leaf."""


class Segment(NamedTuple):
    """Basis vectors of one leaf, each times `unit`."""

    leaf: int
    size: int
    unit: complex = 1.0


class Basis:
    """The basis vectors of all leaves, in a row."""

    keeps = False
    """Whether small blocks take so long to build that they are kept."""

    def __init__(self, backend: ADBackend, leaves: Leaves) -> None:
        self._backend = backend
        self._leaves = leaves
        self.kind: tuple[Hashable, ...] = (type(self).__name__,)
        self.segments = self._segments()
        self.total = sum([segment.size for segment in self.segments])

    def _segments(self) -> list[Segment]:
        return [Segment(i, self.size(leaf)) for i, leaf in enumerate(self._leaves)]

    def size(self, leaf: Array) -> int:
        """How many basis vectors a leaf has."""
        return prod(leaf.shape)

    def blocks(self, step: int) -> Iterator[Leaves]:
        """All of them in order, `step` at once: a stack for each leaf."""
        for start in range(0, self.total, step):
            count = min(step, self.total - start)
            yield tuple([self._stack(i, leaf, start, count) for i, leaf in enumerate(self._leaves)])

    def _stack(self, i: int, leaf: Array, start: int, count: int) -> Array:
        """What the vectors from `start` on have in leaf `i`."""
        stack, offset = None, 0
        for segment in self.segments:
            if segment.leaf == i and start < offset + segment.size and offset < start + count:
                part = self._units(leaf, segment.size, start - offset, count)
                part = part if segment.unit == 1.0 else part * segment.unit
                stack = part if stack is None else stack + part
            offset += segment.size
        return zeros(self._backend, leaf, count) if stack is None else stack

    def _units(self, leaf: Array, size: int, first: int, count: int) -> Array:
        """`count` vectors, of which number k is basis vector ``first + k`` if there is such a one, or else zero."""
        backend = self._backend
        if not self.keeps or backend.is_traced(leaf) or count * prod(leaf.shape) > MOST_KEPT_ELEMENTS:
            return self._built(leaf, size, first, count)
        kind: Hashable = (self.kind, type(backend), type(leaf), tuple(leaf.shape), leaf.dtype, backend.device(leaf))
        try:
            block = _KEPT.get((kind, first, count))
        except TypeError:  # a device need not have a hash
            return self._built(leaf, size, first, count)
        if block is None:
            block = self._built(leaf, size, first, count)
            if backend.keeps(block):
                _KEPT.keep((kind, first, count), block)
        return block + 0  # a copy, for a user's own rule or hook may write to what it is given

    def _built(self, leaf: Array, size: int, first: int, count: int) -> Array:
        xp = self._backend.array_namespace(leaf)
        eye = xp.eye(count, size, k=first, dtype=leaf.dtype, device=self._backend.device(leaf))
        return xp.reshape(eye, (count, *leaf.shape))


def basis(backend: ADBackend, leaves: Leaves) -> Basis:
    """The basis vectors of all leaves."""
    return Basis(backend, leaves)


class RealBasis(Basis):
    """The basis vectors of all leaves over the real numbers: those of a complex leaf come twice, e and then ie."""

    def _segments(self) -> list[Segment]:
        return [
            Segment(i, self.size(leaf), unit)
            for i, leaf in enumerate(self._leaves)
            for unit in ((1.0, 1.0j) if is_complex(self._backend, leaf) else (1.0,))
        ]


MOST_KEPT = 32
MOST_KEPT_ELEMENTS = 2**16
"""Of small blocks, which can take as long to build as to push, so many are kept: 16 MB of double precision at most."""

_KEPT = shared(MOST_KEPT)


def zeros(backend: ADBackend, leaf: Array, count: int) -> Array:
    """A stack of `count` zero vectors."""
    xp = backend.array_namespace(leaf)
    return xp.zeros((count, *leaf.shape), dtype=leaf.dtype, device=backend.device(leaf))


def most_at_once(backend: ADBackend, leaves: Leaves) -> int:
    """How many vectors shaped as `leaves` `SWEEP_BYTES` hold, at least one."""
    vector_bytes = sum([prod(leaf.shape) * itemsize(backend, leaf) for leaf in leaves])
    return max(1, SWEEP_BYTES // max(1, vector_bytes))
