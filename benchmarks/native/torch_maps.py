"""PyTorch by hand: many products at one point, on a graph that is kept."""

from __future__ import annotations

from typing import Any

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
