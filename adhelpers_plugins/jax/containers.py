"""Containers that JAX knows and optree does not, such as Equinox modules: made known when one is first met.

They are registered in this library's own optree namespace, so that core matches, rebuilds and names them like
any other container, and nothing changes for other users of optree.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

import jax
import optree

from adhelpers.extend import NAMESPACE

_lock = threading.Lock()
_known: set[type] = set()


class _Entry(optree.PyTreeEntry):
    """One step of a path, written as JAX writes it."""

    def codify(self, /, node: str = "") -> str:
        return f"{node}{jax.tree_util.keystr((self.entry,))}"


def make_known(nodes: Iterable[Any]) -> bool:
    """Register the types of those `nodes` that are containers to JAX; whether there were any."""
    types = {type(node) for node in nodes if not jax.tree_util.all_leaves([node])}
    with _lock:
        for cls in types - _known:
            optree.register_pytree_node(cls, _flatten, _unflatten, path_entry_type=_Entry, namespace=NAMESPACE)
            _known.add(cls)
    return bool(types)


def _flatten(node: Any) -> tuple[list[Any], Any, tuple[Any, ...]]:
    """The children of one container, its definition, and the names of its children."""
    pairs, treedef = jax.tree_util.tree_flatten_with_path(node, is_leaf=lambda other: other is not node)
    return [child for _, child in pairs], treedef, tuple(path[0] for path, _ in pairs)


def _unflatten(treedef: Any, children: Iterable[Any]) -> Any:
    return treedef.unflatten(list(children))
