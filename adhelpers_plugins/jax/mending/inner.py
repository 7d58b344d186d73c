"""Whether inner functions, as of jit, scan and cond, which JAX has traced already, need stand-ins."""

from __future__ import annotations

from typing import Any

from jax.extend.core import ClosedJaxpr, Jaxpr

from adhelpers_plugins.jax.mending import traces
from adhelpers_plugins.jax.steps.known import (
    name_in_rules,
    name_of_step,
    rule_of,
    stand_in_for_step,
    stand_in_for_whole,
)
from adhelpers_plugins.jax.wrong import SHOWN, is_wrong, stand_in_for_custom

JAXPRS = (ClosedJaxpr, Jaxpr)


def needs_stand_ins(value: Any) -> bool:
    """Whether it is an inner function, or several, and applies something that is wrong."""
    if isinstance(value, tuple):
        return any(map(needs_stand_ins, value))
    if not isinstance(value, JAXPRS):
        return False
    return bool(name_in_rules(open_jaxpr(value))) or any(map(_is_wrong_equation, value.eqns))


def _is_wrong_equation(equation: Any) -> bool:
    if equation.primitive.name == "custom_jvp_call":
        function = equation.params["call_jaxpr"].jaxpr
        return rule_of(function) is not None or stand_in_for_custom(function) is not None
    if stand_in_for_whole(equation.primitive, equation.params) is not None:
        return True
    if stand_in_for_step(name_of_step(equation.primitive, equation.params), equation.source_info.traceback) is not None:
        return True
    if equation.invars and is_wrong(equation.primitive, getattr(equation.invars[-1].aval, "dtype", None)):
        return traces.KNOWN or equation.primitive not in SHOWN  # powers are too common to be refused
    return equation.primitive.name != "custom_vjp_call" and any(map(needs_stand_ins, equation.params.values()))


def open_jaxpr(jaxpr: Any) -> Any:
    """An inner function without its constants."""
    return jaxpr.jaxpr if isinstance(jaxpr, ClosedJaxpr) else jaxpr
