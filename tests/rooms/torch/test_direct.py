"""What results are attached to, and functions of a user that torch.func refuses."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from typing import Any

import pytest
from torch_functions import MODES, PRODUCTS, OldStyle, Once, U, X, equal, square

from adhelpers import (
    batched_jacobian,
    jacobian_vector_product,
    second_derivative,
    value_and_jacobian_vector_product,
    value_and_vector_jacobian_product,
    vector_jacobian_product,
)

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.usefixtures("levels_known")


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode, torch.enable_grad])
@pytest.mark.parametrize("call", PRODUCTS)
def test_gradient_modes_around_do_not_matter(context: Any, call: Any) -> None:
    with context():
        equal(call(square, None, X, U), 2 * X * U)
        made_inside = X * 1.0
        equal(call(square, None, made_inside, U * 1.0), 2 * X * U)
        for mode in MODES:
            equal(batched_jacobian(square, None, made_inside[None], mode=mode), 2 * X[None, None])


@pytest.mark.parametrize("call", PRODUCTS)
def test_results_stay_attached_to_parameters(call: Any) -> None:
    weight = torch.nn.Parameter(torch.tensor(2.0, dtype=torch.float64))
    call(lambda x: weight * x**3, None, X, U).sum().backward()
    equal(weight.grad, (3 * X**2 * U).sum())


@pytest.mark.parametrize("call", [value_and_jacobian_vector_product, value_and_vector_jacobian_product])
def test_values_and_aux_stay_attached_to_parameters(call: Any) -> None:
    weight = torch.nn.Parameter(torch.tensor(2.0, dtype=torch.float64))
    y, _, aux = call(lambda x: (weight * x**3, weight * x), None, X, U, has_aux=True)
    (y.sum() + aux.sum()).backward()
    equal(weight.grad, (X**3 + X).sum())
    with torch.no_grad():
        y, v, aux = call(lambda x: (weight * x**3, weight * x), None, X, U, has_aux=True)
    assert not any(result.requires_grad for result in (y, v, aux))
    for result in call(lambda x: x**3, None, X, U):
        assert not result.requires_grad


def test_only_what_depends_on_a_parameter_is_attached() -> None:
    weight = torch.nn.Parameter(torch.tensor(2.0, dtype=torch.float64))
    for call in (value_and_jacobian_vector_product, value_and_vector_jacobian_product):
        u = U if call is value_and_jacobian_vector_product else (U, U)
        (first, second), _, aux = call(lambda x: ((x**2, weight * x), x * 3), None, X, u, has_aux=True)
        assert (first.requires_grad, second.requires_grad, aux.requires_grad) == (False, True, False)
    assert not vector_jacobian_product(lambda x: x**2 + weight, None, X, U).requires_grad
    assert not vector_jacobian_product(lambda x: 3.0 * x, None, X.clone().requires_grad_(), U).requires_grad


@pytest.mark.parametrize("call", PRODUCTS)
def test_tensors_made_in_inference_mode(call: Any) -> None:
    with torch.inference_mode():
        x, scale = X * 1.0, X * 2.0
    equal(call(square, None, x, U), 2 * X * U)
    equal(call(lambda x: scale * x, None, X, U), 2 * X * U)


@pytest.mark.parametrize("mode", MODES)
def test_batched_jacobians_stay_attached_to_parameters(mode: Any) -> None:
    weight = torch.nn.Parameter(torch.tensor(2.0, dtype=torch.float64))
    batched_jacobian(lambda x: weight * x**3, None, X[None], mode=mode).sum().backward()
    equal(weight.grad, (3 * X**2).sum())


@pytest.mark.parametrize("call", PRODUCTS)
def test_results_stay_attached_to_x(call: Any) -> None:
    x = X.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(call(square, None, x, U).sum(), x)
    equal(gradient, 2 * U)
    assert x.grad is None


@pytest.mark.parametrize("call", PRODUCTS)
def test_results_are_attached_to_u_only_on_request(call: Any) -> None:
    u = U.clone().requires_grad_()
    assert not call(square, None, X, u).requires_grad
    (gradient,) = torch.autograd.grad(call(square, None, X, u, differentiate_u=True).sum(), u)
    equal(gradient, 2 * X)


@pytest.mark.direct
def test_a_product_that_is_attached_may_be_of_something_that_can_be_differentiated_once() -> None:
    x = X.clone().requires_grad_()
    v = vector_jacobian_product(Once.apply, None, x, U)
    equal(v.detach(), 2 * X * U)


@pytest.mark.direct
@pytest.mark.parametrize("fails", [False, True])
def test_what_f_kept_of_a_pass_that_was_given_up_is_a_constant(fails: bool) -> None:
    kept: list[Any] = []

    def several(t: Any) -> Any:
        kept.append(t)
        if fails:
            raise RuntimeError("by itself")
        return torch.stack([t**3, t])

    with contextlib.suppress(RuntimeError):
        second_derivative(several, "torch", torch.tensor(2.0, dtype=torch.float64))
    assert not vector_jacobian_product(lambda x: x * kept[0], "torch", X, U).requires_grad


def test_the_first_call_may_stand_in_inference_mode() -> None:
    script = """
import torch, adhelpers
x = torch.ones(3)
with torch.inference_mode():
    assert adhelpers.vector_jacobian_product(lambda x: x**2, "torch", x, x).tolist() == [2.0, 2.0, 2.0]
"""
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize("call", PRODUCTS)
def test_sums_in_another_kind_of_number(call: Any) -> None:
    """PyTorch's reverse rule of a sum takes no complex cotangent for real numbers; forward mode stands in."""
    x = torch.tensor([0.5, 1.5], dtype=torch.float64)
    one = torch.ones_like(x) if call is jacobian_vector_product else torch.tensor(1.0 + 2.0j, dtype=torch.complex128)
    received = call(lambda x: torch.sum(x, dtype=torch.complex128), "torch", x, one)
    equal(received, torch.tensor(2.0 + 0.0j) if call is jacobian_vector_product else torch.ones_like(x))


class ByNumpy(OldStyle):
    """Its backward pass cannot be vectorised."""

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return torch.from_numpy(2 * x.detach().numpy() * g.detach().numpy())


class ForwardOnly(torch.autograd.Function):
    """x squared, without a backward pass."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.x = x
        return x**2

    @staticmethod
    def jvp(ctx: Any, tangent: Any) -> Any:
        return 2 * ctx.x * tangent


@pytest.mark.direct
@pytest.mark.parametrize("call", PRODUCTS)
def test_custom_functions_that_torch_func_refuses(call: Any) -> None:
    v = call(OldStyle.apply, None, X, U)
    equal(v, 2 * X * U)
    assert not v.requires_grad
    equal(call(ForwardOnly.apply, None, X, U), 2 * X * U)
    for outer in PRODUCTS:
        equal(outer(lambda x: call(OldStyle.apply, None, x, U), None, X, U), 2 * U * U)
    for mode in MODES:
        equal(batched_jacobian(OldStyle.apply, None, X[None], mode=mode), 2 * X[None, None])
    equal(batched_jacobian(ByNumpy.apply, None, X[None], mode="reverse"), 2 * X[None, None])


def test_a_function_without_forward_rule() -> None:
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(x: Any) -> Any:
            return x**2

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (x,) = ctx.saved_tensors
            return 2 * x * g

    equal(jacobian_vector_product(Square.apply, None, X, U), 2 * X * U)

    for mode in MODES:  # by a loop, for it has no vmap rule either
        equal(batched_jacobian(Square.apply, None, X[None], mode=mode), 2 * X[None, None])
