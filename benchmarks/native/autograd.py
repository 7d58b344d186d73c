"""HIPS autograd by hand: its public functions, and the core they are made of."""

from __future__ import annotations

from math import prod
from typing import Any

import autograd
import autograd.numpy as anp
import numpy as np
from autograd import core

import adhelpers
from benchmarks.cells import Cell
from benchmarks.native import Formulations, Function, Native, Operation
from benchmarks.native.autograd_curvature import EAGER
from benchmarks.native.autograd_maps import GLUE, MAPS
from benchmarks.native.autograd_rules import RULES


def make_jvp(f: Function) -> Operation:
    """`autograd.make_jvp`."""
    return lambda x, u: autograd.make_jvp(f)(x)(u)[1]


def make_vjp(f: Function) -> Operation:
    """`autograd.make_vjp`."""
    return lambda x, u: autograd.make_vjp(f)(x)[0](u)


def core_jvp(f: Function) -> Operation:
    """`autograd.core.make_jvp`, the trace alone."""
    return lambda x, u: core.make_jvp(f, x)(u)[1]


def core_vjp(f: Function) -> Operation:
    """`autograd.core.make_vjp`, the trace alone."""
    return lambda x, u: core.make_vjp(f, x)[0](u)


def jacobian_of_each_sample(f: Function, cell: Cell) -> Operation:
    """`autograd.jacobian` of each sample in turn."""
    of_sample = autograd.jacobian(lambda sample: f(sample[..., None])[..., 0])

    def op(x: Any) -> Any:
        jacobians = [of_sample(x[..., b]).reshape(cell.m, cell.n) for b in range(cell.batch)]
        return np.stack(jacobians, -1)

    return op


def jacobian_of_sum(f: Function, cell: Cell) -> Operation:
    """`autograd.jacobian` of the sum over the batch."""
    op = autograd.jacobian(lambda x: anp.sum(f(x), axis=-1))
    return lambda x: op(x).reshape(cell.m, cell.n, cell.batch)


def loop_of_pullbacks(f: Function, cell: Cell) -> Operation:
    """The pullback of `autograd.core.make_vjp` for each output in turn, from one array of cotangents."""

    def op(x: Any) -> Any:
        pullback, _ = core.make_vjp(f, x)
        basis = _basis(cell.outputs, cell.batch)
        rows = np.empty((cell.m, *x.shape))
        for row, cotangent in zip(rows, basis, strict=True):
            row[...] = pullback(cotangent)
        return rows.reshape(cell.m, cell.n, cell.batch)

    return op


def loop_of_pushforwards(f: Function, cell: Cell) -> Operation:
    """The pushforward of `autograd.core.make_jvp` for each input in turn, from one array of tangents."""

    def op(x: Any) -> Any:
        pushforward = core.make_jvp(f, x)
        jacobian = np.empty((cell.m, cell.n, cell.batch))
        for column, tangent in enumerate(_basis(cell.inputs, cell.batch)):
            jacobian[:, column, :] = pushforward(tangent)[1].reshape(cell.m, cell.batch)
        return jacobian

    return op


def replicated_pushforward(f: Function, cell: Cell) -> Operation:
    """One pushforward of N copies of the batch, side by side, each with a basis vector."""

    def op(x: Any) -> Any:
        tangent = _basis_beside(cell.inputs, cell.batch)
        return core.make_jvp(f, _copies(x, cell.n))(tangent)[1].reshape(cell.m, cell.n, cell.batch)

    return op


def replicated_pullback(f: Function, cell: Cell) -> Operation:
    """One pullback of M copies of the batch, side by side, each with a basis vector."""

    def op(x: Any) -> Any:
        pullback, _ = core.make_vjp(f, _copies(x, cell.m))
        pulled = pullback(_basis_beside(cell.outputs, cell.batch))
        return pulled.reshape(cell.n, cell.m, cell.batch).transpose(1, 0, 2)

    return op


def _basis(shape: tuple[int, ...], batch: int) -> Any:
    """Each basis vector of one sample, in all samples: ``(size, *shape, B)``."""
    size = prod(shape)
    basis = np.zeros((size, size, batch))
    basis[np.arange(size), np.arange(size)] = 1.0
    return basis.reshape(size, *shape, batch)


def _basis_beside(shape: tuple[int, ...], batch: int) -> Any:
    """The same side by side: ``(*shape, size B)``."""
    size = prod(shape)
    return _basis((size,), batch).reshape(*shape, size * batch)  # the identity is symmetric


def _copies(x: Any, count: int) -> Any:
    """Copies of the batch, side by side: ``(*shape, count B)``."""
    return np.tile(x, (*(1,) * (x.ndim - 1), count))


NATIVE = Native(
    name="autograd",
    xp=anp,
    backend=adhelpers.backend("autograd"),
    asarray=np.asarray,
    maps=MAPS,
    glue=GLUE,
    rules=RULES,
    finish=lambda result: result,
    eager=EAGER
    | {
        "jvp": Formulations((make_jvp,), (core_jvp,)),
        "vjp": Formulations((make_vjp,), (core_vjp,)),
        "jacobian": Formulations(
            (jacobian_of_each_sample,),
            (jacobian_of_sum, loop_of_pullbacks, loop_of_pushforwards, replicated_pushforward, replicated_pullback),
        ),
    },
    compiled={},
)
