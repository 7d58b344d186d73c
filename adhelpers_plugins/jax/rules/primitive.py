"""The primitive that every rule is, and what JAX asks of a primitive."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from adhelpers.extend import Array, Leaves
from adhelpers_plugins.jax.names import register_over_devices, typeof

Axes = tuple[int | None, ...]


class StagedError(Exception):
    """A step became code, but what its function closes over was not looked at."""


def array_of(operand: Any) -> Array:
    """Convert the arguments of a primitive: JAX also passes its own numbers, and NumPy's arrays."""
    return operand if isinstance(operand, jax.Array) else jnp.asarray(operand)


def _is_inexact(operand: Any) -> bool:
    return jnp.issubdtype(typeof(operand).dtype, jnp.inexact)


def _evaluate(*operands: Array, step: Any) -> Leaves:
    return step.evaluate(*map(array_of, operands))


def _shapes(*operands: Any, step: Any) -> tuple[Any, ...]:
    if step.avals is None:
        raise StagedError
    return step.avals


def _jvp(operands: Leaves, tangents: Leaves, *, step: Any) -> tuple[Leaves, Leaves]:
    outputs: tuple[Leaves, Leaves] = step.jvp(tuple(map(array_of, operands)), tuple(tangents))
    return outputs


def _transpose(cotangents: Leaves, *operands: Any, step: Any) -> Any:
    return step.transpose(cotangents, operands)


def _batch(along: Any, operands: Leaves, axes: Axes, *, step: Any) -> tuple[Leaves, Axes]:
    """`along` is JAX's description of the axis: its size, and its names."""
    is_stacked = any(axis is not None for axis in axes)
    outputs = (step.batch(along, tuple(axes)) if is_stacked else step).bind(operands)
    return outputs, (0 if is_stacked else None,) * len(outputs)


STEP = Primitive("adhelpers_rule")
STEP.multiple_results = True
STEP.def_impl(_evaluate)
STEP.def_abstract_eval(_shapes)
ad.primitive_jvps[STEP] = _jvp
ad.primitive_transposes[STEP] = _transpose
batching.fancy_primitive_batchers[STEP] = _batch
mlir.register_lowering(STEP, mlir.lower_fun(_evaluate, multiple_results=True))
register_over_devices(STEP)


def _linearize(residuals: tuple[Any, ...], is_vjp: bool, nonzeros: Any, *operands: Array, step: Any) -> Any:
    """What JAX would find from the JVP rule, by a trace that takes longer than many a function."""
    varies = [nonzero and _is_inexact(operand) for nonzero, operand in zip(nonzeros, operands, strict=True)]
    linear = step.linearize(tuple(map(array_of, operands)), varies)
    if linear is None:
        return fallback_linearize_rule(STEP, is_vjp, nonzeros, *operands, step=step)
    outputs, push = linear
    return outputs, [True] * len(outputs), *residuals, lambda *given: push(given[-len(operands) :])


def _takes(residuals: tuple[Any, ...]) -> bool:
    """Whether JAX takes a rule such as that above, with these residuals between the results and the linear map."""
    probe = Primitive("adhelpers_probe")
    probe.def_abstract_eval(lambda x: x)
    primitive_linearizations[probe] = lambda is_vjp, nonzeros, x: (x, True, *residuals, lambda *given: given[-1])
    try:
        jax.eval_shape(lambda x: jax.linearize(probe.bind, x)[1](x), jax.ShapeDtypeStruct((), np.float32))
    except (NotImplementedError, TypeError, ValueError):
        return False
    finally:
        del primitive_linearizations[probe]
    return True


try:
    from jax._src.interpreters.ad import fallback_linearize_rule, primitive_linearizations
except ImportError:
    pass
else:
    for _none in (((),), ((), None)):  # newer ones also know residuals that have a structure
        if _takes(_none):
            primitive_linearizations[STEP] = partial(_linearize, _none)

try:
    from jax._src.util import weakref_cache_key_types
except ImportError:  # a cache of JAX's keeps the last 2048 steps alive, with what the user's functions hold
    weakref_cache_key_types = set()

__all__ = ["STEP", "Axes", "StagedError", "array_of", "weakref_cache_key_types"]
