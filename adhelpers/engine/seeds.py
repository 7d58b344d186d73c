"""Seeds: the vectors that a sweep pushes, in stacks that are pushed at once.

A stack has one more axis than its leaf, in front.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import NamedTuple, Protocol

from adhelpers.engine.arithmetic import arithmetic, device, framework_array
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.functions import Array, Leaves
from adhelpers.trees.leaves import is_complex, itemsize

SWEEP_BYTES = 64 * 2**20
"""The largest memory of the vectors that are pushed at once, approximately."""


class Seeds(Protocol):
    """Vectors for some leaves; `total` is their number."""

    total: int

    def blocks(self, step: int) -> Iterator[Leaves]:
        """All of them in order, `step` at once: a stack for each leaf."""


class Given:
    """Given vectors, already stacked."""

    def __init__(self, stacks: Leaves) -> None:
        self._stacks = stacks
        self.total = int(stacks[0].shape[0])

    def blocks(self, step: int) -> Iterator[Leaves]:
        """All of them in order, `step` at once: a stack for each leaf."""
        for start in range(0, self.total, step):
            yield tuple([stack[start : start + step, ...] for stack in self._stacks])


class Segment(NamedTuple):
    """The basis vectors of one leaf, each times `unit`."""

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
        """The segments of the basis, in order."""
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
        """The part in leaf `i` of the vectors from `start` on."""
        stack, offset = None, 0
        for segment in self._segments:
            if segment.leaf == i and start < offset + segment.size and offset < start + count:
                part = self._units(leaf, segment.size, start - offset, count)
                part = part if segment.unit == 1.0 else part * segment.unit
                stack = part if stack is None else stack + part
            offset += segment.size
        return zeros(self._backend, leaf, count) if stack is None else stack

    def _units(self, leaf: Array, size: int, first: int, count: int) -> Array:
        """`count` vectors; number k is basis vector ``first + k``, or zero if there is none."""
        xp, like = arithmetic(self._backend, leaf)
        eye = xp.eye(count, size, k=first, dtype=like.dtype, device=device(self._backend, like))
        block = eye if len(leaf.shape) == 1 else xp.reshape(eye, (count, *leaf.shape))
        return framework_array(self._backend, block, leaf)


class RealBasis(Basis):
    """The basis vectors of all leaves over the real numbers; a complex leaf has all e, then all ie."""

    def segments(self) -> list[Segment]:
        """The segments of the basis, in order."""
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
    """How many of `total` vectors shaped as `leaves` fit in `SWEEP_BYTES`, at least one."""
    elements = 0
    for leaf in leaves:
        elements += prod(leaf.shape)
    if 16 * elements * total <= SWEEP_BYTES:  # whatever their dtype
        return max(1, total)
    vector_bytes = sum([prod(leaf.shape) * itemsize(backend, leaf) for leaf in leaves])
    return max(1, SWEEP_BYTES // max(1, vector_bytes))
