"""`BatchBasis`: basis vectors of a whole batch. Vector k is one in element k of every batch element."""

from __future__ import annotations

from collections.abc import Hashable
from math import prod

from adhelpers.batch.layout import BatchLayout
from adhelpers.caches import shared
from adhelpers.engine.seeds import Basis, Segment
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.functions import Array, Leaves


class BatchBasis(Basis):
    """The basis vectors of one batch element, for all of them at once; of one leaf."""

    def __init__(self, layout: BatchLayout, backend: ADBackend, leaves: Leaves) -> None:
        self._layout = layout
        super().__init__(backend, leaves)

    def segments(self) -> list[Segment]:
        """What the vectors belong to: the one leaf."""
        return [Segment(0, self._layout.size(self._leaves[0]))]

    def _units(self, leaf: Array, size: int, first: int, count: int) -> Array:
        return units(self._layout, self._backend, leaf, size, first, count)


def units(layout: BatchLayout, backend: ADBackend, leaf: Array, size: int, first: int, count: int) -> Array:
    """`count` vectors shaped as `leaf`: number k is basis vector ``first + k`` of each batch element, or else zero.

    Small blocks can take as long to build as to push, and are kept.
    """
    if backend.is_traced(leaf) or count * prod(leaf.shape) > MOST_KEPT_ELEMENTS:
        return _built(layout, backend, leaf, size, first, count)
    kind: Hashable = (
        layout.axis,
        type(backend),
        type(leaf),
        leaf.shape,
        leaf.dtype,
        backend.device(leaf),
        first,
        count,
    )
    try:
        block = _KEPT.get(kind)
    except TypeError:  # a device need not have a hash
        return _built(layout, backend, leaf, size, first, count)
    if block is None:
        block = _built(layout, backend, leaf, size, first, count)
        if backend.keeps(block):
            _KEPT.keep(kind, block)
    return backend.copy(block)  # for a user's own rule or hook may write to what it is given


def _built(layout: BatchLayout, backend: ADBackend, leaf: Array, size: int, first: int, count: int) -> Array:
    # In memory of its own and contiguous, for frameworks are slow on broadcast seeds.
    xp, device = backend.array_namespace(leaf), backend.device(leaf)
    eye = xp.eye(count, size, k=first, dtype=leaf.dtype, device=device)
    ones = xp.ones((1, layout.batch(leaf)), dtype=leaf.dtype, device=device)
    return xp.reshape(layout.spread(eye) * layout.per_element(ones), (count, *leaf.shape))


MOST_KEPT = 32
MOST_KEPT_ELEMENTS = 2**16
"""Of small blocks, which can take as long to build as to push, so many are kept: 16 MB of double precision at most."""

_KEPT = shared(MOST_KEPT)
