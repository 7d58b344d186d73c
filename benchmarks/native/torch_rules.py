"""PyTorch by hand: a function with a derivative rule of its own, and what it is differentiated by."""

from __future__ import annotations

from typing import Any

import torch

from benchmarks.native import Function, Operation, Rules


class _Sine(torch.autograd.Function):  # type: ignore[misc]
    @staticmethod
    def forward(x: Any) -> Any:
        return torch.sin(x)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, v: Any) -> Any:
        (x,) = ctx.saved_tensors
        return torch.cos(x) * v


def by_function(x: Any) -> Any:
    """`torch.autograd.Function`."""
    return _Sine.apply(x)


def gradient(f: Function) -> Operation:
    """`torch.autograd.grad` of the sum."""

    def op(x: Any) -> Any:
        x = x.detach().requires_grad_()
        return torch.autograd.grad(f(x).sum(), x)[0]

    return op


RULES = Rules((by_function,), {"gradient": (gradient, 1.3)})
