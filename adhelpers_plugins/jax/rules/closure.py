"""What the functions of a rule close over: arrays that are operands when JAX traces them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

from adhelpers.extend import Array, Leaves, Rule

Flat = Callable[..., Leaves]
Product = Callable[[Leaves, Leaves], Leaves]
"""``(point, vector)``."""


def without_closure(rule: Rule, function: Flat, operands: Leaves) -> tuple[Flat, Leaves, tuple[Any, ...]]:
    """The function with what it closes over for first operands, these, and what it gives."""
    try:
        traced = jax.make_jaxpr(lambda *operands: tuple(function(*operands)))(*operands)
    except jax.errors.UnexpectedTracerError as error:  # of a transformation that is over
        raise rule.closes_over() from error
    if any(hasattr(array, "tangent") for array in traced.consts):  # JAX itself would tell when all is traced, or later
        raise rule.closes_over()
    jaxpr, count = traced.jaxpr, len(traced.consts)  # and not the constants: they are operands

    def run(*operands: Array) -> Leaves:
        return tuple(jax.core.eval_jaxpr(jaxpr, operands[:count], *operands[count:]))

    return run, tuple(traced.consts), tuple(traced.out_avals)


def product(
    by: Callable[..., Leaves], inputs: int, closed_over: tuple[Any, ...], point: Leaves, vector: Leaves
) -> Leaves:
    """A product of the rule at ``(*closed_over, *x, *y)``.

    JAX may ask for it when the trace is over in which the function was called. Then what it closed over stands for
    nothing, and the operands have taken its place.
    """
    given = point[len(closed_over) : inputs], point[inputs:], vector
    if not any(closed_over):
        return tuple(by(*given))
    traced = jax.make_jaxpr(lambda *given: tuple(by(*given)))(*given)
    pairs = [(then(), now) for then, now in zip(closed_over, point, strict=False) if then]
    consts = [next((now for then, now in pairs if then is const), const) for const in traced.consts]
    return tuple(jax.core.eval_jaxpr(traced.jaxpr, consts, *jax.tree.leaves(given)))
