"""The user's function with right rules in place of JAX's wrong ones, only while it runs.

JAX hands each application of a primitive to the current trace. While the function runs, our trace stands in front of
that one. It passes everything on, except the primitives in `adhelpers_plugins.jax.wrong`, and those in
`adhelpers_plugins.jax.steps` if they make a function of JAX wrong: instead of these it calls a function with right
rules. JAX itself is not changed.
"""

from __future__ import annotations

import contextlib
import operator
import weakref
from typing import Any

import jax
from jax.extend.core import ClosedJaxpr, jaxpr_as_fun

from adhelpers.extend import LeafFunction, Leaves, UnsupportedOperationError, shared
from adhelpers_plugins.jax.mending import traces
from adhelpers_plugins.jax.mending.inner import JAXPRS, needs_stand_ins, open_jaxpr
from adhelpers_plugins.jax.mending.matrices import applied_to_matrices
from adhelpers_plugins.jax.mending.traces import (
    PassingTrace,
    eval_jaxpr,
    set_current_trace,
    trace_ctx,
    transformation2,
)
from adhelpers_plugins.jax.steps.grids import EVENLY, refuse_moving_ends
from adhelpers_plugins.jax.steps.known import (
    STEPS,
    name_in_rules,
    name_of_step,
    rule_of,
    stand_in_for_whole,
    stand_in_here,
)
from adhelpers_plugins.jax.steps.sets import with_derivatives
from adhelpers_plugins.jax.wrong import OF_MATRICES, STAND_INS, is_wrong, stand_in_for_custom


def mended(f: LeafFunction, name: str = "") -> LeafFunction:
    """`f`, with right rules for its primitives; `name` names a rule of JAX that has a wrong step."""
    if not traces.KNOWN:
        return _refused_if_wrong(f)

    def right(*leaves: Any) -> tuple[Leaves, Leaves]:
        with set_current_trace(_MendingTrace(trace_ctx.trace, name)):
            return f(*leaves)

    return right


def _refused_if_wrong(f: LeafFunction) -> LeafFunction:
    """`f`, unless it needs a stand-in: without a trace of our own, all that is public is to look at what it applies."""

    def checked(*leaves: Any) -> tuple[Leaves, Leaves]:
        with contextlib.suppress(jax.errors.ConcretizationTypeError):  # f needs numbers, which only a derivative has
            if needs_stand_ins(jax.make_jaxpr(f)(*leaves).jaxpr):
                msg = (
                    f"JAX {jax.__version__} gives wrong derivatives of a function that f calls, and this version of "
                    "adhelpers cannot correct them; install a newer adhelpers, or an older JAX"
                )
                raise UnsupportedOperationError(msg)
        return f(*leaves)

    return checked


