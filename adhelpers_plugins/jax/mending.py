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
from jax import lax
from jax.extend import source_info_util
from jax.extend.core import ClosedJaxpr, Jaxpr, jaxpr_as_fun

from adhelpers.extend import LeafFunction, Leaves, UnsupportedOperationError, shared, warn
from adhelpers_plugins.jax.steps.grids import EVENLY, refuse_moving_ends
from adhelpers_plugins.jax.steps.known import (
    STEPS,
    name_in_rules,
    name_of_step,
    rule_of,
    stand_in_for_step,
    stand_in_for_whole,
    stand_in_here,
)
from adhelpers_plugins.jax.steps.sets import with_derivatives
from adhelpers_plugins.jax.wrong import OF_MATRICES, SHOWN, STAND_INS, is_wrong, stand_in_for_custom

try:
    from jax._src import traceback_util
    from jax._src.core import Trace, eval_jaxpr, set_current_trace, trace_ctx
    from jax._src.linear_util import transformation2
except ImportError:
    KNOWN = False
    Trace = object
    warn(
        "JAX %s traces in a way that this version of adhelpers does not know: functions with a wrong rule of JAX are "
        "refused, and f runs twice to find them; install a newer adhelpers",
        jax.__version__,
    )
else:
    KNOWN = True
    # An error is shown where the user's function meets it, and not in here.
    traceback_util.register_exclusion(__file__)
    source_info_util.register_exclusion(__file__)

    @transformation2  # type: ignore[untyped-decorator, unused-ignore]
    def _mended_wrapped(function: LeafFunction, name: str, *leaves: Any) -> Any:
        return mended(function, name)(*leaves)


def mended(f: LeafFunction, name: str = "") -> LeafFunction:
    """`f`, with right rules for its primitives; `name` names a rule of JAX that has a wrong step."""
    if not KNOWN:
        return _refused_if_wrong(f)

    def right(*leaves: Any) -> tuple[Leaves, Leaves]:
        with set_current_trace(_MendingTrace(trace_ctx.trace, name)):
            return f(*leaves)

    return right


def _refused_if_wrong(f: LeafFunction) -> LeafFunction:
    """`f`, unless it needs a stand-in: without a trace of our own, all that is public is to look at what it applies."""

    def checked(*leaves: Any) -> tuple[Leaves, Leaves]:
        with contextlib.suppress(jax.errors.ConcretizationTypeError):  # f needs numbers, which only a derivative has
            if _needs_stand_ins(jax.make_jaxpr(f)(*leaves).jaxpr):
                msg = (
                    f"JAX {jax.__version__} gives wrong derivatives of a function that f calls, and this version of "
                    "adhelpers cannot correct them; install a newer adhelpers, or an older JAX"
                )
                raise UnsupportedOperationError(msg)
        return f(*leaves)

    return checked


class _PassingTrace(Trace):  # type: ignore[misc]  # JAX does not name it in public
    """Passes everything on to the trace behind it, and makes no tracers itself."""

    def __init__(self, behind: Any) -> None:
        super().__init__()
        self.parent_trace = behind
        self.requires_low = getattr(behind, "requires_low", True)

    def process_call(self, *args: Any, **kwargs: Any) -> Any:
        return self.parent_trace.process_call(*args, **kwargs)

    def process_custom_vjp_call(self, *args: Any, **kwargs: Any) -> Any:
        return self.parent_trace.process_custom_vjp_call(*args, **kwargs)

    def stage_value(self, value: Any) -> Any:
        return self.parent_trace.stage_value(value)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.parent_trace, name)


class _MendingTrace(_PassingTrace):
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
            return _applied_to_matrices(stand_in, fun, self.parent_trace, tracers)
        with set_current_trace(self.parent_trace):
            fun.call_wrapped(*tracers)  # by which JAX learns the structure of what comes out
            return [stand_in(*tracers)]


# -- functions of matrices, whose axes are where JAX takes the factors --------------------------------------------


