"""Compiled functions that return any container, with arrays and other objects in it."""

from __future__ import annotations

import copy
from array import array
from collections.abc import Callable, MutableMapping, MutableSequence, MutableSet
from typing import Any

import jax
import numpy as np

from adhelpers.extend import ADBackend, TreeDef, arrays_held, cannot_be_freed


def compiled(backend: ADBackend, function: Callable[..., Any]) -> Callable[..., Any]:
    """``jax.jit`` of a function between arrays and any structure that `backend` flattens."""

    def traced(*arrays: Any) -> Any:
        result = function(*arrays)
        if backend.is_array(result) or (type(result) is tuple and all(map(backend.is_array, result))):
            return result  # whose containers JAX rebuilds as they are, and faster
        leaves, treedef = backend.flatten(result)
        kept = [None if backend.is_array(leaf) else (leaf,) for leaf in leaves]
        for leaf in filter(None, kept):  # in what the code returns, and no code fills in afterwards
            if any(map(backend.is_traced, arrays_held(backend.is_array, *leaf))):
                raise cannot_be_freed(*leaf, "aux")
        return _Result(tuple(filter(backend.is_array, leaves)), _Rest(treedef, kept))

    jitted = jax.jit(traced)

    def run(*arrays: Any) -> Any:
        # Not in JAX's own unflattening, which it replaces by one that sorts the keys of dicts.
        result = jitted(*arrays)
        return result.rest.rebuild(result.arrays) if type(result) is _Result else result

    return run


class _Rest:
    """A structure without its arrays; part of what JAX keeps with the compiled code."""

    def __init__(self, treedef: TreeDef, leaves: list[tuple[Any] | None]) -> None:
        self._treedef = treedef
        self._leaves = leaves
        self._containers = [i for i, leaf in enumerate(leaves) if leaf is not None and isinstance(leaf[0], _CONTAINERS)]

    def rebuild(self, arrays: Any) -> Any:
        """The structure with these arrays."""
        remaining = iter(arrays)
        leaves = [next(remaining) if leaf is None else leaf[0] for leaf in self._leaves]
        for i in self._containers:
            leaves[i] = _copied(leaves[i])
        return self._treedef.unflatten(leaves)


_CONTAINERS = (np.ndarray, MutableSequence, MutableMapping, MutableSet, array)
"""What a caller may change in place. Of other objects, such as a sentinel or a tokenizer, a copy would be worse."""


def _copied(container: Any) -> Any:
    """A copy of a container and of what is in it."""
    try:
        return copy.deepcopy(container)
    except Exception:  # noqa: BLE001  # of something in it, which may be anything
        return copy.copy(container)


class _Result:
    """A result as JAX sees it."""

    def __init__(self, arrays: tuple[Any, ...], rest: _Rest) -> None:
        self.arrays = arrays
        self.rest = rest


jax.tree_util.register_pytree_node(
    _Result,
    lambda result: (result.arrays, result.rest),
    lambda rest, arrays: _Result(arrays, rest),
)
