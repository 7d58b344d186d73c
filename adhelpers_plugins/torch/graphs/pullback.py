"""Cotangents pulled back along a graph, any number of times."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import torch

from adhelpers.extend import Array, Leaves, UnsupportedOperationError, VJPSweep
from adhelpers_plugins.torch.graphs.kept import Pulled, kept_by, weights
from adhelpers_plugins.torch.graphs.nodes import Edges, is_attached, nodes_of, users_rules
from adhelpers_plugins.torch.graphs.twice import is_whole, once
from adhelpers_plugins.torch.memory import memory_of, own
from adhelpers_plugins.torch.vectors import Cotangents, Tangents, Vmap, gradients


class GraphPullback:
    """Pulls cotangents back along a graph; conjugates them on the way in and out, as PyTorch's convention needs."""

    __slots__ = ("_attached", "_edges", "_has_users_rules", "_is_partial", "_outputs", "_x")

    def __init__(
        self, x: Leaves, edges: Edges, outputs: Leaves, attached: bool, has_users_rules: bool, is_partial: bool
    ) -> None:
        self._x = x
        self._edges = edges
        self._outputs = outputs
        self._attached = attached
        self._has_users_rules = has_users_rules
        self._is_partial = is_partial

    def __call__(self, cotangents: Leaves) -> Leaves:
        """One cotangent for each output."""
        return self._pull(None, cotangents)

    def sweeps(self) -> dict[str, VJPSweep]:
        """The sweeps that pull many stacked cotangents back.

        The newer vmap forbids hooks, which checkpoints use: one in f, which recomputes in the backward pass, and one
        around the operation, for which a graph must always save the same. So results that are part of a graph use the
        older vmap first.
        """
        attached = self._attached and torch.is_grad_enabled()
        newer, older = partial(self._pull, Cotangents), partial(self._pull, Tangents)
        if attached:
            return {"by the older vmap, in a graph": older, "by the newer vmap, in a graph": newer}
        return {"by the newer vmap": newer, "by the older vmap": older}

    def pulled(self) -> Pulled:
        """A vector, pulled back in a graph."""
        live = tuple([y for y in self._outputs if y.requires_grad])
        seeds = tuple([_seed(weights(y)) for y in live])
        gradients = _gradients(live, self._edges, seeds, create_graph=True) if live else ()
        return Pulled(gradients, self._edges, kept_by(users_rules(live, self._edges)))

    def _pull(self, vmap: Vmap | None, cotangents: Leaves) -> Leaves:
        stack = () if vmap is None else cotangents[0].shape[:1]
        live, seeds, attached = [], [], self._attached
        for y, cotangent in zip(self._outputs, cotangents, strict=True):
            attached = attached or cotangent.requires_grad
            if y.requires_grad:
                live.append(y)
                seeds.append(conjugate(cotangent))
        pulled: Iterable[Array | None] = (None,) * len(self._x)
        if live:
            attached = attached and torch.is_grad_enabled()
            each = tuple(map(_seed, seeds) if attached else seeds)
            pulled = _gradients(tuple(live), self._edges, each, create_graph=attached, vmap=vmap)
            if attached and self._has_users_rules and (self._is_partial or not is_whole(pulled, each)):
                pulled = once(pulled)
        taken, is_new = memory_of(cotangents), not self._has_users_rules  # which may return memory that they keep
        return tuple(
            [
                torch.zeros((*stack, *leaf.shape), dtype=leaf.dtype, device=leaf.device)
                if g is None
                else own(conjugate(g if not g.requires_grad or is_attached(g) else g.detach()), taken, is_new=is_new)
                for g, leaf in zip(pulled, self._x, strict=True)
            ]
        )


def gradients_of(values: Leaves, x: Leaves, edges: Edges) -> tuple[Leaves, Leaves]:
    """The gradients of numbers, still part of the graph, and the ones that were pulled back."""
    pulled: Iterable[Array | None] = (None,) * len(x)
    live = tuple([y for y in values if y.requires_grad])
    seeds = tuple([_seed(torch.ones_like(y)) for y in live])
    if live:
        pulled = _gradients(live, edges, seeds, create_graph=True)
    pairs = zip(pulled, x, strict=True)
    return tuple([torch.zeros_like(leaf) if g is None else conjugate(g) for g, leaf in pairs]), seeds


def _gradients(outputs: Leaves, edges: Edges, seeds: Leaves, *, create_graph: bool, vmap: Vmap | None = None) -> Any:
    try:
        return gradients(outputs, edges, seeds, create_graph=create_graph, vmap=vmap)
    except RuntimeError as error:  # whose words depend on what was compiled
        if not create_graph or all(
            type(node).__name__ != "CompiledFunctionBackward" for node in nodes_of(outputs, {None})
        ):
            raise
        msg = "code compiled by torch.compile can be differentiated only once in reverse mode"
        raise UnsupportedOperationError(msg) from error


def _seed(cotangent: Array) -> Array:
    """The cotangent, requiring a gradient, for a second derivative.

    Only then does PyTorch mark a gradient that has none of its own, rather than take it for a constant.
    """
    if cotangent.requires_grad:
        return cotangent
    seed = cotangent.detach().requires_grad_()
    seed.is_open = False
    return seed


def conjugate(tensor: Array) -> Array:
    """PyTorch's cotangents are the conjugates of ours."""
    return tensor.conj().resolve_conj() if tensor.is_complex() else tensor
