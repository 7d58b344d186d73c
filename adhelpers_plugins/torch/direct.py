"""Products outside of transformations: dual numbers in forward mode, and our own graph in reverse mode."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import torch
from torch.autograd.function import BackwardCFunction
from torch.autograd.graph import GradientEdge, get_gradient_edge

from adhelpers.extend import (
    ArgumentTypeError,
    Array,
    GradientFunction,
    LeafFunction,
    Leaves,
    UnsupportedOperationError,
    VJPSweep,
)
from adhelpers_plugins.torch.graphs.kept import Pulled, kept_by, misses_what_is_kept, weights
from adhelpers_plugins.torch.levels import Cotangents, DualNumbers, Tangents, Vmap, gradients, has_memory
from adhelpers_plugins.torch.watching.watched import watched

Edges = tuple[GradientEdge, ...]
"""Where a graph begins: at copies of `x`, which `f` may have changed since."""


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
        values.append(own(primal, taken, is_new=tangent is not None and _is_new(y)))
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
                outputs, seeds = _gradients_of(outputs, x, edges)
        finally:
            for root, leaf in zip(roots, x, strict=True):
                if root is not leaf:
                    root.is_open = False
    results = (*outputs, *aux)
    leads_outside, has_users_rules = _examine(results, edges)
    if of_gradient and has_users_rules and not _is_whole(outputs, seeds):
        raise UnsupportedOperationError(_TWICE)
    attached = wanted and (leads_outside or any(leaf.requires_grad and _is_attached(leaf) for leaf in x))
    is_partial = has_users_rules and (of_gradient or attached) and _is_partial(f, x, results, edges)
    if of_gradient and is_partial:
        raise UnsupportedOperationError(_TWICE)
    taken: set[int] = set()
    owned = []
    for y in results:
        result = y if attached and _is_attached(y) else y.detach()
        owned.append(own(result, taken, is_new=y.grad_fn is not None and _is_new(y)))
    count = len(outputs)
    pullback = GraphPullback(x, edges, outputs, attached, has_users_rules, is_partial)
    return tuple(owned[:count]), pullback, tuple(owned[count:])


def _root(leaf: Array) -> Array:
    """A leaf of a graph of our own, open to enclosed products while `f` runs."""
    root = leaf.detach().requires_grad_()
    root.is_open = True
    return root


def _gradients_of(values: Leaves, x: Leaves, edges: Edges) -> tuple[Leaves, Leaves]:
    """The gradients of numbers, still part of the graph, and the ones that were pulled back."""
    pulled: Iterable[Array | None] = (None,) * len(x)
    live = tuple([y for y in values if y.requires_grad])
    seeds = tuple([_seed(torch.ones_like(y)) for y in live])
    if live:
        pulled = _gradients(live, edges, seeds, create_graph=True)
    pairs = zip(pulled, x, strict=True)
    return tuple([torch.zeros_like(leaf) if g is None else _conjugate(g) for g, leaf in pairs]), seeds


def _gradients(outputs: Leaves, edges: Edges, seeds: Leaves, *, create_graph: bool, vmap: Vmap | None = None) -> Any:
    try:
        return gradients(outputs, edges, seeds, create_graph=create_graph, vmap=vmap)
    except RuntimeError as error:  # whose words depend on what was compiled
        if not create_graph or all(
            type(node).__name__ != "CompiledFunctionBackward" for node in _graph(outputs, {None})
        ):
            raise
        msg = "code compiled by torch.compile can be differentiated only once in reverse mode"
        raise UnsupportedOperationError(msg) from error


_UNCHANGED = contextlib.nullcontext()


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
        return Pulled(gradients, self._edges, kept_by(_users_rules(live, self._edges)))

    def _pull(self, vmap: Vmap | None, cotangents: Leaves) -> Leaves:
        stack = () if vmap is None else cotangents[0].shape[:1]
        live, seeds, attached = [], [], self._attached
        for y, cotangent in zip(self._outputs, cotangents, strict=True):
            attached = attached or cotangent.requires_grad
            if y.requires_grad:
                live.append(y)
                seeds.append(_conjugate(cotangent))
        pulled: Iterable[Array | None] = (None,) * len(self._x)
        if live:
            attached = attached and torch.is_grad_enabled()
            each = tuple(map(_seed, seeds) if attached else seeds)
            pulled = _gradients(tuple(live), self._edges, each, create_graph=attached, vmap=vmap)
            if attached and self._has_users_rules and (self._is_partial or not _is_whole(pulled, each)):
                pulled = _once(pulled)
        taken, is_new = memory_of(cotangents), not self._has_users_rules  # which may return memory that they keep
        return tuple(
            [
                torch.zeros((*stack, *leaf.shape), dtype=leaf.dtype, device=leaf.device)
                if g is None
                else own(_conjugate(g if not g.requires_grad or _is_attached(g) else g.detach()), taken, is_new=is_new)
                for g, leaf in zip(pulled, self._x, strict=True)
            ]
        )


def _seed(cotangent: Array) -> Array:
    """The cotangent, requiring a gradient, for a second derivative.

    Only then does PyTorch mark a gradient that has none of its own, rather than take it for a constant.
    """
    if cotangent.requires_grad:
        return cotangent
    seed = cotangent.detach().requires_grad_()
    seed.is_open = False
    return seed


def _is_whole(pulled: Iterable[Array | None], seeds: Leaves) -> bool:
    """Whether the graph of what was pulled back misses nothing of it, as where a user's rule leaves the graph.

    A pullback is linear: what its graph says of the seeds must, along the seeds, be all of what was pulled.
    """
    parts = [g * weights(g) for g in pulled if g is not None and not g.is_meta]
    if not parts:
        return True
    total = torch.stack([part.real.sum() for part in parts]).sum()
    told = 0.0
    if total.requires_grad:
        try:
            slopes = torch.autograd.grad(total, seeds, retain_graph=True, allow_unused=True)
        except RuntimeError:  # whoever needs this derivative is told the same
            return True
        products = [(seed * slope.conj()).sum() for seed, slope in zip(seeds, slopes, strict=True) if slope is not None]
        told = sum(float(product.detach().real) for product in products)
    scale = sum(float(part.detach().abs().sum()) for part in parts)
    return not abs(float(total.detach()) - told) > scale * torch.finfo(total.dtype).eps ** 0.5


def _is_partial(f: LeafFunction, x: Leaves, results: Leaves, edges: Edges) -> bool:
    """Whether second derivatives miss what users' rules keep of their forward pass."""

    def pull(x: Leaves) -> Pulled:
        with torch.random.fork_rng(devices=()), torch.no_grad():  # random numbers repeat, and nothing is attached
            return _graph_of(f, x)[1].pulled()

    return bool(kept_by(_users_rules(results, edges))) and misses_what_is_kept(f, x, pull)


