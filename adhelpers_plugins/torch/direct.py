"""Products where no transformation is active: dual numbers forward, and a graph of our own in reverse."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch.autograd.forward_ad import make_dual, unpack_dual

from adhelpers import UnsupportedOperationError
from adhelpers.contract import Array, LeafFunction, Leaves
from adhelpers_plugins.torch.levels import DualLevel, forward_mode


def jvp(f: LeafFunction, x: Leaves, u: Leaves) -> tuple[Leaves, Leaves, Leaves]:
    """Dual numbers. `f` gets copies, for it may work in place; what it returns is copied, for it may be kept."""
    with forward_mode(), DualLevel():
        outputs, aux = f(*(make_dual(leaf.clone(), tangent.clone()) for leaf, tangent in zip(x, u, strict=True)))
        pairs = [unpack_dual(y) for y in outputs]
        values = tuple(_copied(y) for y, _ in pairs)
        tangents = [torch.zeros_like(y) if t is None else _materialised(t).to(y.dtype).contiguous() for y, t in pairs]
        return values, _apart(tangents), tuple(_copied(unpack_dual(leaf).primal) for leaf in aux)


def vjp(f: LeafFunction, x: Leaves) -> tuple[Leaves, GraphPullback, Leaves]:
    """A graph whose roots stand for `x`, for ``torch.autograd.grad`` to walk any number of times."""
    # Without gradients around, the caller wants none through the results either.
    wanted = torch.is_grad_enabled()
    with torch.enable_grad():
        roots = tuple(
            leaf.view_as(leaf) if wanted and leaf.requires_grad else leaf.detach().requires_grad_() for leaf in x
        )
        for root in roots:
            root.is_open = True
        outputs, aux = f(*(root.clone() for root in roots))
        for root in roots:
            root.is_open = False
    _refuse_second_derivative_of_once((*outputs, *aux), roots)
    results = [_copied(y) if wanted and _is_attached(y) else _copied(y.detach()) for y in (*outputs, *aux)]
    attached = wanted and any(map(_is_attached, (*outputs, *x)))
    count = len(outputs)
    return tuple(results[:count]), GraphPullback(roots, outputs, attached), tuple(results[count:])


class GraphPullback:
    """Pulls cotangents back along a graph; conjugates, as PyTorch's convention wants, on the way in and out."""

    __slots__ = ("_attached", "_outputs", "_roots")

    def __init__(self, roots: Leaves, outputs: Leaves, attached: bool) -> None:
        self._roots = roots
        self._outputs = outputs
        self._attached = attached

    def __call__(self, cotangents: Leaves) -> Leaves:
        """One cotangent for each output."""
        return self._pull(cotangents, ())

    def sweep(self, cotangents: Leaves) -> Leaves:
        """Many cotangents, stacked."""
        return self._pull(cotangents, tuple(cotangents[0].shape[:1]))

    def _pull(self, cotangents: Leaves, stack: tuple[int, ...]) -> Leaves:
        live = [(y, c) for y, c in zip(self._outputs, cotangents, strict=True) if y.requires_grad]
        gradients: Iterable[Array | None] = (None,) * len(self._roots)
        if live:
            attached = torch.is_grad_enabled() and (self._attached or any(c.requires_grad for c in cotangents))
            gradients = torch.autograd.grad(
                [y for y, _ in live],
                self._roots,
                [_seed(c.conj().resolve_conj(), attached) for _, c in live],
                retain_graph=True,
                create_graph=attached,
                allow_unused=True,
                is_grads_batched=bool(stack),
            )
            gradients = [g if g is None or _is_attached(g) else g.detach() for g in gradients]
        pulled = [
            torch.zeros((*stack, *root.shape), dtype=root.dtype, device=root.device)
            if g is None
            else _materialised(g.conj()).contiguous()
            for g, root in zip(gradients, self._roots, strict=True)
        ]
        return _apart(pulled, cotangents)


def _seed(cotangent: Array, attached: bool) -> Array:
    """The cotangent, requiring a gradient where there will be a second derivative.

    Only then does PyTorch mark a gradient that has none of its own, rather than take it for a constant.
    """
    if not attached or cotangent.requires_grad:
        return cotangent
    seed = cotangent.detach().requires_grad_()
    seed.is_open = False
    return seed


def _copied(tensor: Array) -> Array:
    require_dense(tensor)
    return _resolved(tensor.clone())


def _materialised(derivative: Array) -> Array:
    """A derivative as plain memory: some rules give a symbolic zero, or conjugate lazily."""
    return _resolved(derivative.clone() if derivative._is_zerotensor() else derivative)


def _resolved(tensor: Array) -> Array:
    return tensor.resolve_conj().resolve_neg()


def _apart(arrays: Iterable[Array], others: Leaves = ()) -> Leaves:
    """The arrays, copied where they share memory with one another or with others."""
    taken = {a.untyped_storage().data_ptr() for a in others if type(a) is torch.Tensor}
    separate = []
    for array in arrays:
        if type(array) is torch.Tensor:
            memory = array.untyped_storage().data_ptr()
            separate.append(array.clone() if memory in taken else array)
            taken.add(memory)
        else:
            separate.append(array.clone())  # a subclass need not have memory to compare
    return tuple(separate)


def require_dense(tensor: Array) -> None:
    """Refuse sparse, nested and opaque tensors: PyTorch has few of their derivatives."""
    if tensor.layout is not torch.strided:
        msg = f"a tensor of layout {tensor.layout} was given, but only dense ones can be differentiated; use to_dense()"
        raise TypeError(msg)


def _nodes(results: Leaves, roots: Leaves = ()) -> Iterator[Any]:
    """The nodes of the graph of `results` down to that of `roots`, each once."""
    seen = {root.grad_fn for root in roots}
    stack = [y.grad_fn for y in results if y.grad_fn is not None and y.grad_fn not in seen]
    seen.update(stack)
    while stack:
        node = stack.pop()
        yield node
        for parent, _ in node.next_functions:
            if parent is not None and parent not in seen:
                seen.add(parent)
                stack.append(parent)


def _is_attached(tensor: Array) -> bool:
    """Whether `tensor` depends on something whose derivative somebody may want later.

    Such are the user's Parameters, and the roots of an enclosing product, whose `f` is still running. Roots of
    a product that is done, as where a pullback is itself pulled back, are not.
    """
    if tensor.grad_fn is None:
        return bool(tensor.requires_grad)
    for node in _nodes((tensor,)):
        if not node.next_functions:
            variable = getattr(node, "variable", None)
            if variable is not None and getattr(variable, "is_open", True):
                return True
    return False


def _refuse_second_derivative_of_once(results: Leaves, roots: Leaves) -> None:
    """Find gradients that PyTorch marked as having none of their own: the mark leads nowhere, and would give zeros."""
    if any(node.name() == "torch::autograd::Error" for node in _nodes(results, roots)):
        msg = "trying to differentiate twice a function that is marked once_differentiable"
        raise UnsupportedOperationError(msg)
