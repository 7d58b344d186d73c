"""Which steps are wrong, how they are recognised, and what stands in for each."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any

from jax.extend import source_info_util

from adhelpers_plugins.jax.functions import bessel
from adhelpers_plugins.jax.names import name_and_file
from adhelpers_plugins.jax.steps import places, stand_ins
from adhelpers_plugins.jax.steps.grids import EVENLY
from adhelpers_plugins.jax.steps.sets import UNIQUE
from adhelpers_plugins.jax.steps.stand_ins import StandIn

_BESSEL = (places.NUMPY, places.SPECIAL)

_STAND_INS: Mapping[str, Mapping[str, tuple[str | tuple[str, ...], StandIn]]] = {
    "bessel_i0e": {"i0": (_BESSEL, stand_ins.i0e)},
    "bessel_i1e": {"i0": (_BESSEL, stand_ins.i1e), "i1": (_BESSEL, stand_ins.i1e)},
    "sign": {"i0": (places.NUMPY, stand_ins.direction)},
    "min": {"betaln": (places.BETALN, stand_ins.lower), "hypot": (places.UFUNCS, stand_ins.shorter)},
    "max": {"betaln": (places.BETALN, stand_ins.upper), "hypot": (places.UFUNCS, stand_ins.longer)},
    "le": {
        "algdiv": (places.BETALN, operator.le),
        "betaln": (places.BETALN, stand_ins.in_order),  # which calls the former
    },
    "eq": {
        "_spence": (places.SPECIAL, stand_ins.equals_other_than_one),
        "frexp": (places.UFUNCS, operator.eq),
        "i0": (places.NUMPY, stand_ins.never),
        "ldexp": (places.UFUNCS, stand_ins.never),  # which calls frexp
        "sincospisquaredhalf": (places.FRESNEL, stand_ins.never),
    },
    "log": {"_spence_calc": (places.SPECIAL, stand_ins.log_of_positive), "_xlogy_jvp": (places.SPECIAL, stand_ins.log)},
    "log1p": {"_xlog1py_jvp": (places.SPECIAL, stand_ins.log1p)},
    "scan": {"_bessel_jn": (places.SPECIAL, stand_ins.recurrence)},
}
"""By the name of a primitive, and that of the function that applies it: where that stands, and the stand-in."""

_COMPILED = {"minimum": "min", "maximum": "max", "less_equal": "le", "equal": "eq"}
"""Functions that JAX compiles, and the primitive that each is."""

STEPS = frozenset({*_STAND_INS, *_COMPILED, UNIQUE, *EVENLY})
"""All that is looked at."""


def name_of_step(primitive: Any, params: Mapping[str, Any]) -> str:
    """The name of the compiled function, or of the primitive."""
    return str(params["name"]) if primitive.name in _COMPILING else str(primitive.name)


_COMPILING = ("jit", "pjit")


def stand_in_for_step(step: str, traceback: Any) -> StandIn | None:
    """The replacement of a primitive that was applied at the place of JAX's traceback, or None."""
    callers = _STAND_INS.get(_COMPILED.get(step, step))
    if callers is None or traceback is None:
        return None
    for code in traceback.raw_frames()[0][:_DEEP]:
        if code.co_name == _TRACING:
            break
        place, stand_in = callers.get(code.co_name, ("", None))
        if stand_in is not None and code.co_filename.endswith(place):
            return stand_in
    return None


_DEEP = 40
"""So many callers are looked at, from the innermost on."""

_TRACING = "trace_to_jaxpr_dynamic"
"""Whoever called this, in older versions of JAX, did so when the compiled function was first needed."""


def stand_in_here(step: str, rule: str) -> StandIn | None:
    """The replacement of a primitive that is applied now, or None; `rule` names the rule that applies it."""
    if rule in _STAND_INS.get(_COMPILED.get(step, step), ()):
        return _STAND_INS[_COMPILED.get(step, step)][rule][1]
    return stand_in_for_step(step, source_info_util.current().traceback)


_RULES: Mapping[str, str] = {"xlogy": "_xlogy_jvp", "xlog1py": "_xlog1py_jvp"}
"""By a function, its rule, if there is such a step in it: a direction of zero, times the logarithm of minus something.

Where JAX has traced such a rule, nothing else tells whose step it is.
"""


def rule_of(function: Any) -> str | None:
    """The rule with a wrong step, of a function that JAX has wrapped or traced."""
    name, file = name_and_file(function)
    return _RULES.get(name) if file.endswith(places.SPECIAL) else None


def stand_in_for_whole(primitive: Any, params: Mapping[str, Any]) -> StandIn | None:
    """The replacement of a function that JAX has compiled, unless it is a derivative, which has the same name."""
    if primitive.name not in _COMPILING or params["name"] != "sinc":
        return None
    jaxpr = params["jaxpr"].jaxpr
    applied = {equation.primitive.name for equation in jaxpr.eqns}
    is_derivative = "cos" in applied or not applied.issuperset({"sin", "div", "custom_jvp_call"})
    if is_derivative or [x.aval.shape for x in jaxpr.invars] != [y.aval.shape for y in jaxpr.outvars]:
        return None
    return bessel.sinc if name_and_file(jaxpr)[1].endswith(places.UFUNCS) else None


_IN_RULES: Mapping[str, str] = {"sincospisquaredhalf": places.FRESNEL}
"""By name, where a compiled function stands that rules call: its steps seem to have been applied by the user's code."""


def name_in_rules(jaxpr: Any) -> str:
    """The name of such a function, as JAX has traced it, or an empty string."""
    name, file = name_and_file(jaxpr)
    return name if name in _IN_RULES and file.endswith(_IN_RULES[name]) else ""
