"""PyTorch by hand: many products at one point, on a graph that is kept; and what SciPy's solvers call."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from benchmarks.native import Formulations, Function, Operation


def kept_graph(f: Function, x: Any) -> Operation:
    """`torch.autograd.grad` of a graph that is kept."""
    leaf = x.detach().requires_grad_()
    y = f(leaf)
    return lambda x, u: torch.autograd.grad(y, leaf, u, retain_graph=True)[0]


def kept_graph_of_gradient(f: Function, x: Any) -> Operation:
    """`torch.autograd.grad` of a gradient's graph that is kept."""
    leaf = x.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(f(leaf), leaf, create_graph=True)
    return lambda x, u: torch.autograd.grad(gradient, leaf, u, retain_graph=True)[0]


MAPS = {"pull": Formulations((kept_graph,)), "push of a gradient": Formulations((kept_graph_of_gradient,))}


def glued_gradient(f: Function) -> Operation:
    """`torch.autograd.grad` between NumPy's arrays."""

    def op(x: np.ndarray) -> np.ndarray:
        leaf = torch.from_numpy(x.copy()).requires_grad_()
        y = f(leaf)
        (gradient,) = torch.autograd.grad(y, leaf)
        float(y)
        return gradient.numpy()

    return op


def glued_hessian_product(f: Function) -> Operation:
    """`torch.autograd.grad` twice between NumPy's arrays."""

    def op(x: np.ndarray, u: np.ndarray) -> np.ndarray:
        leaf = torch.from_numpy(x.copy()).requires_grad_()
        (gradient,) = torch.autograd.grad(f(leaf), leaf, create_graph=True)
        return torch.autograd.grad(gradient, leaf, torch.from_numpy(u.copy()))[0].numpy()

    return op


def glued_jacrev(f: Function) -> Operation:
    """`torch.func.jacrev` between NumPy's arrays."""
    jacobian = torch.func.jacrev(f)
    return lambda x: jacobian(torch.from_numpy(x.copy())).numpy()


def glued_jacfwd(f: Function) -> Operation:
    """`torch.func.jacfwd` between NumPy's arrays."""
    jacobian = torch.func.jacfwd(f)
    return lambda x: jacobian(torch.from_numpy(x.copy())).numpy()


GLUE = {
    "value and gradient": Formulations((glued_gradient,)),
    "Hessian product": Formulations((glued_hessian_product,)),
    "Jacobian": Formulations((glued_jacrev, glued_jacfwd)),
}
