"""JAX by hand, compiled: many products at one point, by a map that is kept; and what SciPy's solvers call."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

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


def glued_value_and_grad(f: Function) -> Operation:
    """`jax.jit` of `jax.value_and_grad` between NumPy's arrays."""
    both = jax.jit(jax.value_and_grad(f))

    def op(x: np.ndarray) -> np.ndarray:
        y, gradient = both(x)
        float(y)
        return np.array(gradient)

    return op


def glued_jvp_of_grad(f: Function) -> Operation:
    """`jax.jit` of `jax.jvp` of `jax.grad` between NumPy's arrays."""
    product = jax.jit(lambda x, u: jax.jvp(jax.grad(f), (x,), (u,))[1])
    return lambda x, u: np.array(product(x, u))


def glued_jacrev(f: Function) -> Operation:
    """`jax.jit` of `jax.jacrev` between NumPy's arrays."""
    jacobian = jax.jit(jax.jacrev(f))
    return lambda x: np.array(jacobian(x))


def glued_jacfwd(f: Function) -> Operation:
    """`jax.jit` of `jax.jacfwd` between NumPy's arrays."""
    jacobian = jax.jit(jax.jacfwd(f))
    return lambda x: np.array(jacobian(x))


GLUE = {
    "value and gradient": Formulations((glued_value_and_grad,)),
    "Hessian product": Formulations((glued_jvp_of_grad,)),
    "Jacobian": Formulations((glued_jacrev, glued_jacfwd)),
}
