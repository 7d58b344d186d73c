"""JAX by hand, in double precision: eager calls, and compiled ones."""

from __future__ import annotations

from math import prod
from typing import Any

import jax
import jax.numpy as jnp

import adhelpers
from benchmarks.cells import Cell
from benchmarks.native import Formulations, Function, Native, Operation
from benchmarks.native.jax_curvature import COMPILED
from benchmarks.native.jax_maps import GLUE, MAPS
from benchmarks.native.jax_rules import RULES

jax.config.update("jax_enable_x64", True)


def jvp(f: Function) -> Operation:
    """`jax.jvp`, eagerly."""
    return lambda x, u: jax.jvp(f, (x,), (u,))[1]


def vjp(f: Function) -> Operation:
    """`jax.vjp` and its pullback, eagerly."""
    return lambda x, u: jax.vjp(f, x)[1](u)[0]


def linearized_jvp(f: Function) -> Operation:
    """`jax.linearize` and its pushforward, eagerly."""
    return lambda x, u: jax.linearize(f, x)[1](u)


def jitted_jvp(f: Function) -> Operation:
    """`jax.jit` of `jax.jvp`."""
    return jax.jit(jvp(f))


def jitted_vjp(f: Function) -> Operation:
    """`jax.jit` of `jax.vjp` and its pullback."""
    return jax.jit(vjp(f))


def vmap_jacfwd(f: Function, cell: Cell) -> Operation:
    """`jax.vmap`, over samples, of `jax.jacfwd`, eagerly."""
    op = jax.vmap(jax.jacfwd(_of_sample(f)), in_axes=-1, out_axes=-1)
    return lambda x: op(x).reshape(cell.m, cell.n, cell.batch)


def vmap_jacrev(f: Function, cell: Cell) -> Operation:
    """`jax.vmap`, over samples, of `jax.jacrev`, eagerly."""
    op = jax.vmap(jax.jacrev(_of_sample(f)), in_axes=-1, out_axes=-1)
    return lambda x: op(x).reshape(cell.m, cell.n, cell.batch)


def basis_forward(f: Function, cell: Cell) -> Operation:
    """`jax.vmap`, over basis vectors of the whole batch, of the pushforward of `jax.linearize`, eagerly."""

    def op(x: Any) -> Any:
        columns = jax.vmap(jax.linearize(f, x)[1])(_basis(cell.inputs, cell.batch))
        return columns.reshape(cell.n, cell.m, cell.batch).transpose(1, 0, 2)

    return op


def basis_reverse(f: Function, cell: Cell) -> Operation:
    """`jax.vmap`, over basis vectors of the whole batch, of the pullback of `jax.vjp`, eagerly."""

    def op(x: Any) -> Any:
        (rows,) = jax.vmap(jax.vjp(f, x)[1])(_basis(cell.outputs, cell.batch))
        return rows.reshape(cell.m, cell.n, cell.batch)

    return op


def jacfwd_of_shift(f: Function, cell: Cell) -> Operation:
    """`jax.jacfwd`, with respect to a shift that all samples have in common, eagerly."""

    def op(x: Any) -> Any:
        jacobian = jax.jacfwd(lambda shift: f(x + shift[..., None]))(jnp.zeros(cell.inputs))
        return jacobian.reshape(cell.m, cell.batch, cell.n).transpose(0, 2, 1)

    return op


def jacrev_of_sum(f: Function, cell: Cell) -> Operation:
    """`jax.jacrev` of the sum over the batch, eagerly."""
    op = jax.jacrev(lambda x: f(x).sum(-1))
    return lambda x: op(x).reshape(cell.m, cell.n, cell.batch)


def jitted_vmap_jacfwd(f: Function, cell: Cell) -> Operation:
    """`jax.jit` of vmap_jacfwd."""
    return jax.jit(vmap_jacfwd(f, cell))


def jitted_vmap_jacrev(f: Function, cell: Cell) -> Operation:
    """`jax.jit` of vmap_jacrev."""
    return jax.jit(vmap_jacrev(f, cell))


def jitted_basis_forward(f: Function, cell: Cell) -> Operation:
    """`jax.jit` of basis_forward."""
    return jax.jit(basis_forward(f, cell))


def jitted_basis_reverse(f: Function, cell: Cell) -> Operation:
    """`jax.jit` of basis_reverse."""
    return jax.jit(basis_reverse(f, cell))


def jitted_jacfwd_of_shift(f: Function, cell: Cell) -> Operation:
    """`jax.jit` of jacfwd_of_shift."""
    return jax.jit(jacfwd_of_shift(f, cell))


def jitted_jacrev_of_sum(f: Function, cell: Cell) -> Operation:
    """`jax.jit` of jacrev_of_sum."""
    return jax.jit(jacrev_of_sum(f, cell))


def _of_sample(f: Function) -> Function:
    """`f` of one sample: a batch of one, whose axis is then dropped."""
    return lambda sample: f(sample[..., None])[..., 0]


def _basis(shape: tuple[int, ...], batch: int) -> Any:
    """Each basis vector of one sample, in all samples."""
    eye = jnp.eye(prod(shape)).reshape(-1, *shape, 1)
    return jnp.broadcast_to(eye, (*eye.shape[:-1], batch))


NATIVE = Native(
    name="jax",
    xp=jnp,
    backend=adhelpers.backend("jax"),
    asarray=jnp.asarray,
    maps=MAPS,
    glue=GLUE,
    rules=RULES,
    finish=jax.block_until_ready,
    jit=jax.jit,
    eager={
        "jvp": Formulations((jvp,), (linearized_jvp,)),
        "vjp": Formulations((vjp,)),
        "jacobian": Formulations(
            (vmap_jacfwd, vmap_jacrev), (basis_forward, basis_reverse, jacfwd_of_shift, jacrev_of_sum)
        ),
    },
    compiled=COMPILED
    | {
        "jvp": Formulations((jitted_jvp,)),
        "vjp": Formulations((jitted_vjp,)),
        "jacobian": Formulations(
            (jitted_vmap_jacfwd, jitted_vmap_jacrev),
            (jitted_basis_forward, jitted_basis_reverse, jitted_jacfwd_of_shift, jitted_jacrev_of_sum),
        ),
    },
)
