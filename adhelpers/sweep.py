"""Sweeps of basis vectors through a whole batch. Basis vector k is one in element k of every batch element."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from math import prod

from adhelpers.contract import ADBackend, Array
from adhelpers.layout import BatchLayout
from adhelpers.mixing import MixingCheck


def sweep_basis(
    backend: ADBackend,
    layout: BatchLayout,
    push: Callable[[Array], Array],
    like: Array,
    step: int,
    check: MixingCheck | None = None,
) -> Array:
    """The results of `push` for every basis vector shaped as `like`, `step` at once, stacked."""
    size = layout.size(like)
    if check is None and step >= size:
        return push(basis(backend, layout, like, 0, size))
    blocks = []
    for start in range(0, size, step):
        count = min(step, size - start)
        block = basis(backend, layout, like, start, count)
        last = check is not None and start + count == size
        if check is not None and last:
            block = backend.array_namespace(block).concat([block, check.vector[None, ...]])
        results = push(block)
        if check is not None:
            if last:
                check.observe(results[-1, ...])
                results = results[:count, ...]
            check.add(start, results)
        blocks.append(results)
    if len(blocks) == 1:
        return blocks[0]
    return backend.array_namespace(*blocks).concat(blocks)


def basis(backend: ADBackend, layout: BatchLayout, like: Array, start: int, count: int) -> Array:
    """Basis vectors ``start`` to ``start + count``; contiguous, for frameworks are slow on broadcast seeds."""
    device = backend.device(like)
    key = (backend, layout.axis, tuple(like.shape), like.dtype, device, start, count)
    block = _KEPT.get(key)
    if block is not None and not backend.is_traced(like):  # which would make a constant of it, inside compiled code
        return block
    xp = backend.array_namespace(like)
    eye = xp.eye(count, layout.size(like), k=start, dtype=like.dtype, device=device)
    ones = xp.ones((1, layout.batch(like)), dtype=like.dtype, device=device)
    ones = ones[:, None, :] if layout.axis == -1 else ones[:, :, None]
    block = xp.reshape(layout.spread(eye) * ones, (count, *like.shape))
    if count * prod(like.shape) <= MOST_KEPT_ELEMENTS and backend.keeps(block):
        while len(_KEPT) >= MOST_KEPT:
            _KEPT.pop(next(iter(_KEPT)), None)
        _KEPT[key] = block
    return block


MOST_KEPT = 64
MOST_KEPT_ELEMENTS = 2**14
"""Of small blocks, which take longer to build than to push, so many are kept: 8 MB of double precision at most."""

_KEPT: dict[Hashable, Array] = {}