def _users_rules(results: Leaves, edges: Edges) -> list[Any]:
    nodes = _graph(results, {None, *[edge.node for edge in edges]})
    return [node for node in nodes if isinstance(node, BackwardCFunction) and type(node) not in ORDINARY]


def _once(pulled: Iterable[Array | None]) -> tuple[Array | None, ...]:
    """What was pulled back, for somebody to have, but for nobody to differentiate."""
    refuse = torch._C._functions.DelayedError(f"trying to {_TWICE}".encode(), 1)
    return tuple([None if g is None else refuse(g.detach().requires_grad_()) for g in pulled])


_TWICE = (
    "differentiate twice a torch.autograd.Function whose backward pass leaves the graph: it is marked "
    "once_differentiable, computes under torch.no_grad, with detach or by NumPy, or uses what its forward pass has "
    "computed on the way: save inputs and outputs alone, and compute the rest in the backward pass"
)


def _conjugate(tensor: Array) -> Array:
    return tensor.conj().resolve_conj() if tensor.is_complex() else tensor


def memory_of(tensors: Leaves) -> set[int]:
    """Where tensors lie."""
    return {tensor.untyped_storage().data_ptr() for tensor in tensors if has_memory(tensor)}


def own(tensor: Array, taken: set[int], *, is_new: bool = True) -> Array:
    """`tensor` as plain memory that is not `taken`, and then is: results share none with one another.

    Some rules give a symbolic zero, repeat elements or conjugate lazily. What is not new may lie in memory that `f`
    closes over.
    """
    if is_new and has_memory(tensor) and tensor.is_contiguous() and not tensor._is_zerotensor():
        memory = tensor.untyped_storage().data_ptr()
        if memory not in taken:
            taken.add(memory)
            return _resolved(tensor) if tensor.is_conj() or tensor.is_neg() else tensor
    else:
        require_dense(tensor)
    tensor = _resolved(tensor.clone())
    taken.update(memory_of((tensor,)))
    return tensor


def _is_new(y: Array) -> bool:
    """Whether a result of `f` lies in new memory: it is not a view, was not written to, and is not a user's tensor.

    A user's function may return the same memory every time, such as the output of a library that it wraps.
    """
    return not y._is_view() and y._version == 0 and not isinstance(y.grad_fn, BackwardCFunction)


def _resolved(tensor: Array) -> Array:
    return tensor.resolve_conj().resolve_neg()


def require_dense(tensor: Array) -> None:
    """Refuse sparse, nested and opaque tensors: PyTorch lacks most of their derivatives."""
    if tensor.layout is not torch.strided:
        msg = f"a tensor of layout {tensor.layout} was given, but only dense ones can be differentiated; use to_dense()"
        raise ArgumentTypeError(msg)


def _is_attached(tensor: Array) -> bool:
    """Whether `tensor` depends on something whose derivative somebody may want later.

    Such are the user's Parameters, and the roots of an enclosing product, whose `f` is still running. Roots of
    a product that is done, as where a pullback is itself pulled back, are not.
    """
    return bool(tensor.requires_grad) if tensor.grad_fn is None else leads_outside((tensor,))


def leads_outside(results: Iterable[Array], given: Iterable[Array] = ()) -> bool:
    """Whether the graph of `results` reaches somebody else's tensors other than by way of the given ones."""
    return any(_is_outside(node) for node in _graph(results, {None, *[leaf.grad_fn for leaf in given]}))


def _examine(results: Leaves, edges: Edges) -> tuple[bool, bool]:
    """Whether the graph of `results` leads outside, but by the edges at its start, and whether it has users' rules.

    What PyTorch marked as having no second derivative leads nowhere. A product of it would be zero, and is refused.
    """
    leads_outside = has_users_rules = False
    for node in _graph(results, {None, *[edge.node for edge in edges]}):
        kind = type(node)
        if kind in ORDINARY:
            continue
        if kind is _LEAF:
            leads_outside = leads_outside or _is_outside(node)
        elif issubclass(kind, BackwardCFunction):
            has_users_rules = True
        elif kind.__name__ == "Error":
            raise UnsupportedOperationError(_TWICE)
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


@contextlib.contextmanager
def opened(tensors: Leaves) -> Iterator[None]:
    """Open the roots that tensors depend on again: later computations with them are steps of somebody's graph."""
    leaves = [node.variable for node in _graph(tensors, {None}) if type(node) is _LEAF]
    roots = [leaf for leaf in leaves if not getattr(leaf, "is_open", True)]
    for root in roots:
        root.is_open = True
    try:
        yield
    finally:
        for root in roots:
            root.is_open = False


def _graph(results: Iterable[Array], seen: set[Any]) -> Iterator[Any]:
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
