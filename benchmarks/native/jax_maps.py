"""JAX by hand: many products at one point, compiled, by a pullback or pushforward that compiled code has returned."""

from __future__ import annotations

from typing import Any

import jax

from benchmarks.native import Formulations, Function, Operation


def kept_pullback(f: Function, x: Any) -> Operation:
    """`jax.jit` of the pullback that a jitted `jax.vjp` returned."""
    pullback = jax.jit(lambda x: jax.vjp(f, x)[1])(x)
    pull = jax.jit(lambda pullback, u: pullback(u)[0])
    return lambda x, u: pull(pullback, u)


def kept_pushforward_of_gradient(f: Function, x: Any) -> Operation:
    """`jax.jit` of the pushforward that a jitted `jax.linearize` of `jax.grad` returned."""
    pushforward = jax.jit(lambda x: jax.linearize(jax.grad(f), x)[1])(x)
    push = jax.jit(lambda pushforward, u: pushforward(u))
    return lambda x, u: push(pushforward, u)


MAPS = {"pull": Formulations((kept_pullback,)), "push of a gradient": Formulations((kept_pushforward_of_gradient,))}
