"""Functions with their own derivative rule, as one primitive of autograd.

autograd keeps each primitive for ever, so one primitive serves all rules, and its first argument is the rule.
autograd's cotangents are those of a `Rule`: they pair with tangents without conjugates.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from autograd.extend import defjvp_argnums, defvjp_argnums, primitive
from autograd.tracer import getval, isbox, trace_stack

from adhelpers.extend import Array, Leaves, Rule
from adhelpers_plugins.autograd.derivatives import box_of_array, copy, in_dtype_of
from adhelpers_plugins.autograd.tracing import TRACING


def apply_rule(rule: Rule, x: Leaves) -> Leaves:
    """`ADBackend.apply_rule`."""
    return _leaves(_apply(rule, *map(box_of_array, x)))


@primitive  # type: ignore[untyped-decorator]
def _apply(rule: Rule, *x: Array) -> Any:
    """The result of the rule's function: an array or, if these are not one, a tuple of arrays."""
    y = rule.call(*map(copy, x))
    if any(map(isbox, y)):  # though nothing in x is one
        raise rule.closes_over()
    y = tuple(map(copy, y))  # for the function may keep what it gave, and write to it when it is called again
    return y[0] if len(y) == 1 else y


def _push(argnums: Sequence[int], tangents: Sequence[Any], y: Any, args: Sequence[Any], kwargs: Any) -> Any:
    rule, x = _varying(argnums, args)
    given = dict(zip(argnums, tangents, strict=True))
    u = [_alike(given.get(i), leaf) for i, leaf in enumerate(x[: len(x) - rule.constants], 1)]
    v = _of_users(rule, rule.jvp, x, _leaves(y), u)
    return v[0] if len(v) == 1 else v


def _pull(argnums: Sequence[int], y: Any, args: Sequence[Any], kwargs: Any) -> Callable[[Any], Sequence[Any]]:
    rule, x = _varying(argnums, args)
    outputs = _leaves(y)

    def pull(cotangent: Any) -> Sequence[Any]:
        given = (cotangent,) if len(outputs) == 1 else _leaves(cotangent)
        u = _of_users(rule, rule.vjp, x, outputs, list(map(_alike, given, outputs)))
        return [u[i - 1] for i in argnums]

    return pull


defjvp_argnums(_apply, _push)
defvjp_argnums(_apply, _pull)


def _varying(argnums: Sequence[int], args: Sequence[Any]) -> tuple[Rule, Leaves]:
    """The rule and its arguments, none of whose constants may be among `argnums`."""
    rule, *x = args
    if argnums[-1] > len(x) - rule.constants:
        raise rule.constant_varies()
    return rule, tuple(x)


def _of_users(rule: Rule, product: Callable[..., Leaves], x: Leaves, y: Leaves, vector: Sequence[Any]) -> Leaves:
    """What a function of the rule gives, to which nothing is given that it could change.

    It may depend on those traces alone that its arguments belong to. What it traces itself is numbered beyond all
    others: one that has ended leaves boxes in the closures of `f`, and the next, of its number, would take them for its
    own.
    """
    given = tuple(map(copy, x)), tuple(map(copy, y)), tuple(map(copy, vector))
    with TRACING:
        top = trace_stack.top
        trace_stack.top = top + _MORE_THAN_ARE_OPEN
        try:
            results = product(*given)
        finally:
            trace_stack.top = top
    if any(map(isbox, results)) and not _traces(results) <= _traces((*x, *y, *vector)):
        raise rule.closes_over()
    return results


_MORE_THAN_ARE_OPEN = 1_000_000


def follows_rule() -> bool:
    """Whether a product of a rule is running: its vector may be a box although the point is not."""
    return bool(trace_stack.top >= _MORE_THAN_ARE_OPEN)


def _traces(leaves: Sequence[Any]) -> set[int]:
    """The traces that the leaves belong to."""
    traces = set()
    for leaf in leaves:
        while isbox(leaf):
            traces.add(leaf._trace)
            leaf = leaf._value
    return traces


def _leaves(y: Any) -> Leaves:
    """The arrays in what `_apply` returned, or in what is like it."""
    if type(y) is np.ndarray or not isinstance(getval(y), (tuple, list)):
        return (y,)
    return tuple([y[i] for i in range(len(y))])


def _alike(vector: Any, leaf: Array) -> Any:
    """A vector in the dtype of its partner, which autograd does not always keep; zeros if there is none."""
    if vector is None:
        return np.zeros(leaf.shape, dtype=leaf.dtype)
    return in_dtype_of(leaf, vector if hasattr(vector, "dtype") else np.asarray(vector))
