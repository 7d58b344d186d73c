"""Derivatives that a function takes itself by graphs count."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest
from torch_functions import PRODUCTS

from adhelpers import UnsupportedOperationError

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.usefixtures("levels_known")
functional = torch.nn.functional
X3, U3, V3 = (torch.tensor(v, dtype=torch.float64) for v in ([0.0, 2.0, -1.0], [1.0, -2.0, 0.5], [0.5, -1.0, 2.0]))


def open_(x: Any) -> Any:
    return x if x.requires_grad else x.requires_grad_()


def taken_twice(g: Any, x: Any) -> Any:
    x = open_(x)
    (first,) = torch.autograd.grad((g(x) * U3).sum(), x, create_graph=True)
    return torch.autograd.grad((first * V3).sum(), x, create_graph=True)[0]


def taken_by_backward(g: Any, x: Any) -> Any:
    y = open_(1 * x)
    y.retain_grad()
    (g(y) * U3).sum().backward(create_graph=True)
    return y.grad


@pytest.mark.direct
@pytest.mark.parametrize("call", PRODUCTS)
def test_each_derivative_that_f_takes_by_a_graph_counts(call: Any) -> None:
    """The third derivative of a normalisation is wrong in reverse mode, the second one is not."""

    def f(x: Any) -> Any:
        return taken_twice(lambda y: functional.layer_norm(y, (3,)), x)

    step = 1e-5
    expected = (f((X3 + step * V3).clone()) - f((X3 - step * V3).clone())).detach() / (2 * step)
    received = call(f, "torch", X3, V3).detach()
    np.testing.assert_allclose(received, expected, rtol=1e-6, atol=1e-9)  # by whatever mode: it is a Hessian
    with pytest.raises(UnsupportedOperationError, match="special_i1"):
        call(lambda x: taken_twice(torch.special.i1, x), "torch", X3, V3)


@pytest.mark.direct
def test_independent_derivatives_by_graphs_count_once() -> None:
    """The second derivative of the Bessel function i1 is right, and the third one is refused."""

    def f(x: Any) -> Any:
        x = open_(x)
        each = [torch.autograd.grad(torch.special.i1(k * x).sum(), x, create_graph=True)[0] for k in (1, 2, 3)]
        return sum(each)

    expected = [
        sum(k**2 * float(mpmath.diff(lambda t: mpmath.besseli(1, t), k * float(t), 2)) for k in (1, 2, 3)) for t in X3
    ]
    for call in PRODUCTS:
        received = call(f, "torch", X3, U3).detach()
        np.testing.assert_allclose(received, np.asarray(expected) * U3.numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.direct
@pytest.mark.filterwarnings("ignore:Using backward.. with create_graph=True")
@pytest.mark.parametrize("call", PRODUCTS)
def test_derivatives_that_f_takes_by_backward_count(call: Any) -> None:
    """The second derivative of sinc at zero is -pi**2 / 3."""
    received = call(lambda x: taken_by_backward(torch.sinc, x), "torch", X3, U3).detach()
    np.testing.assert_allclose(received[0], -(np.pi**2) / 3 * float(U3[0] ** 2), rtol=1e-12)
