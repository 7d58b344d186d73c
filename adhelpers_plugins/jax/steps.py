"""Functions of JAX that are wrong by the combination of their steps, or by a step of their rule.

Each is recognised by a primitive that it applies and by its name among the callers, and that primitive is replaced. So
the axes are where JAX has them under any vmap.
"""

from __future__ import annotations

import functools
import operator
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend import source_info_util

from adhelpers.extend import UnsupportedOperationError
from adhelpers_plugins.jax import bessel
from adhelpers_plugins.jax.abstract import is_abstract
from adhelpers_plugins.jax.elementwise import Array, elementwise
from adhelpers_plugins.jax.names import concrete_or_error, name_and_file

StandIn = Callable[..., Any]

# -- betaln: JAX sorts its arguments, and up to 0.11 each is half of either to it where they are equal ----------------


def _lower(a: Array, b: Array) -> Array:
    lower = jnp.where(a <= b, a, b)
    _refuse_unless_positive(lower)
    return lower


def _upper(a: Array, b: Array) -> Array:
    return jnp.where(a <= b, b, a)


def _in_order(a: Array, b: Array) -> Array:
    is_in_order = a <= b
    _refuse_unless_positive(jnp.where(is_in_order, a, b))
    return is_in_order


def _refuse_unless_positive(lower: Array) -> None:
    if (
        isinstance(lower, jax.core.Tracer)
        and not is_abstract(lower)
        and bool(jnp.any(concrete_or_error(None, lower) <= 0))
    ):
        msg = (
            "jax.scipy.special.beta and betaln were given an argument that is not positive, where JAX's derivative "
            "is nan; use gammaln(a) + gammaln(b) - gammaln(a + b), which is betaln(a, b)"
        )
        raise UnsupportedOperationError(msg)


# -- logarithms of negative numbers: they are nan, and that times zero is too, where zero was meant -------------------


def _real_only(function: StandIn, primitive: Callable[..., Array]) -> StandIn:
    """Complex numbers have logarithms everywhere."""
    return lambda x: primitive(x) if jnp.iscomplexobj(x) else function(x)


_log = _real_only(
    elementwise("log_unless_negative", lambda x: jnp.where(x < 0, 0, lax.log(x)), lambda x: jnp.where(x < 0, 0, 1 / x)),
    lax.log,
)
_log1p = _real_only(
    elementwise(
        "log1p_unless_negative",
        lambda x: jnp.where(x < -1, 0, lax.log1p(x)),
        lambda x: jnp.where(x < -1, 0, 1 / (1 + x)),
    ),
    lax.log1p,
)
_log_of_positive = elementwise(
    "log_if_positive",
    lambda x: jnp.where(x > 0, lax.log(x), 0),
    lambda x: jnp.where(x > 0, 1 / jnp.where(x > 0, x, 1), 0),  # pulled back, an infinity times zero is nan
)

# -- spence, fresnel, ldexp: JAX takes a value for a constant, where the formula that it has elsewhere is right too -


def _never(x: Array, at: Array) -> Array:
    return jnp.zeros_like(x, bool)


def _equals_other_than_one(x: Array, c: Array) -> Array:
    return (x == c) & (c != 1)


# -- hypot: JAX sorts its arguments, and each is half of either where they are equal, which is its choice at zero ------


def _shorter(a: Array, b: Array) -> Array:
    return _by_order(a, b, a, b, lax.min)


def _longer(a: Array, b: Array) -> Array:
    return _by_order(a, b, b, a, lax.max)


def _by_order(a: Array, b: Array, if_less: Array, if_not: Array, otherwise: StandIn) -> Array:
    """Of magnitudes; zeros, and what is not a number, are left to JAX."""
    return jnp.where(a < b, if_less, jnp.where((b <= a) & (a > 0), if_not, otherwise(a, b)))


# -- i0 and i1: JAX multiplies i0e by exp(abs(x)), whose slope at zero is one to it: the two kinks must cancel --------

_i0e = functools.partial(bessel.i0e, kink=1.0)
_i1e = functools.partial(bessel.i1e, kink=1.0)

# Where JAX takes the derivative, it has another one in place of that at zero: a constant, whose own derivative is lost.
# So the number never counts as zero, and there is a direction at zero too.


def _direction(x: Array) -> Array:
    return jnp.where(x == 0, jnp.ones_like(x), lax.sign(x))


# -- bessel_jn: the derivatives of JAX's recurrence overflow, and vanish in its quotient ------------------------------


