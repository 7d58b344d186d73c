"""Compiled functions that return any container, and whatever stands in it besides arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

from adhelpers.contract import ADBackend
from adhelpers.structure import TreeDef


def compiled(backend: ADBackend, function: Callable[..., Any]) -> Callable[..., Any]:
    """``jax.jit`` of a function between arrays and any structure that `backend` flattens."""

    def traced(*arrays: Any) -> Any:
        result = function(*arrays)
        if backend.is_array(result):
            return result
        leaves, treedef = backend.flatten(result)
        kept = [None if backend.is_array(leaf) else (leaf,) for leaf in leaves]
        return _Result(tuple(filter(backend.is_array, leaves)), _Rest(treedef, kept))

    return jax.jit(traced)


class _Rest:
    """A structure without its arrays; part of what JAX keeps with the compiled code."""

    def __init__(self, treedef: TreeDef, leaves: list[tuple[Any] | None]) -> None:
        self._treedef = treedef
        self._leaves = leaves

    def rebuild(self, arrays: Any) -> Any:
        """The structure with these arrays."""
        remaining = iter(arrays)
        return self._treedef.unflatten([next(remaining) if leaf is None else leaf[0] for leaf in self._leaves])


class _Result:
    """What JAX sees of a result; it comes out of the compiled function as the structure itself."""

    def __init__(self, arrays: tuple[Any, ...], rest: _Rest) -> None:
        self.arrays = arrays
        self.rest = rest


jax.tree_util.register_pytree_node(
    _Result,
    lambda result: (result.arrays, result.rest),
    lambda rest, arrays: rest.rebuild(arrays),
)
