"""Products where no transformation is active: dual numbers forward, and a graph of our own in reverse."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch.autograd.forward_ad import make_dual, unpack_dual

from adhelpers import UnsupportedOperationError
from adhelpers.contract import Array, LeafFunction, Leaves
from adhelpers_plugins.torch.levels import DualLevel, forward_mode


def jvp(f: LeafFunction, x: Leaves, u: Leaves) -> tuple[Leaves, Leaves, Leaves]:
    """Dual numbers. `f` gets copies, for it may work in place."""
    with forward_mode(), DualLevel():
        outputs, aux = f(*(make_dual(leaf.clone(), tangent.clone()) for leaf, tangent in zip(x, u, strict=True)))
        pairs = [unpack_dual(y) for y in outputs]
        # What has no tangent may be the user's own, and so may be what a view shows.
        primals = [
            value if t is not None and not y._is_view() else value.clone()
            for y, (value, t) in zip(outputs, pairs, strict=True)
        ]
        tangents = [torch.zeros_like(y) if t is None else _materialised(t).to(y.dtype).contiguous() for y, t in pairs]
        separate = _apart([*primals, *tangents])
        aux = tuple(unpack_dual(leaf).primal.clone() for leaf in aux)
    return separate[: len(pairs)], separate[len(pairs) :], aux


def vjp(f: LeafFunction, x: Leaves) -> tuple[Leaves, GraphPullback, Leaves]:
    """A graph whose roots stand for `x`, for ``torch.autograd.grad`` to walk any number of times."""
    # Without gradients around, the caller wants none through x either.
    attached = torch.is_grad_enabled() and any(leaf.requires_grad for leaf in x)
    with torch.enable_grad():
        roots = tuple(
            leaf.view_as(leaf) if attached and leaf.requires_grad else leaf.detach().requires_grad_() for leaf in x
        )
        for root in roots:
            root.is_open = True
        outputs, aux = f(*(root.clone() for root in roots))
        for root in roots:
            root.is_open = False
        if not attached:
            attached = _leads_elsewhere((*outputs, *aux))
    keep = attached and torch.is_grad_enabled()
    values = _apart([y.clone() if y.grad_fn is None or y._is_view() else y for y in outputs])
    aux = tuple(leaf.clone() for leaf in aux)
    if not keep:
        values, aux = _detached(values), _detached(aux)
    return values, GraphPullback(roots, outputs, attached), aux


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
            attached = self._attached or any(c.requires_grad for c in cotangents)
            gradients = torch.autograd.grad(
                [y for y, _ in live],
                self._roots,
                [c.conj().resolve_conj() for _, c in live],
                retain_graph=True,
                create_graph=attached and torch.is_grad_enabled(),
                allow_unused=True,
                is_grads_batched=bool(stack),
            )
        pulled = [
            torch.zeros((*stack, *root.shape), dtype=root.dtype, device=root.device)
            if g is None
            else _materialised(g).conj().resolve_conj().contiguous()
            for g, root in zip(gradients, self._roots, strict=True)
        ]
        return _apart(pulled, cotangents)


def _apart(arrays: Iterable[Array], others: Leaves = ()) -> Leaves:
    """The arrays, copied where they share memory with one another or with others."""
    taken = {a.untyped_storage().data_ptr() for a in others}
    separate = []
    for array in arrays:
        require_dense(array)
        memory = array.untyped_storage().data_ptr()
        separate.append(array.clone() if memory in taken else array)
        taken.add(memory)
    return tuple(separate)


def require_dense(tensor: Array) -> None:
    """Refuse sparse, nested and opaque tensors: PyTorch has few of their derivatives."""
    if tensor.layout is not torch.strided:
        msg = f"a tensor of layout {tensor.layout} was given, but only dense ones can be differentiated; use to_dense()"
        raise TypeError(msg)


def _detached(leaves: Leaves) -> Leaves:
    return tuple(leaf.detach() for leaf in leaves)


def _materialised(derivative: Array) -> Array:
    """Some rules give a symbolic zero, which has no memory."""
    return derivative.clone() if derivative._is_zerotensor() else derivative


def _leads_elsewhere(results: Leaves) -> bool:
    """Whether the graph of `results` leads to a tensor whose derivative somebody may want later.

    Such are the user's Parameters, and the roots of an enclosing product, whose `f` is still running. Roots of
    a product that is done, as where a pullback is itself pulled back, are not.
    """
    found = any(y.requires_grad and y.grad_fn is None for y in results)
    stack = [y.grad_fn for y in results if y.grad_fn is not None]
    seen = set(stack)
    while stack:
        node = stack.pop()
        if not node.next_functions:
            variable = getattr(node, "variable", None)
            found = found or (variable is not None and getattr(variable, "is_open", True))
        elif node.name() == _ONCE:
            msg = "trying to differentiate twice a function that is marked once_differentiable"
            raise UnsupportedOperationError(msg)
        for parent, _ in node.next_functions:
            if parent is not None and parent not in seen:
                seen.add(parent)
                stack.append(parent)
    return found


_ONCE = "torch::autograd::Error"
"""The node by which PyTorch marks a gradient that has none of its own: it leads nowhere, and so would give zeros."""
