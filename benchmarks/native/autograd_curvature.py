"""HIPS autograd by hand: gradients, Hessians and their products."""

from __future__ import annotations

from typing import Any

import autograd
import autograd.numpy as anp
import numpy as np
from autograd import core

from benchmarks.losses import Loss
from benchmarks.native import Formulations, Function, Operation


def grad(f: Function) -> Operation:
    """`autograd.grad`."""
    return autograd.grad(f)


def core_grad(f: Function) -> Operation:
    """`autograd.core.make_vjp`, the trace alone."""
    return lambda x: core.make_vjp(f, x)[0](1.0)


def hessian_vector_product(f: Function) -> Operation:
    """`autograd.hessian_vector_product`."""
    return autograd.hessian_vector_product(f)


def jvp_of_grad(f: Function) -> Operation:
    """`autograd.make_jvp` of `autograd.grad`."""
    return lambda x, u: autograd.make_jvp(autograd.grad(f))(x)(u)[1]


def vjp_of_grad(f: Function) -> Operation:
    """`autograd.make_vjp` of `autograd.grad`."""
    return lambda x, u: autograd.make_vjp(autograd.grad(f))(x)[0](u)


def hessian(f: Function) -> Operation:
    """`autograd.hessian`."""
    return autograd.hessian(f)


def loop_of_jvps_of_grad(f: Function) -> Operation:
    """`autograd.make_jvp` of `autograd.grad` for each basis vector in turn."""

    def op(x: Any) -> Any:
        push = autograd.make_jvp(autograd.grad(f))(x)
        return np.stack([push(unit)[1] for unit in np.eye(len(x))], axis=1)

    return op


def hessian_of_each_sample(f: Function, loss: Loss) -> Operation:
    """`autograd.hessian` of each sample in turn."""
    of_sample = autograd.hessian(f)
    return lambda x: np.stack([of_sample(x[:, b]) for b in range(loss.batch)], axis=-1)


def loop_of_pullbacks_of_gradients(f: Function, loss: Loss) -> Operation:
    """The pullback of the gradient of the whole batch, for each basis vector in turn."""
    gradient = autograd.grad(lambda x: anp.sum(f(x)))

    def op(x: Any) -> Any:
        pullback, _ = core.make_vjp(gradient, x)
        basis = np.zeros((loss.n, loss.n, loss.batch))
        basis[np.arange(loss.n), np.arange(loss.n)] = 1.0
        return np.stack([pullback(unit) for unit in basis])

    return op


def replicated_jvp_of_gradients(f: Function, loss: Loss) -> Operation:
    """One pushforward through the gradient at N copies of the batch, side by side."""
    gradient = autograd.grad(lambda x: anp.sum(f(x)))

    def op(x: Any) -> Any:
        n, batch = x.shape
        units = np.repeat(np.eye(n), batch, axis=1)
        return autograd.make_jvp(gradient)(np.tile(x, (1, n)))(units)[1].reshape(n, n, batch)

    return op


EAGER = {
    "gradient": Formulations((grad,), (core_grad,)),
    "hessian_vector_product": Formulations((hessian_vector_product,), (jvp_of_grad, vjp_of_grad)),
    "hessian": Formulations((hessian,), (loop_of_jvps_of_grad,)),
    "batched_hessian": Formulations(
        (hessian_of_each_sample,), (loop_of_pullbacks_of_gradients, replicated_jvp_of_gradients)
    ),
}
