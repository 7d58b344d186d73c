"""Second derivatives of users' rules that keep more than inputs and outputs, against closed forms."""

from __future__ import annotations

from typing import Any

import pytest
from torch_functions import U, X, equal

import adhelpers
from adhelpers import UnsupportedOperationError, gradient, hessian, hessian_vector_product, second_derivative

torch = pytest.importorskip("torch")


class Sine(torch.autograd.Function):
    """It saves its slope, which the graph of the backward pass takes for a constant."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x.cos())
        return x.sin()

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g * ctx.saved_tensors[0]


class ByAttribute(Sine):
    """It keeps its slope in a list."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.slopes = [x.detach().cos()]
        return x.sin()

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g * ctx.slopes[0]


class ByContext(torch.autograd.Function):
    """It computes its slope in ``setup_context``."""

    @staticmethod
    def forward(x: Any) -> Any:
        return x.sin()

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(inputs[0].detach().cos())

    backward = staticmethod(Sine.backward)


class Energy(torch.autograd.Function):
    """It keeps a number of Python."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.norm = float((x**2).sum().sqrt())
        ctx.save_for_backward(x)
        return (x**2).sum().sqrt()

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g * ctx.saved_tensors[0] / ctx.norm


@pytest.mark.parametrize("rule", [Sine, ByAttribute, ByContext, Energy])
@pytest.mark.parametrize("outer", [torch.sum, lambda y: (y**2).sum()])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_an_intermediate_result_that_is_kept_can_be_differentiated_once(rule: Any, outer: Any, dtype: Any) -> None:
    x = X.to(dtype)
    f = lambda x: outer(rule.apply(x))  # noqa: E731
    plain = (lambda x: outer((x**2).sum().sqrt())) if rule is Energy else lambda x: outer(x.sin())
    torch.testing.assert_close(gradient(f, "torch", x), gradient(plain, "torch", x))
    for refused in (
        lambda: hessian(f, "torch", x),
        lambda: hessian_vector_product(f, "torch", x, x),
        lambda: gradient(lambda x: (gradient(f, "torch", x) * x).sum(), "torch", x),
        lambda: second_derivative(lambda t: f(t * x), "torch", torch.ones((), dtype=dtype)),
    ):
        with pytest.raises(UnsupportedOperationError, match="differentiate twice"):
            refused()
    attached = x.clone().requires_grad_()
    pulled = gradient(f, "torch", attached)
    torch.testing.assert_close(pulled.detach(), gradient(plain, "torch", x))
    with pytest.raises(RuntimeError, match="differentiate twice"):
        pulled.sum().backward()


class Scaled(torch.autograd.Function):
    """Saves an input without a graph, a mask and a random mask, all constants, and an output."""

    @staticmethod
    def forward(ctx: Any, x: Any, scale: Any) -> Any:
        y = x.exp()
        positive, ctx.mask = (x > 0).to(x.dtype), torch.randint(1, 3, x.shape).to(x.dtype)
        ctx.save_for_backward(y, scale, positive)
        return y

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        y, scale, positive = ctx.saved_tensors
        return g * y * scale / scale * positive * ctx.mask / ctx.mask, None


class SineBackward(torch.autograd.Function):
    """The backward pass of `Accounted`, with a derivative of its own."""

    @staticmethod
    def forward(ctx: Any, g: Any, x: Any, slope: Any) -> Any:
        ctx.save_for_backward(g, x, slope)
        return g * slope

    @staticmethod
    def backward(ctx: Any, gg: Any) -> Any:
        g, x, slope = ctx.saved_tensors
        return gg * slope, -gg * g * x.sin(), None


class Accounted(torch.autograd.Function):
    """It keeps its slope, and its backward pass knows that."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x, x.cos())
        return x.sin()

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return SineBackward.apply(g, *ctx.saved_tensors)


def test_constants_and_what_is_accounted_for_are_differentiated() -> None:
    for f, slope in (
        (lambda x: Scaled.apply(x, U).sum(), X.exp()),
        (lambda x: Accounted.apply(x).sum(), -X.sin()),
    ):
        for _ in range(2):  # the second time as it is remembered
            equal(hessian(f, "torch", X), torch.diag(slope))
            equal(gradient(lambda x, f=f: (gradient(f, "torch", x) * U).sum(), "torch", X), slope * U)


def test_asking_changes_no_random_numbers_and_happens_once() -> None:
    runs: list[Any] = []

    def f(x: Any) -> Any:
        runs.append(torch.rand(()))
        return Accounted.apply(x).sum()

    counts = []
    for _ in range(2):
        torch.manual_seed(0)
        runs.clear()
        hessian_vector_product(f, "torch", X, U)
        counts.append(len(runs))
    assert counts[1] == 1 < counts[0]
    torch.manual_seed(0)
    adhelpers.clear_caches()
    hessian_vector_product(f, "torch", X, U)
    after = torch.rand(())
    torch.manual_seed(0)
    hessian_vector_product(f, "torch", X, U)
    assert after == torch.rand(())
