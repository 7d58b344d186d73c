"""HIPS autograd by hand: many products at one point, by a pullback that is kept; and what SciPy's solvers call."""

from __future__ import annotations

from typing import Any

import autograd

from benchmarks.native import Formulations, Function, Operation


def kept_pullback(f: Function, x: Any) -> Operation:
    """The pullback of `autograd.make_vjp`, kept."""
    pullback, _ = autograd.make_vjp(f)(x)
    return lambda x, u: pullback(u)


def kept_pullback_of_gradient(f: Function, x: Any) -> Operation:
    """The pullback of `autograd.make_vjp` of `autograd.grad`, kept."""
    pullback, _ = autograd.make_vjp(autograd.grad(f))(x)
    return lambda x, u: pullback(u)


MAPS = {"pull": Formulations((kept_pullback,)), "push of a gradient": Formulations((kept_pullback_of_gradient,))}


def value_and_grad(f: Function) -> Operation:
    """`autograd.value_and_grad`."""
    both = autograd.value_and_grad(f)

    def op(x: Any) -> Any:
        y, gradient = both(x)
        float(y)
        return gradient

    return op


def hessian_vector_product(f: Function) -> Operation:
    """`autograd.hessian_vector_product`."""
    return autograd.hessian_vector_product(f)


def jvp_of_grad(f: Function) -> Operation:
    """`autograd.make_jvp` of `autograd.grad`."""
    push = autograd.differential_operators.make_jvp(autograd.grad(f))
    return lambda x, u: push(x)(u)[1]


def jacobian(f: Function) -> Operation:
    """`autograd.jacobian`."""
    return autograd.jacobian(f)


GLUE = {
    "value and gradient": Formulations((value_and_grad,)),
    "Hessian product": Formulations((hessian_vector_product, jvp_of_grad)),
    "Jacobian": Formulations((jacobian,)),
}