class _WatchingTrace(_PassingTrace):
    """Sees what a function takes the LU factors of, or, for matrices of one element, the sign of."""

    def __init__(self, behind: Any) -> None:
        super().__init__(behind)
        self.seen: dict[str, Any] = {}

    def process_primitive(self, primitive: Any, tracers: Any, params: dict[str, Any], /) -> Any:
        inner = params.get("jaxpr")
        if isinstance(inner, ClosedJaxpr):
            with set_current_trace(self):
                return eval_jaxpr(inner.jaxpr, inner.consts, *tracers, propagate_source_info=False)
        with set_current_trace(self.parent_trace):
            if primitive.name in ("lu", "sign"):
                self.seen[primitive.name] = tracers[0]
                tracers = list(map(lax.stop_gradient, tracers))  # of what is made of them, nothing is used
            return primitive.bind(*tracers, **params)

    def process_custom_jvp_call(self, primitive: Any, fun: Any, jvp: Any, tracers: Any, /, **options: Any) -> Any:
        return self.outputs(fun, tracers)

    def outputs(self, function: Any, operands: Any) -> Any:
        """What a function gives that JAX has wrapped or traced."""
        with set_current_trace(self):
            return function.call_wrapped(*operands)


def _applied_to_matrices(stand_in: Any, fun: Any, behind: Any, tracers: Any) -> Any:
    watching = _WatchingTrace(behind)
    outputs = watching.outputs(fun, tracers)
    with set_current_trace(behind):
        if "lu" in watching.seen:
            return [stand_in(watching.seen["lu"])]
        return [watching.seen["sign"]] if "sign" in watching.seen else outputs


# -- inner functions, as of jit, scan and cond, which JAX has traced already ---------------------------------------

_JAXPRS = (ClosedJaxpr, Jaxpr)

_INNER = shared(1024)
"""By primitive: the names of those parameters that are inner functions."""


def _names_of_inner(primitive: Any, params: dict[str, Any]) -> tuple[str, ...]:
    return _INNER.keep(primitive, tuple([name for name, value in params.items() if _has_jaxprs(value)]))


def _has_jaxprs(value: Any) -> bool:
    return isinstance(value, _JAXPRS) or (isinstance(value, tuple) and any(map(_has_jaxprs, value)))


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
    if not isinstance(inner, _JAXPRS):
        return inner
    right = _retraced(inner) if _needs_stand_ins(inner) else None
    _SEEN.pop(id(inner), None)
    _SEEN.keep(id(inner), (weakref.ref(inner), right))
    return inner if right is None else right


def _nothing() -> None:
    """In place of a reference."""


def _needs_stand_ins(value: Any) -> bool:
    if isinstance(value, tuple):
        return any(map(_needs_stand_ins, value))
    if not isinstance(value, _JAXPRS):
        return False
    return bool(name_in_rules(_open(value))) or any(map(_is_wrong_equation, value.eqns))


def _is_wrong_equation(equation: Any) -> bool:
    if equation.primitive.name == "custom_jvp_call":
        function = equation.params["call_jaxpr"].jaxpr
        return rule_of(function) is not None or stand_in_for_custom(function) is not None
    if stand_in_for_whole(equation.primitive, equation.params) is not None:
        return True
    if stand_in_for_step(name_of_step(equation.primitive, equation.params), equation.source_info.traceback) is not None:
        return True
    if equation.invars and is_wrong(equation.primitive, getattr(equation.invars[-1].aval, "dtype", None)):
        return KNOWN or equation.primitive not in SHOWN  # powers are too common to be refused
    return equation.primitive.name != "custom_vjp_call" and any(map(_needs_stand_ins, equation.params.values()))


def _retraced(jaxpr: Any) -> Any:
    closed = jaxpr if isinstance(jaxpr, ClosedJaxpr) else ClosedJaxpr(jaxpr, ())
    traced = jax.make_jaxpr(mended(jaxpr_as_fun(closed), name_in_rules(_open(jaxpr))))(*closed.in_avals)
    return traced if closed is jaxpr else traced.jaxpr


def _open(jaxpr: Any) -> Any:
    return jaxpr.jaxpr if isinstance(jaxpr, ClosedJaxpr) else jaxpr
