"""Containers that PyTorch knows and optree does not, such as TensorDict: each type is registered at first use.

Libraries register them with ``torch.utils._pytree.register_pytree_node``, for example each ModelOutput of transformers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from torch.utils import _pytree

from adhelpers import extend

_NODES: Mapping[Any, Any] = getattr(_pytree, "SUPPORTED_NODES", {})
"""What PyTorch knows of containers, by type."""


def make_known(nodes: Iterable[Any]) -> bool:
    """Register the types of those `nodes` that are containers to PyTorch; returns whether there were any."""
    return extend.make_known({type(node) for node in nodes if type(node) in _NODES}, _flatten, _unflatten)


def _flatten(node: Any) -> tuple[list[Any], Any, tuple[Any, ...]]:
    """The children of one container, its definition, and the names of its children."""
    definition = _NODES[type(node)]
    if definition.flatten_with_keys_fn is not None:
        pairs, context = definition.flatten_with_keys_fn(node)
        return [child for _, child in pairs], (type(node), context), tuple(key for key, _ in pairs)
    children, context = definition.flatten_fn(node)
    names = list(map(_pytree.MappingKey, node.keys())) if isinstance(node, Mapping) else []
    if len(names) != len(children):
        names = list(map(_pytree.SequenceKey, range(len(children))))
    return children, (type(node), context), tuple(names)


def _unflatten(rest: Any, children: Iterable[Any]) -> Any:
    cls, context = rest
    return _NODES[cls].unflatten_fn(list(children), context)
