"""JAX by hand: a function with a derivative rule of its own, and what it is differentiated by."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.native import Function, Operation, Rules


@jax.custom_jvp  # type: ignore[untyped-decorator]
def by_custom_jvp(x: Any) -> Any:
    """`jax.custom_jvp`."""
    return jnp.sin(x)


@by_custom_jvp.defjvp  # type: ignore[untyped-decorator]
def _(primals: Any, tangents: Any) -> Any:
    (x,), (u,) = primals, tangents
    return by_custom_jvp(x), jnp.cos(x) * u


@jax.custom_vjp  # type: ignore[untyped-decorator]
def by_custom_vjp(x: Any) -> Any:
    """`jax.custom_vjp`."""
    return jnp.sin(x)


by_custom_vjp.defvjp(lambda x: (jnp.sin(x), x), lambda x, v: (jnp.cos(x) * v,))


def gradient(f: Function) -> Operation:
    """`jax.grad` of the sum."""
    return jax.grad(lambda x: jnp.sum(f(x)))


def jitted_gradient(f: Function) -> Operation:
    """The same, compiled."""
    return jax.jit(gradient(f))


RULES = Rules(
    (by_custom_jvp, by_custom_vjp),
    {"gradient": (gradient, 1.1), "compiled gradient": (jitted_gradient, 1.05)},
)
