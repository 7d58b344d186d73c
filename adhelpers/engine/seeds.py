"""Seeds: the vectors that a sweep pushes, as stacks of as many as are pushed at once.

A stack has one axis more than the leaf that it belongs to, in front.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import NamedTuple, Protocol

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


class Given:
    """Vectors that are there already, stacked."""

    def __init__(self, stacks: Leaves) -> None:
        self._stacks = stacks
        self.total = int(stacks[0].shape[0])

    def blocks(self, step: int) -> Iterator[Leaves]:
        """All of them in order, `step` at once: a stack for each leaf."""
        for start in range(0, self.total, step):
            yield tuple([stack[start : start + step, ...] for stack in self._stacks])


class Segment(NamedTuple):
    """Basis vectors of one leaf, each times `unit`."""

    leaf: int
    size: int
    unit: complex = 1.0


class Basis:
    """The basis vectors of all leaves, in a row."""

    def __init__(self, backend: ADBackend, leaves: Leaves) -> None:
        self._backend = backend
        self._leaves = leaves
        self._segments = self.segments()
        self.total = 0
        for segment in self._segments:
            self.total += segment.size

    def segments(self) -> list[Segment]:
        """What the vectors belong to, in order."""
        return [Segment(i, prod(leaf.shape)) for i, leaf in enumerate(self._leaves)]

    def blocks(self, step: int) -> Iterator[Leaves]:
        """All of them in order, `step` at once: a stack for each leaf."""
        segments = self._segments
        for start in range(0, self.total, step):
            count = min(step, self.total - start)
            if len(segments) == 1:
                yield (self._units(self._leaves[0], self.total, start, count),)
                continue
            yield tuple([self._stack(i, leaf, start, count) for i, leaf in enumerate(self._leaves)])

    def _stack(self, i: int, leaf: Array, start: int, count: int) -> Array:
        """What the vectors from `start` on have in leaf `i`."""
        stack, offset = None, 0
        for segment in self._segments:
            if segment.leaf == i and start < offset + segment.size and offset < start + count:
                part = self._units(leaf, segment.size, start - offset, count)
                part = part if segment.unit == 1.0 else part * segment.unit
                stack = part if stack is None else stack + part
            offset += segment.size
        return zeros(self._backend, leaf, count) if stack is None else stack

    def _units(self, leaf: Array, size: int, first: int, count: int) -> Array:
        """`count` vectors, of which number k is basis vector ``first + k`` if there is such a one, or else zero."""
        xp = self._backend.array_namespace(leaf)
        eye = xp.eye(count, size, k=first, dtype=leaf.dtype, device=self._backend.device(leaf))
        return eye if len(leaf.shape) == 1 else xp.reshape(eye, (count, *leaf.shape))


class RealBasis(Basis):
    """The basis vectors of all leaves over the real numbers: those of a complex leaf come twice, e and then ie."""

    def segments(self) -> list[Segment]:
        """What the vectors belong to, in order."""
        return [
            Segment(i, prod(leaf.shape), unit)
            for i, leaf in enumerate(self._leaves)
            for unit in ((1.0, 1.0j) if is_complex(self._backend, leaf) else (1.0,))
        ]


def zeros(backend: ADBackend, leaf: Array, count: int) -> Array:
    """A stack of `count` zero vectors."""
    xp = backend.array_namespace(leaf)
    return xp.zeros((count, *leaf.shape), dtype=leaf.dtype, device=backend.device(leaf))


def most_at_once(backend: ADBackend, leaves: Leaves, total: int) -> int:
    """How many of `total` vectors shaped as `leaves` `SWEEP_BYTES` hold, at least one."""
    elements = 0
    for leaf in leaves:
        elements += prod(leaf.shape)
    if 16 * elements * total <= SWEEP_BYTES:  # whatever their dtype
        return max(1, total)
    vector_bytes = sum([prod(leaf.shape) * itemsize(backend, leaf) for leaf in leaves])
    return max(1, SWEEP_BYTES // max(1, vector_bytes))