def _recurrence(*operands: Array, num_consts: int, num_carry: int, jaxpr: Any, **_: Any) -> list[Array]:
    """What JAX's gives: two numbers, a sum, perhaps the argument, and the function of every order.

    JAX divides by the difference of the sum and the function of order 0, which is 1 here.
    """
    if (len(operands), num_consts + num_carry, len(jaxpr.out_avals)) != (5, 4, num_carry + 1):
        msg = (
            "f takes a derivative of jax.scipy.special.bessel_jn by JAX itself, where it is wrong; take that by "
            "adhelpers too, or write it in terms of other orders: 2 J_n' = J_(n - 1) - J_(n + 1)"
        )
        raise UnsupportedOperationError(msg)
    x = operands[0] if num_consts else operands[3]
    found = bessel.orders(x, last=operands[4].shape[0] - 1)
    return [x, x, 1 + found[0], x, found] if num_carry == 4 else [x, x, 1 + found[0], found]


# -- which are known -----------------------------------------------------------------------------------------------

_BETALN = os.path.join("jax", "_src", "third_party", "scipy", "betaln.py")
_NUMPY = os.path.join("jax", "_src", "numpy", "lax_numpy.py")
_UFUNCS = os.path.join("jax", "_src", "numpy", "ufuncs.py")
_SPECIAL = os.path.join("jax", "_src", "scipy", "special.py")
_FRESNEL = os.path.join("jax", "_src", "third_party", "scipy", "special.py")
_BESSEL = (_NUMPY, _SPECIAL)

_STAND_INS: Mapping[str, Mapping[str, tuple[str | tuple[str, ...], StandIn]]] = {
    "bessel_i0e": {"i0": (_BESSEL, _i0e)},
    "bessel_i1e": {"i0": (_BESSEL, _i1e), "i1": (_BESSEL, _i1e)},
    "sign": {"i0": (_NUMPY, _direction)},
    "min": {"betaln": (_BETALN, _lower), "hypot": (_UFUNCS, _shorter)},
    "max": {"betaln": (_BETALN, _upper), "hypot": (_UFUNCS, _longer)},
    "le": {"algdiv": (_BETALN, operator.le), "betaln": (_BETALN, _in_order)},  # which calls the former
    "eq": {
        "_spence": (_SPECIAL, _equals_other_than_one),
        "frexp": (_UFUNCS, operator.eq),
        "i0": (_NUMPY, _never),
        "ldexp": (_UFUNCS, _never),  # which calls frexp
        "sincospisquaredhalf": (_FRESNEL, _never),
    },
    "log": {"_spence_calc": (_SPECIAL, _log_of_positive), "_xlogy_jvp": (_SPECIAL, _log)},
    "log1p": {"_xlog1py_jvp": (_SPECIAL, _log1p)},
    "scan": {"_bessel_jn": (_SPECIAL, _recurrence)},
}
"""By the name of a primitive, and that of the function that applies it: where that stands, and the stand-in."""

_COMPILED = {"minimum": "min", "maximum": "max", "less_equal": "le", "equal": "eq"}
"""Functions that JAX compiles, and the primitive that each is."""

_UNIQUE = "_unique_sorted_mask"
"""What ``jax.numpy.unique`` calls with numbers alone."""

_EVENLY = frozenset({"iota", "convert_element_type", "linspace", "_linspace"})
"""What ``jax.numpy.arange`` and grids call with numbers alone."""

STEPS = frozenset({*_STAND_INS, *_COMPILED, _UNIQUE, *_EVENLY})
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
    return _RULES.get(name) if file.endswith(_SPECIAL) else None


def stand_in_for_whole(primitive: Any, params: Mapping[str, Any]) -> StandIn | None:
    """The replacement of a function that JAX has compiled, unless it is a derivative, which has the same name."""
    if primitive.name not in _COMPILING or params["name"] != "sinc":
        return None
    jaxpr = params["jaxpr"].jaxpr
    applied = {equation.primitive.name for equation in jaxpr.eqns}
    is_derivative = "cos" in applied or not applied.issuperset({"sin", "div", "custom_jvp_call"})
    if is_derivative or [x.aval.shape for x in jaxpr.invars] != [y.aval.shape for y in jaxpr.outvars]:
        return None
    return bessel.sinc if name_and_file(jaxpr)[1].endswith(_UFUNCS) else None


