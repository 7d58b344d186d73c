"""`BatchBasis`: basis vectors of a whole batch. Vector k has a 1 in element k of every batch element."""

from __future__ import annotations

from collections.abc import Hashable
from math import prod

from adhelpers.batch.layout import BatchLayout
from adhelpers.caches import shared
from adhelpers.engine.arithmetic import arithmetic, device, framework_array
from adhelpers.engine.seeds import Basis, Segment
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.functions import Array, Leaves


class BatchBasis(Basis):
    """The basis vectors of one batch element, for all batch elements at once; of one leaf."""

    def __init__(self, layout: BatchLayout, backend: ADBackend, leaves: Leaves) -> None:
        self._layout = layout
        super().__init__(backend, leaves)

    def segments(self) -> list[Segment]:
        """The vectors of the one leaf."""
        return [Segment(0, self._layout.size(self._leaves[0]))]

    def _units(self, leaf: Array, size: int, first: int, count: int) -> Array:
        return units(self._layout, self._backend, leaf, size, first, count)


def units(layout: BatchLayout, backend: ADBackend, leaf: Array, size: int, first: int, count: int) -> Array:
    """`count` vectors shaped as `leaf`: number k is basis vector ``first + k`` of each batch element, or zero.

    Small blocks are cached: building them can take as long as pushing them.
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
    return backend.copy(block)  # because a user's rule or hook may write to it


def _built(layout: BatchLayout, backend: ADBackend, leaf: Array, size: int, first: int, count: int) -> Array:
    # In its own memory and contiguous, because frameworks are slow on broadcast seeds.
    xp, like = arithmetic(backend, leaf)
    eye = xp.eye(count, size, k=first, dtype=like.dtype, device=device(backend, like))
    ones = xp.ones((1, layout.batch(leaf)), dtype=like.dtype, device=device(backend, like))
    block = xp.reshape(layout.spread(eye) * layout.per_element(ones), (count, *leaf.shape))
    return framework_array(backend, block, leaf)


MOST_KEPT = 32
MOST_KEPT_ELEMENTS = 2**16
"""How many small blocks are cached: 16 MB in double precision at most."""

_KEPT = shared(MOST_KEPT)
