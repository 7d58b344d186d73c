"""Products outside of transformations: dual numbers in forward mode, and our own graph in reverse mode."""

from __future__ import annotations

import contextlib

import torch
from torch.autograd.graph import GradientEdge

from adhelpers.extend import Array, GradientFunction, LeafFunction, Leaves, UnsupportedOperationError
from adhelpers_plugins.torch.graphs.kept import Pulled, kept_by, misses_what_is_kept
from adhelpers_plugins.torch.graphs.nodes import Edges, examine, is_attached, users_rules
from adhelpers_plugins.torch.graphs.pullback import GraphPullback, gradients_of
from adhelpers_plugins.torch.graphs.twice import TWICE, is_whole
from adhelpers_plugins.torch.levels import DualNumbers
from adhelpers_plugins.torch.memory import is_new_result, own
from adhelpers_plugins.torch.vectors import Tangents
from adhelpers_plugins.torch.watching.watched import watched


@watched("forward")
def jvp(f: LeafFunction, x: Leaves, u: Leaves) -> tuple[Leaves, Leaves, Leaves]:
    """Dual numbers."""
    with DualNumbers() as dual:
        return _push(f, x, [tangent.clone() for tangent in u], dual)


@watched("forward")
def jvp_sweep(f: LeafFunction, x: Leaves, tangents: Leaves) -> tuple[Leaves, Leaves, Leaves]:
    """Dual numbers with many tangents; `f` itself sees one number."""
    with DualNumbers() as dual, Tangents(tangents[0].shape[0]) as vectors:
        return _push(f, x, [vectors.each(tangent.clone()) for tangent in tangents], dual, vectors)


def _push(
    f: LeafFunction, x: Leaves, u: list[Array], dual: DualNumbers, vectors: Tangents | None = None
) -> tuple[Leaves, Leaves, Leaves]:
    # f gets copies of both, because it may work in place.
    outputs, aux = f(*[dual.make(leaf.clone(), tangent) for leaf, tangent in zip(x, u, strict=True)])
    taken: set[int] = set()
    values, tangents = [], []
    for y in outputs:
        primal, tangent = dual.unpack(y)
        values.append(own(primal, taken, is_new=tangent is not None and is_new_result(y)))
        if tangent is None:
            tangent = torch.zeros_like(primal)
        if vectors is not None:
            tangent = vectors.stacked(tangent)
        tangents.append(own(tangent if tangent.dtype is y.dtype else tangent.to(y.dtype), taken))
    return tuple(values), tuple(tangents), tuple([own(dual.unpack(a)[0], taken, is_new=False) for a in aux])


@watched("reverse")
def vjp(f: LeafFunction, x: Leaves) -> tuple[Leaves, GraphPullback, Leaves]:
    """A graph that begins at copies of `x`, and can be walked any number of times."""
    return _graph_of(f, x)


@watched("reverse", order=2)
def vjp_of_gradient(f: GradientFunction, x: Leaves) -> tuple[Leaves, GraphPullback, Leaves]:
    """The same for a gradient, whose graph continues from the values."""
    return _graph_of(f.values, x, of_gradient=True)


def _graph_of(f: LeafFunction, x: Leaves, *, of_gradient: bool = False) -> tuple[Leaves, GraphPullback, Leaves]:
    # Without gradients around, the caller wants none through the results either.
    wanted = torch.is_grad_enabled()
    with _UNCHANGED if wanted else torch.enable_grad():
        roots = [leaf if wanted and leaf.requires_grad else _root(leaf) for leaf in x]
        copies = [root.clone() for root in roots]  # for f may work in place
        edges = tuple([GradientEdge(copy.grad_fn, 0) for copy in copies])
        try:
            outputs, aux = f(*copies)
            # What f wrote to it may write to again, and have another graph then.
            outputs = tuple([y.clone() if y._version and y.requires_grad else y for y in outputs])
            if of_gradient:
                aux = (*outputs, *aux)
                outputs, seeds = gradients_of(outputs, x, edges)
        finally:
            for root, leaf in zip(roots, x, strict=True):
                if root is not leaf:
                    root.is_open = False
    results = (*outputs, *aux)
    leads_outside, has_users_rules = examine(results, edges)
    if of_gradient and has_users_rules and not is_whole(outputs, seeds):
        raise UnsupportedOperationError(TWICE)
    attached = wanted and (leads_outside or any(leaf.requires_grad and is_attached(leaf) for leaf in x))
    is_partial = has_users_rules and (of_gradient or attached) and _is_partial(f, x, results, edges)
    if of_gradient and is_partial:
        raise UnsupportedOperationError(TWICE)
    taken: set[int] = set()
    owned = []
    for y in results:
        result = y if attached and is_attached(y) else y.detach()
        owned.append(own(result, taken, is_new=y.grad_fn is not None and is_new_result(y)))
    count = len(outputs)
    pullback = GraphPullback(x, edges, outputs, attached, has_users_rules, is_partial)
    return tuple(owned[:count]), pullback, tuple(owned[count:])


_UNCHANGED = contextlib.nullcontext()


def _root(leaf: Array) -> Array:
    """A leaf of a graph of our own, open to enclosed products while `f` runs."""
    root = leaf.detach().requires_grad_()
    root.is_open = True
    return root


def _is_partial(f: LeafFunction, x: Leaves, results: Leaves, edges: Edges) -> bool:
    """Whether second derivatives miss what users' rules keep of their forward pass."""

    def pull(x: Leaves) -> Pulled:
        with torch.random.fork_rng(devices=()), torch.no_grad():  # random numbers repeat, and nothing is attached
            return _graph_of(f, x)[1].pulled()

    return bool(kept_by(users_rules(results, edges))) and misses_what_is_kept(f, x, pull)