_IN_RULES: Mapping[str, str] = {"sincospisquaredhalf": _FRESNEL}
"""By name, where a compiled function stands that rules call: its steps seem to have been applied by the user's code."""


def name_in_rules(jaxpr: Any) -> str:
    """The name of such a function, as JAX has traced it, or an empty string."""
    name, file = name_and_file(jaxpr)
    return name if name in _IN_RULES and file.endswith(_IN_RULES[name]) else ""


# -- unique: how many values there are depends on the numbers, and JAX takes all of them for constants --------------

_SETS = os.path.join("jax", "_src", "numpy", "setops.py")
_DERIVATIVES = os.path.join("jax", "_src", "interpreters", "ad.py")


def with_derivatives(step: str, operands: Any) -> Any:
    """The array that ``jax.numpy.unique`` was called with, in the shape of its constant copy."""
    if step in _EVENLY:
        _refuse_moving_ends(operands)
    if step != _UNIQUE or len(operands) != 1 or isinstance(operands[0], jax.core.Tracer):
        return operands
    numbers, callers = operands[0], _callers()
    known = callers["unique"].f_locals if "unique" in callers else {}
    if isinstance(known.get("ar"), jax.core.Tracer):
        return [jnp.reshape(known["ar"], numbers.shape)]
    if not jnp.issubdtype(numbers.dtype, jnp.inexact) or known.get("size") is not None:
        return operands
    if "union1d" in callers:
        msg = (
            "jax.numpy.union1d treats its arguments as constants; "
            "use jax.numpy.unique(jax.numpy.concatenate([a.ravel(), b.ravel()])), or give a size"
        )
        raise UnsupportedOperationError(msg)
    if jax.__version_info__ < FIRST_TO_KEEP_ARGUMENTS:
        msg = (
            f"JAX {jax.__version__} treats the arguments of jax.numpy.unique and similar functions as constants; "
            "install JAX 0.5.2 or newer, give a size, or, if the argument is a constant, use numpy.unique"
        )
        raise UnsupportedOperationError(msg)
    return operands


FIRST_TO_KEEP_ARGUMENTS = (0, 5, 2)
"""The first version whose functions of sets still know what they were called with when they have taken its numbers."""


def _callers() -> dict[str, Any]:
    """The functions of sets that call this; none where a derivative does that JAX takes of them already."""
    found: dict[str, Any] = {}
    frame: Any = sys._getframe(1)
    while frame is not None and not frame.f_code.co_filename.endswith(_DERIVATIVES):
        if frame.f_code.co_filename.endswith(_SETS):
            found.setdefault(frame.f_code.co_name, frame)
        frame = frame.f_back
    return found


# -- arange and grids: how many numbers there are depends on their ends, and JAX takes those for constants ------------

_GRIDS = (_NUMPY, os.path.join("jax", "_src", "numpy", "index_tricks.py"))


def _refuse_moving_ends(operands: Any) -> None:
    if any(isinstance(operand, jax.core.Tracer) for operand in operands):
        return
    frame: Any = sys._getframe(1)
    for _ in range(_NEAR):
        if frame is None:
            return
        name = frame.f_code.co_name
        if (
            name in _ENDS
            and frame.f_code.co_filename.endswith(_GRIDS)
            and any(map(_moves, _ENDS[name](frame.f_locals)))
        ):
            msg = (
                "jax.numpy.arange, mgrid, ogrid and r_ treat the first number and the distance as constants; use "
                "arange of adhelpers.array_namespace(x), or start + step * jax.numpy.arange(n)"
            )
            raise UnsupportedOperationError(msg)
        frame = frame.f_back


def _of_arange(known: Mapping[str, Any]) -> tuple[Any, ...]:
    """Of its end alone, only the count depends."""
    return (known.get("step"), None if known.get("stop") is None else known.get("start"))


def _of_slice(known: Mapping[str, Any]) -> tuple[Any, ...]:
    numbers = known["s"]
    is_count = isinstance(numbers.step, complex)
    return (numbers.start, numbers.stop if is_count else None, numbers.step)


_ENDS: Mapping[str, Callable[[Mapping[str, Any]], tuple[Any, ...]]] = {
    "arange": _of_arange,
    "_make_1d_grid_from_slice": _of_slice,
}

_NEAR = 16
"""So many callers are looked at."""


def _moves(end: Any) -> bool:
    return isinstance(end, jax.core.Tracer) and bool(jnp.issubdtype(end.dtype, jnp.inexact))