class _MendingTrace(PassingTrace):
    """Calls what is right in place of what is wrong."""

    def __init__(self, behind: Any, name: str) -> None:
        super().__init__(behind)
        self._name = name

    def process_primitive(self, primitive: Any, tracers: Any, params: dict[str, Any], /) -> Any:
        stand_in = STAND_INS.get(primitive)
        if stand_in is not None:
            is_traced = any(isinstance(tracer, jax.core.Tracer) for tracer in tracers)
            if is_traced and is_wrong(primitive, getattr(tracers[-1], "dtype", None)):
                here = stand_in_here(primitive.name, self._name)
                with set_current_trace(self.parent_trace):
                    return (stand_in if here is None else here)(*tracers)
        whole = stand_in_for_whole(primitive, params)
        if whole is not None:
            with set_current_trace(self.parent_trace):
                return [whole(*tracers)]
        step = name_of_step(primitive, params)
        if step in STEPS:
            stand_in = stand_in_here(step, self._name)
            is_loop = primitive.name == "scan"
            if stand_in is not None and primitive.multiple_results and not is_loop:  # its one primitive comes back here
                with set_current_trace(self):
                    inner = params["jaxpr"]
                    return eval_jaxpr(inner.jaxpr, inner.consts, *tracers, propagate_source_info=False)
            with set_current_trace(self.parent_trace):
                if stand_in is not None:
                    return stand_in(*tracers, **params) if is_loop else stand_in(*tracers)
                if step in EVENLY:
                    refuse_moving_ends(tracers)
                else:
                    tracers = with_derivatives(step, tracers)
        names = _INNER.get(primitive)
        for name in _names_of_inner(primitive, params) if names is None else names:
            function = params[name]
            right = _rewritten(function)
            if right is not function:
                params = {**params, name: right}
        donated = params.get("donated_invars")
        if donated and True in donated:  # the arrays are the caller's, and other steps of a derivative need them too
            params = {**params, "donated_invars": (False,) * len(donated)}
        return self.parent_trace.process_primitive(primitive, tracers, params)

    def process_shard_map(self, primitive: Any, fun: Any, args: Any, /, *rest: Any, **options: Any) -> Any:
        is_wrapped = hasattr(fun, "wrap")  # as older versions of JAX have it
        right = _mended_wrapped(fun, "") if is_wrapped else mended(fun)
        return self.parent_trace.process_shard_map(primitive, right, args, *rest, **options)

    # A function with its own rule is differentiated by that; an enclosing derivative sees what the rule applies.

    def process_custom_jvp_call(self, primitive: Any, fun: Any, jvp: Any, tracers: Any, /, **options: Any) -> Any:
        stand_in = stand_in_for_custom(fun)
        rule = rule_of(fun)
        if rule is not None:
            jvp = _mended_wrapped(jvp, rule)
        if stand_in is None:
            return self.parent_trace.process_custom_jvp_call(primitive, fun, jvp, tracers, **options)
        if stand_in in OF_MATRICES:
            return applied_to_matrices(stand_in, fun, self.parent_trace, tracers)
        with set_current_trace(self.parent_trace):
            fun.call_wrapped(*tracers)  # by which JAX learns the structure of what comes out
            return [stand_in(*tracers)]


if traces.KNOWN:

    @transformation2  # type: ignore[untyped-decorator, unused-ignore]
    def _mended_wrapped(function: LeafFunction, name: str, *leaves: Any) -> Any:
        return mended(function, name)(*leaves)


# -- inner functions, as of jit, scan and cond, which JAX has traced already ---------------------------------------

_INNER = shared(1024)
"""By primitive: the names of those parameters that are inner functions."""


def _names_of_inner(primitive: Any, params: dict[str, Any]) -> tuple[str, ...]:
    return _INNER.keep(primitive, tuple([name for name, value in params.items() if _has_jaxprs(value)]))


def _has_jaxprs(value: Any) -> bool:
    return isinstance(value, JAXPRS) or (isinstance(value, tuple) and any(map(_has_jaxprs, value)))


_SEEN = shared(1024)
"""By identity: an inner function, as long as it lives, and its replacement, which may be itself."""


def _rewritten(inner: Any) -> Any:
    """An inner function with stand-ins; the very same where it needs none."""
    reference, right = _SEEN.get(id(inner)) or (_nothing, None)
    if reference() is inner:
        return inner if right is None else right
    if isinstance(inner, tuple):  # several, as of branches
        parts = [_rewritten(part) for part in inner]
        if all(map(operator.is_, parts, inner)):
            return inner
        return type(inner)(*parts) if hasattr(inner, "_fields") else tuple(parts)
    if not isinstance(inner, JAXPRS):
        return inner
    right = _retraced(inner) if needs_stand_ins(inner) else None
    _SEEN.pop(id(inner), None)
    _SEEN.keep(id(inner), (weakref.ref(inner), right))
    return inner if right is None else right


def _nothing() -> None:
    """In place of a reference."""


def _retraced(jaxpr: Any) -> Any:
    closed = jaxpr if isinstance(jaxpr, ClosedJaxpr) else ClosedJaxpr(jaxpr, ())
    traced = jax.make_jaxpr(mended(jaxpr_as_fun(closed), name_in_rules(open_jaxpr(jaxpr))))(*closed.in_avals)
    return traced if closed is jaxpr else traced.jaxpr
