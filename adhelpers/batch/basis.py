"""`BatchBasis`: basis vectors of a whole batch. Vector k is one in element k of every batch element."""

from __future__ import annotations

from adhelpers.batch.layout import BatchLayout
from adhelpers.engine.seeds import Basis
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.functions import Array, Leaves


class BatchBasis(Basis):
    """The basis vectors of one batch element, for all of them at once."""

    keeps = True

    def __init__(self, layout: BatchLayout, backend: ADBackend, leaves: Leaves) -> None:
        self._layout = layout
        super().__init__(backend, leaves)
        self.kind = ("BatchBasis", layout.axis)

    def size(self, leaf: Array) -> int:
        """How many basis vectors a batch element has."""
        return self._layout.size(leaf)

    def whole(self) -> Array:
        """All vectors of the only leaf, in one block."""
        return self._units(self._leaves[0], self.total, 0, self.total)

    def _built(self, leaf: Array, size: int, first: int, count: int) -> Array:
        # In memory of its own and contiguous, for frameworks are slow on broadcast seeds.
        xp, device = self._backend.array_namespace(leaf), self._backend.device(leaf)
        eye = xp.eye(count, size, k=first, dtype=leaf.dtype, device=device)
        ones = xp.ones((1, self._layout.batch(leaf)), dtype=leaf.dtype, device=device)
        return xp.reshape(self._layout.spread(eye) * self._layout.per_element(ones), (count, *leaf.shape))
