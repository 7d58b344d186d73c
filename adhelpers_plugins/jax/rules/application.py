"""One application of a rule: at once where there are values, or else traced or called when the code runs."""

from __future__ import annotations

import weakref
from functools import partial
from typing import Any

import jax
import numpy as np

from adhelpers.extend import ArgumentError, Array, Leaves, Rule
from adhelpers_plugins.jax.abstract import is_traced
from adhelpers_plugins.jax.rules.calls import Call, tried
from adhelpers_plugins.jax.rules.closure import Flat, product, without_closure


def apply_rule(rule: Rule, x: Leaves) -> Leaves:
    """``rule.call(*x)``, with the derivative of the rule."""
    run: Flat = partial(_by_tracing if rule.host is None else _by_host, rule)

    def call(run: Flat, closed_over: Leaves, avals: tuple[Any, ...] | None) -> Call:
        start, inputs = len(closed_over), len(closed_over) + len(x)
        then = tuple([weakref.ref(array) if is_traced(array) else None for array in closed_over])
        push, pull = (partial(product, by, inputs, then) for by in (rule.jvp, rule.vjp))
        return Call(rule, run, push, pull, start, inputs - rule.constants, avals)

    outputs = tried(call(run, (), None), x)
    if outputs is None:
        run, closed_over, avals = without_closure(rule, run, x)
        outputs = call(run, closed_over, avals).bind((*closed_over, *x))
    return outputs


def _by_tracing(rule: Rule, *x: Array) -> Leaves:
    try:
        return rule.call(*x)
    except jax.errors.TracerArrayConversionError as error:
        raise rule.needs_values() from error


def _by_host(rule: Rule, *x: Array) -> Leaves:
    """The call of a rule that needs values: at once if there are any, or else when the code runs."""
    if not any(map(is_traced, x)):
        return rule.call(*x)
    assert rule.host is not None
    assert rule.shapes is not None
    host, like = rule.host, jax.eval_shape(rule.shapes, *x)

    def on_values(*arrays: Any) -> Leaves:
        y = host(*map(np.array, arrays))  # copies, which it may write to
        for mine, its in zip(y, like, strict=True):
            if (mine.shape, mine.dtype) != (its.shape, its.dtype):
                msg = (
                    f"{rule.name} returned an array of shape {mine.shape} and dtype {mine.dtype}, but its shapes(x) "
                    f"say {its.shape} and {its.dtype}; they must agree"
                )
                raise ArgumentError(msg)
        return y

    outputs: Leaves = jax.pure_callback(on_values, like, *x, vmap_method="sequential")
    return outputs
