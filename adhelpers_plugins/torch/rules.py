"""Functions with their own derivative rule, in every one of PyTorch's differentiation APIs.

The value is computed first, of detached tensors; `_Ruled` then ties the derivative to it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch

from adhelpers.extend import ArgumentError, Array, Leaves, Rule, UnsupportedOperationError
from adhelpers_plugins.torch import levels, names
from adhelpers_plugins.torch.graphs.nodes import ORDINARY, leads_outside, opened
from adhelpers_plugins.torch.graphs.pullback import conjugate


def apply_rule(rule: Rule, x: Leaves) -> Leaves:
    """The value of the rule at `x`, tied to the rule's derivative; not compiled, as compilers drop forward rules."""
    return (_uncompiled if torch.compiler.is_dynamo_compiling() else _apply)(rule, x)


def _apply(rule: Rule, x: Leaves) -> Leaves:
    copies = map(levels.value_of, x)  # which NumPy can read, too
    y = rule.call(*copies) if rule.host is None else _Host.apply(rule, *copies)
    y = tuple([leaf.clone() for leaf in y])  # for the rule may keep it, and write to it when it is called again
    is_recorded = torch.is_grad_enabled()
    y = levels.apply(_Ruled, _Tie(rule, len(x), is_recorded), *x, *y)
    # Inside torch.func a custom function is recorded in spite of torch.no_grad, and a copy is not.
    return y if is_recorded else tuple([leaf.clone() for leaf in y])


_uncompiled = torch.compiler.disable(_apply)


@dataclasses.dataclass(slots=True)
class _Tie:
    """How ``y`` depends on ``x``."""

    rule: Rule
    count: int
    """How many of the arrays are those of `x`."""
    is_recorded: bool
    """Whether there is a graph for what is computed now; a custom function is run without, whatever is around it."""


class _Ruled(torch.autograd.Function):  # type: ignore[misc]
    """``y``, which depends on ``x`` by a rule.

    If anything else among its arguments varies, it is refused: a constant, or `y` itself by what was closed over.
    """

    @staticmethod
    def forward(tie: _Tie, *leaves: Array) -> Leaves:
        return tuple([leaf.clone() for leaf in leaves[tie.count :]])  # to which the caller may write

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Leaves) -> None:
        tie, *leaves = inputs
        if tie.is_recorded:
            _require_constant(tie, ctx.needs_input_grad)
        ctx.tie = tie
        ctx.save_for_backward(*leaves)
        ctx.save_for_forward(*leaves[: tie.count], *output)
        ctx.set_materialize_grads(False)  # or else every constant has a tangent

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Leaves:
        rule, count = ctx.tie.rule, ctx.tie.count
        if not names.KNOWN:
            msg = f"this version of PyTorch cannot push tangents through {rule.name} more than once"
            raise UnsupportedOperationError(msg)
        _require_constant(ctx.tie, [tangent is not None for tangent in tangents])
        with torch.set_grad_enabled(ctx.tie.is_recorded), levels.forward_in_rules():
            leaves = [levels.unpack(leaf)[0].clone() for leaf in ctx.saved_tensors]
            x, y = tuple(leaves[:count]), tuple(leaves[count:])
            given = zip(x[: count - rule.constants], tangents[1:], strict=False)
            u = tuple([torch.zeros_like(leaf) if tangent is None else tangent.clone() for leaf, tangent in given])
            v = rule.jvp(x, y, u)
            if any(levels.unpack(leaf)[1] is not None for leaf in v):
                raise rule.closes_over()
            if ctx.tie.is_recorded:
                _require_whole(rule, v, (*leaves, *u), u)
            return tuple([leaf.clone() for leaf in v])  # for the rule may keep it

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        rule, count = ctx.tie.rule, ctx.tie.count
        is_recorded = torch.is_grad_enabled()
        leaves = [leaf.clone() for leaf in ctx.saved_tensors]
        x, y = tuple(leaves[:count]), tuple(leaves[count:])
        # y depends on x: in a graph, or by tangents. What the caller was given may have been written to since.
        if is_recorded or levels.surrounded():
            y = levels.apply(_Ruled, ctx.tie, *x, *y)
        given = zip(y, gradients, strict=True)
        v = tuple([torch.zeros_like(leaf) if g is None else conjugate(g).clone() for leaf, g in given])
        with opened((*x, *y, *v)) if is_recorded else torch.enable_grad():  # to see what it closes over
            u = rule.vjp(x, y, v)
            if is_recorded:
                _require_whole(rule, u, (*x, *y, *v), v)
            elif any(leaf.requires_grad for leaf in u):
                raise rule.closes_over()
            u = [conjugate(leaf).clone() for leaf in u]
        return None, *u, *[None] * (rule.constants + len(y))

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], tie: _Tie, *leaves: Array) -> tuple[Leaves, Any]:
        rule, count, dims = tie.rule, tie.count, in_dims[1:]
        x, y = leaves[:count], leaves[count:]
        of_x = tuple(dims[:count])
        x = tuple([_in_front(leaf, dim) for leaf, dim in zip(x, of_x, strict=True)])
        y = tuple(
            [
                leaf.expand(info.batch_size, *leaf.shape).clone() if dim is None else _in_front(leaf, dim)
                for leaf, dim in zip(y, dims[count:], strict=True)
            ]
        )
        of_x = tuple([None if dim is None else 0 for dim in of_x])
        of_u = of_x[: count - rule.constants]
        of_y = (0,) * len(y)
        vmapped = partial(torch.func.vmap, randomness=info.randomness)

        def vjp(x: Leaves, y: Leaves, v: Leaves) -> Leaves:
            u = vmapped(rule.vjp, (of_x, of_y, of_y))(x, y, v)
            return tuple([leaf.sum(0) if dim is None else leaf for leaf, dim in zip(u, of_u, strict=True)])

        mapped = dataclasses.replace(rule, jvp=vmapped(rule.jvp, (of_x, of_y, of_u)), vjp=vjp)
        return _Ruled.apply(dataclasses.replace(tie, rule=mapped), *x, *y), of_y


