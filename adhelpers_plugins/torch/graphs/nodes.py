"""The nodes of a graph: whether they lead to tensors of somebody else, and whose rules they are."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch.autograd.function import BackwardCFunction
from torch.autograd.graph import GradientEdge, get_gradient_edge

from adhelpers.extend import Array, Leaves, UnsupportedOperationError
from adhelpers_plugins.torch.graphs.twice import TWICE

Edges = tuple[GradientEdge, ...]
"""Where a graph begins: at copies of `x`, which `f` may have changed since."""


def nodes_of(results: Iterable[Array], seen: set[Any]) -> Iterator[Any]:
    """Every node of the graph of `results`, but for what was seen and lies behind it."""
    stack = [y.grad_fn for y in results if y.grad_fn not in seen]
    seen.update(stack)
    while stack:
        node = stack.pop()
        yield node
        for parent, _ in node.next_functions:
            if parent not in seen:
                seen.add(parent)
                stack.append(parent)


def examine(results: Leaves, edges: Edges) -> tuple[bool, bool]:
    """Whether the graph of `results` leads outside, but by the edges at its start, and whether it has users' rules.

    What PyTorch marked as having no second derivative leads nowhere. A product of it would be zero, and is refused.
    """
    leads_outside = has_users_rules = False
    for node in nodes_of(results, {None, *[edge.node for edge in edges]}):
        kind = type(node)
        if kind in ORDINARY:
            continue
        if kind is _LEAF:
            leads_outside = leads_outside or _is_outside(node)
        elif issubclass(kind, BackwardCFunction):
            has_users_rules = True
        elif kind.__name__ == "Error":
            raise UnsupportedOperationError(TWICE)
        else:
            ORDINARY.add(kind)
    return leads_outside, has_users_rules


ORDINARY: set[type] = set()
"""Types of nodes that are no leaves, and whose second derivatives are whole, or missing by their own word."""

with torch.inference_mode(False):
    _LEAF: Any = type(get_gradient_edge(torch.zeros((), requires_grad=True)).node)
"""The type of the node that collects the gradient of a leaf."""


def _is_outside(node: Any) -> bool:
    return type(node) is _LEAF and getattr(node.variable, "is_open", True)


def users_rules(results: Leaves, edges: Edges) -> list[Any]:
    """The nodes of users' functions."""
    nodes = nodes_of(results, {None, *[edge.node for edge in edges]})
    return [node for node in nodes if isinstance(node, BackwardCFunction) and type(node) not in ORDINARY]


def is_attached(tensor: Array) -> bool:
    """Whether `tensor` depends on something whose derivative somebody may want later.

    Such are the user's Parameters, and the roots of an enclosing product, whose `f` is still running. Roots of
    a product that is done, as where a pullback is itself pulled back, are not.
    """
    return bool(tensor.requires_grad) if tensor.grad_fn is None else leads_outside((tensor,))


def leads_outside(results: Iterable[Array], given: Iterable[Array] = ()) -> bool:
    """Whether the graph of `results` reaches somebody else's tensors other than by way of the given ones."""
    return any(_is_outside(node) for node in nodes_of(results, {None, *[leaf.grad_fn for leaf in given]}))


@contextlib.contextmanager
def opened(tensors: Leaves) -> Iterator[None]:
    """Open the roots that tensors depend on again: later computations with them are steps of somebody's graph."""
    leaves = [node.variable for node in nodes_of(tensors, {None}) if type(node) is _LEAF]
    roots = [leaf for leaf in leaves if not getattr(leaf, "is_open", True)]
    for root in roots:
        root.is_open = True
    try:
        yield
    finally:
        for root in roots:
            root.is_open = False
