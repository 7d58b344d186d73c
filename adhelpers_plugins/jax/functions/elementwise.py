"""Elementwise functions with our own derivatives, as primitives of JAX.

``jax.custom_jvp`` would be shorter, but JAX drops its rules when it takes a compiled loop apart, and then
differentiates the code that they hide.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from adhelpers_plugins.jax.names import register_over_devices, varying_most

Array = Any
Function = Callable[..., Array]


def elementwise(name: str, value: Function, *slopes: Function | None, static: tuple[str, ...] = ()) -> Function:
    """A compiled function with the values of `value`, and a slope for each operand, or None for a constant one.

    Operands and the result have one shape and one inexact dtype. The operands in `static` are keywords.
    """
    primitive = Primitive(name)
    primitive.def_impl(jax.jit(value, static_argnames=static))
    primitive.def_abstract_eval(lambda *operands, **_: varying_most(operands))
    (batching.defvectorized if len(slopes) == 1 else batching.defbroadcasting)(primitive)
    mlir.register_lowering(primitive, mlir.lower_fun(value, multiple_results=False))
    register_over_devices(primitive)

    def push(operands: Any, tangents: Any, **options: Any) -> tuple[Array, Any]:
        y = primitive.bind(*operands, **options)
        pushed = [
            tangent * slope(*operands, **options)
            for tangent, slope in zip(tangents, slopes, strict=True)
            if slope is not None and type(tangent) is not ad.Zero
        ]
        return y, sum(pushed[1:], pushed[0]) if pushed else jnp.zeros_like(y)

    ad.primitive_jvps[primitive] = push
    return primitive.bind


def alike(*operands: Array) -> list[Array]:
    """The arrays in one inexact dtype and one shape."""
    dtype = jnp.result_type(*operands)
    if not jnp.issubdtype(dtype, jnp.inexact):
        dtype = jnp.result_type(*operands, float)
    return jnp.broadcast_arrays(*(jnp.asarray(x, dtype) for x in operands))
