"""JAX by hand: gradients, Hessians and their products, compiled."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.losses import Loss
from benchmarks.native import Formulations, Function, Operation


def jitted_grad(f: Function) -> Operation:
    """`jax.jit` of `jax.grad`."""
    return jax.jit(jax.grad(f))


def jitted_jvp_of_grad(f: Function) -> Operation:
    """`jax.jit` of `jax.jvp` of `jax.grad`."""
    return jax.jit(lambda x, u: jax.jvp(jax.grad(f), (x,), (u,))[1])


def jitted_grad_of_jvp(f: Function) -> Operation:
    """`jax.jit` of `jax.grad` of `jax.jvp`."""
    return jax.jit(lambda x, u: jax.grad(lambda x: jax.jvp(f, (x,), (u,))[1])(x))


def jitted_vjp_of_grad(f: Function) -> Operation:
    """`jax.jit` of `jax.vjp` of `jax.grad`."""
    return jax.jit(lambda x, u: jax.vjp(jax.grad(f), x)[1](u)[0])


def jitted_hessian(f: Function) -> Operation:
    """`jax.jit` of `jax.hessian`."""
    return jax.jit(jax.hessian(f))


def jitted_jacrev_of_grad(f: Function) -> Operation:
    """`jax.jit` of `jax.jacrev` of `jax.grad`."""
    return jax.jit(jax.jacrev(jax.grad(f)))


def jitted_vmap_hessian(f: Function, loss: Loss) -> Operation:
    """`jax.jit` of `jax.vmap`, over samples, of `jax.hessian`."""
    return jax.jit(jax.vmap(jax.hessian(f), in_axes=-1, out_axes=-1))


def jitted_vmap_jacrev_of_grad(f: Function, loss: Loss) -> Operation:
    """`jax.jit` of `jax.vmap`, over samples, of `jax.jacrev` of `jax.grad`."""
    return jax.jit(jax.vmap(jax.jacrev(jax.grad(f)), in_axes=-1, out_axes=-1))


def jitted_basis_of_grad(f: Function, loss: Loss) -> Operation:
    """`jax.jit` of `jax.vmap`, over basis vectors of the whole batch, of `jax.jvp` of `jax.grad`."""
    gradient = jax.grad(lambda x: f(x).sum())

    def op(x: Any) -> Any:
        basis = jnp.broadcast_to(jnp.eye(loss.n)[..., None], (loss.n, loss.n, loss.batch))
        return jax.vmap(lambda u: jax.jvp(gradient, (x,), (u,))[1], out_axes=1)(basis)

    return jax.jit(op)


COMPILED = {
    "gradient": Formulations((jitted_grad,)),
    "hessian_vector_product": Formulations((jitted_jvp_of_grad,), (jitted_grad_of_jvp, jitted_vjp_of_grad)),
    "hessian": Formulations((jitted_hessian,), (jitted_jacrev_of_grad,)),
    "batched_hessian": Formulations((jitted_vmap_hessian,), (jitted_vmap_jacrev_of_grad, jitted_basis_of_grad)),
}