# Where PyTorch does not tell, its node counts as one of a user's, whose products are looked at each time.
ORDINARY.add(getattr(_Ruled, "_backward_cls", _Ruled))


class _Host(torch.autograd.Function):  # type: ignore[misc]
    """What a rule computes of values, one element of a batch after the other."""

    @staticmethod
    def forward(rule: Rule, *x: Array) -> Leaves:
        return rule.call(*x)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Leaves) -> None:
        ctx.mark_non_differentiable(*output)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], rule: Rule, *x: Array) -> tuple[Leaves, Any]:
        if not info.batch_size and rule.shapes is not None:
            each = [leaf if dim is None else leaf.sum(dim) for leaf, dim in zip(x, in_dims[1:], strict=True)]
            stacked = tuple([leaf.new_zeros((0, *leaf.shape)) for leaf in rule.shapes(*each)])
            return stacked, (0,) * len(stacked)
        rows = []
        for i in range(info.batch_size):
            each = [leaf if dim is None else leaf.select(dim, i) for leaf, dim in zip(x, in_dims[1:], strict=True)]
            rows.append(_Host.apply(rule, *each))
        stacked = tuple(map(torch.stack, zip(*rows, strict=True)))
        return stacked, (0,) * len(stacked)


def _require_constant(tie: _Tie, varies: Sequence[bool]) -> None:
    """Refuse a derivative that the rule does not give; `varies` begins with the tie itself."""
    end = 1 + tie.count
    if any(varies[end - tie.rule.constants :]):
        raise tie.rule.closes_over() if any(varies[end:]) else tie.rule.constant_varies()


def _require_whole(rule: Rule, results: Leaves, given: Leaves, vectors: Leaves) -> None:
    """Refuse results whose graph, at any level, has too much or too little.

    They depend on nothing but what was given: else something was closed over. They are linear in the vectors: one that
    is not zero, but has no graph though a vector has, left the graph.
    """
    if _have_graphs(results) and leads_outside(levels.layers(results), levels.layers(given)):
        raise rule.closes_over()
    if not _have_graphs(vectors):
        return
    for leaf in results:
        if not (_have_graphs((leaf,)) or levels.has_no_value(leaf)) and leaf.any():
            msg = (
                f"the rule of {rule.name} is differentiated, but leaves PyTorch's graph, as by NumPy, detach or "
                "torch.no_grad; compute it with PyTorch's functions"
            )
            raise ArgumentError(msg)


def _have_graphs(leaves: Leaves) -> bool:
    return any(leaf.requires_grad for leaf in levels.layers(leaves))


def _in_front(leaf: Array, dim: int | None) -> Array:
    return leaf if dim is None else leaf.movedim(dim, 0)
