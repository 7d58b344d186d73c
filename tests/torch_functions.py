"""Tensors, and functions with rules of a user, for the tests of PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from adhelpers import (
    jacobian_vector_product,
    vector_jacobian_product,
)

torch = pytest.importorskip("torch")


X = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
U = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64)
BATCH = torch.tensor(np.random.default_rng(0).standard_normal((3, 4, 2)))
PRODUCTS = [jacobian_vector_product, vector_jacobian_product]
MODES = ["auto", "forward", "reverse"]


def square(x: Any) -> Any:
    return x**2


def equal(received: Any, expected: Any) -> None:
    torch.testing.assert_close(received, torch.as_tensor(expected, dtype=received.dtype), rtol=1e-12, atol=0)


class OldStyle(torch.autograd.Function):
    """x squared, in the style that torch.func refuses."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x**2

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return 2 * x * g


class Once(OldStyle):
    """Its backward pass works outside of the graph."""

    backward = staticmethod(torch.autograd.function.once_differentiable(OldStyle.backward))


def cube_with_rules(slope: float) -> Any:
    """x cubed, with rules for either mode by which its derivative is ``slope * x**2``."""

    class Cubed(torch.autograd.Function):
        @staticmethod
        def forward(x: Any) -> Any:
            return x**3

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            ctx.save_for_backward(*inputs)
            ctx.save_for_forward(*inputs)

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return slope * ctx.saved_tensors[0] ** 2 * g

        jvp = backward  # the function is elementwise

    return Cubed
