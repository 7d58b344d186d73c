"""Tensors that PyTorch takes for numbers."""

from __future__ import annotations

import numpy as np
import pytest

import adhelpers
from adhelpers import UnsupportedOperationError, jacobian_vector_product

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.usefixtures("levels_known")
functional = torch.nn.functional

X3 = torch.tensor([0.0, 2.0, -1.0], dtype=torch.float64)
NUMBERS = {
    "full": lambda t: torch.full((3,), t),
    "full_like": lambda t: torch.full_like(X3, t),
    "new_full": lambda t: X3.new_full((3,), t),
    "scalar_tensor": lambda t: torch.scalar_tensor(t),
    "add": lambda t: torch.add(X3, X3, alpha=t),
    "addcmul": lambda t: torch.addcmul(X3, X3, X3, value=t),
    "leaky_relu": lambda t: functional.leaky_relu(X3, t),
    "elu": lambda t: functional.elu(X3, t),
    "pad": lambda t: functional.pad(X3, (1, 1), value=t),
    "huber_loss": lambda t: functional.huber_loss(X3, 0 * X3, delta=t),
    "arange": lambda t: torch.arange(0, 3, t),
    "add_": lambda t: (X3 * 1.0).add_(X3, alpha=t),
    "addcmul_": lambda t: (t * X3).addcmul_(X3, X3, value=t),
    "elu_": lambda t: functional.elu_(t * X3, t),
    "fill_diagonal_": lambda t: (t * torch.outer(X3, X3)).fill_diagonal_(t),
    "_foreach_sub_": lambda t: torch._foreach_sub_([t * X3, X3 * 1.0], t),
}
TENSORS = {
    "pow": (lambda t: torch.pow(X3.abs() + 1, t), lambda t: (X3.abs() + 1) ** t * torch.log(X3.abs() + 1)),
    "clamp": (lambda t: torch.clamp(X3, min=t), lambda t: (t > X3).double()),
    "masked_fill": (lambda t: X3.masked_fill(X3 < 0, t), lambda t: (X3 < 0).double()),
    "lerp": (lambda t: torch.lerp(X3, 2 * X3, t), lambda t: X3),
    "mul": (lambda t: t * X3, lambda t: X3),
    "mul_": (lambda t: (t * X3).mul_(t), lambda t: 2 * t * X3),
    "masked_fill_": (lambda t: (t * X3).masked_fill_(X3 < 0, t), lambda t: torch.where(X3 < 0, 1.0, X3)),
    "add_ to a number": (lambda t: (t * 1.0).add_(t, alpha=2.0) * X3, lambda t: 3.0 * X3),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_a_tensor_that_pytorch_takes_for_a_number_has_no_silent_derivative(name: str) -> None:
    """Forward mode would take the number out of it, and the derivative would be zero."""
    t, one = torch.tensor(0.7, dtype=torch.float64), torch.ones((), dtype=torch.float64)
    for _ in range(2):
        with pytest.raises((TypeError, UnsupportedOperationError)):
            jacobian_vector_product(NUMBERS[name], "torch", t, one)
    with pytest.raises(
        UnsupportedOperationError, match=f"{name} by what PyTorch takes for a number gives wrong numbers"
    ):
        jacobian_vector_product(NUMBERS[name], adhelpers.backend("torch", fallback=False), t, one)


@pytest.mark.parametrize("name", TENSORS)
def test_a_tensor_without_dimensions_has_its_derivative(name: str) -> None:
    f, slope = TENSORS[name]
    t, one = torch.tensor(0.7, dtype=torch.float64), torch.ones((), dtype=torch.float64)
    for _ in range(2):
        np.testing.assert_allclose(jacobian_vector_product(f, "torch", t, one), slope(t), rtol=1e-12)
