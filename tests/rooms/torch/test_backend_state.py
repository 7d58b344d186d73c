"""Functions that write to what they close over: what they had returned is differentiated, or nothing is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from torch_functions import X, equal

import adhelpers
from adhelpers import ArgumentError, jacobian, value_and_gradient, value_and_jacobian, value_and_jacobian_vector_product

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.usefixtures("levels_known")


def scaled() -> Callable[[Any], Any]:
    scale = torch.ones(3, dtype=torch.float64)

    def f(x: Any) -> Any:
        y = (x * scale).sum()
        scale.mul_(2.0)
        return y

    return f


def normalised() -> Callable[[Any], Any]:
    mean, deviation = torch.zeros(3, dtype=torch.float64), torch.ones(3, dtype=torch.float64)

    def f(x: Any) -> Any:
        y = (((x - mean) / deviation) ** 2).sum()
        with torch.no_grad():
            deviation.lerp_(2.0 * x.detach(), 0.1)
        return y

    return f


@pytest.mark.parametrize("make", [scaled, normalised])
@pytest.mark.parametrize("x", [X, 0 * X])
def test_reverse_mode_raises_as_pytorch_does(make: Any, x: Any) -> None:
    words = "modified by an inplace operation|would mutate a captured Tensor"
    for call in (
        lambda f: value_and_gradient(f, "torch", x),
        lambda f: value_and_jacobian(f, "torch", x),
        lambda f: adhelpers.hessian(lambda z: f(z**2), "torch", x),
        lambda f: adhelpers.prepare(adhelpers.gradient, f, "torch", x)(x),
        lambda f: adhelpers.linearize(f, "torch", x).pull(torch.ones((), dtype=x.dtype)),
    ):
        with pytest.raises(RuntimeError, match=words):
            call(make())


@pytest.mark.direct
def test_forward_mode_takes_one_run_or_none() -> None:
    y, v = value_and_jacobian_vector_product(scaled(), "torch", X, X)
    equal(y, X.sum())
    equal(v, X.sum())
    for chunk_size in (None, 1):
        with pytest.raises(ArgumentError, match="another result each time"):
            jacobian(scaled(), "torch", X, mode="forward", chunk_size=chunk_size)


@pytest.mark.direct
def test_what_f_writes_to_its_own_tensors_is_differentiated_by_forward_mode() -> None:
    def f(x: Any) -> Any:
        y = x.exp()
        w = (y * y).sum()
        y.add_(1.0)
        return w + y.sum()

    y, gradient = value_and_gradient(f, "torch", X)
    equal(y, ((2 * X).exp() + X.exp() + 1).sum())
    equal(gradient, 2 * (2 * X).exp() + X.exp())
