"""Sweeps of basis vectors through a whole batch. Basis vector k is one in element k of every batch element."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from math import prod

from adhelpers.batch.layout import BatchLayout
from adhelpers.batch.mixing import MixingCheck
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.functions import Array


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
    """Basis vectors ``start`` to ``start + count``."""
    if backend.is_traced(like) or count * prod(like.shape) > MOST_KEPT_ELEMENTS:
        return _built(backend, layout, like, start, count)
    kind = (type(backend), type(like), layout.axis, tuple(like.shape), like.dtype, backend.device(like), start, count)
    try:
        block = _KEPT.get(kind)
    except TypeError:  # a device need not have a hash
        return _built(backend, layout, like, start, count)
    if block is None:
        block = _built(backend, layout, like, start, count)
        if backend.keeps(block):
            with _lock:
                while len(_KEPT) >= MOST_KEPT:
                    del _KEPT[next(iter(_KEPT))]
                _KEPT[kind] = block
    return block + 0  # a copy, for a user's own rule or hook may write to what it is given


MOST_KEPT = 32
MOST_KEPT_ELEMENTS = 2**16
"""Of small blocks, which can take as long to build as to push, so many are kept: 16 MB of double precision at most."""

_KEPT: dict[Hashable, Array] = {}
_lock = threading.Lock()


def _built(backend: ADBackend, layout: BatchLayout, like: Array, start: int, count: int) -> Array:
    """The block in memory of its own; contiguous, for frameworks are slow on broadcast seeds."""
    xp, device = backend.array_namespace(like), backend.device(like)
    eye = xp.eye(count, layout.size(like), k=start, dtype=like.dtype, device=device)
    ones = xp.ones((1, layout.batch(like)), dtype=like.dtype, device=device)
    ones = ones[:, None, :] if layout.axis == -1 else ones[:, :, None]
    return xp.reshape(layout.spread(eye) * ones, (count, *like.shape))
