"""Containers that JAX knows and optree does not, such as Equinox modules: each type is registered at first use."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import jax

from adhelpers import extend


def make_known(nodes: Iterable[Any]) -> bool:
    """Register the types of those `nodes` that are containers to JAX; returns whether there were any."""
    types = {type(node) for node in nodes if not jax.tree_util.all_leaves([node])}
    return extend.make_known(types, _flatten, _unflatten)


def _flatten(node: Any) -> tuple[list[Any], Any, tuple[Any, ...]]:
    """The children of one container, its definition, and the names of its children."""
    pairs, treedef = jax.tree_util.tree_flatten_with_path(node, is_leaf=lambda other: other is not node)
    return [child for _, child in pairs], treedef, tuple(path[0] for path, _ in pairs)


def _unflatten(treedef: Any, children: Iterable[Any]) -> Any:
    return treedef.unflatten(list(children))
