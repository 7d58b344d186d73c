"""Derivatives inside and around the products and one another: third derivatives, confusion, constant directions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hard_functions import HARD, Backend, U, W, agree, hessian_of, reference, third_derivatives_of

import adhelpers
from adhelpers import (
    array_namespace,
    batched_gradient,
    batched_hessian,
    batched_jacobian,
    derivative,
    gauss_newton_product,
    gradient,
    hessian,
    hessian_vector_product,
    jacobian,
    jacobian_vector_product,
    laplacian,
    second_derivative,
    vector_jacobian_product,
)
from conftest import MODES, assert_close, make


def skip_compilation(backend: Backend, name: str) -> None:
    if backend.name == "jax" and name == "energy":
        pytest.skip("JAX compiles every primitive; two functions suffice")


# -- inside and around the products (R12) --------------------------------------------------------------


@pytest.mark.parametrize("name", ["rosenbrock", "flat", "energy"])
def test_third_derivatives_by_products_around_them(framework: Backend, name: str) -> None:
    skip_compilation(framework, name)
    hard, (_, third) = HARD[name], reference(name, tuple(U))
    x = hard.point
    push, pull = jacobian_vector_product, vector_jacobian_product
    agree(framework, push(lambda x: gradient(hard, framework, x), framework, x, U), reference(name)[1] @ U)
    agree(framework, pull(lambda x: gradient(hard, framework, x), framework, x, U), reference(name)[1] @ U)
    agree(framework, push(lambda x: hessian(hard, framework, x), framework, x, U), third)
    agree(framework, pull(lambda x: hessian(hard, framework, x), framework, x, np.outer(U, W)), third @ W)
    for mode in MODES if framework.name != "jax" else MODES[:1]:
        product = lambda x, mode=mode: hessian_vector_product(hard, framework, x, W, mode=mode)  # noqa: E731
        agree(framework, push(product, framework, x, U), third @ W)
        agree(framework, pull(product, framework, x, U), third @ W)
    if framework.name != "jax" or name == "flat":
        agree(framework, push(lambda x: laplacian(hard, framework, x), framework, x, U), np.trace(third))
        received = gradient(lambda x: laplacian(hard, framework, x), framework, x)
        assert_close(framework, received, np.trace(third_derivatives_of(name)))
        received = jacobian(lambda x: hessian(hard, framework, x), framework, x)
        agree(framework, received, third_derivatives_of(name))


@pytest.mark.parametrize("name", ["rosenbrock", "flat", "energy"])
def test_third_derivatives_of_products_inside(framework: Backend, name: str) -> None:
    skip_compilation(framework, name)
    hard, third = HARD[name], reference(name, tuple(U))[1]
    second = hessian_of(hard.f, hard.point) @ U  # the gradient of the slope along U
    x = hard.point

    def slope(x: Any) -> Any:
        return jacobian_vector_product(hard, framework, x, U)

    def pulled(x: Any) -> Any:
        return (vector_jacobian_product(hard, framework, x, 1.0) * array_namespace(x).asarray(U)).sum()

    for f in (slope, pulled):
        agree(framework, gradient(f, framework, x), second)
        if framework.name != "jax" or f is slope:
            agree(framework, hessian(f, framework, x), third)
            agree(framework, hessian_vector_product(f, framework, x, W), third @ W)
            agree(framework, laplacian(f, framework, x), np.trace(third))


def test_derivatives_of_derivatives(backend: Backend) -> None:
    def f(x: Any) -> Any:  # sin(2 x) / 2
        return derivative(lambda x: -array_namespace(x).cos(2.0 * x) / 4.0, backend, x)

    assert_close(backend, derivative(f, backend, np.asarray(0.3)), np.asarray(np.cos(0.6)), depth=2)
    assert_close(backend, second_derivative(f, backend, np.asarray(0.3)), np.asarray(-2.0 * np.sin(0.6)), depth=3)


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_batched_jacobians_around_and_inside(framework: Backend, mode: Any) -> None:
    hard = HARD["rosenbrock" if framework.name != "jax" else "flat"]
    points = hard.point[:, None] * np.array([1.0, 0.9, -1.1])
    second = np.stack([hessian_of(hard.f, x) for x in points.T], axis=-1)
    third = np.stack([hessian_of(hard.f, x, U) for x in points.T], axis=-1)
    gradients = lambda x: batched_gradient(hard, framework, x)  # noqa: E731
    agree(framework, batched_jacobian(gradients, framework, points, mode=mode), second)
    u = U[:, None] + 0.0 * points
    hessians = lambda x: batched_hessian(hard, framework, x)  # noqa: E731
    agree(framework, jacobian_vector_product(hessians, framework, points, u), third)

    def row(x: Any) -> Any:
        J = batched_jacobian(lambda x: hard(x)[None, :], framework, x, mode=mode)[0, :, :]
        return array_namespace(x).sum(J * array_namespace(x).asarray(U)[:, None], axis=0)

    agree(framework, batched_gradient(row, framework, points), np.einsum("ijb,j->ib", second, U))
    agree(framework, batched_hessian(row, framework, points), third)


# -- perturbations are not confused, and u is constant (R12, R13) ----------------------------------------


X = np.array([0.3, 0.7, -1.1])

# The derivative by z of sum(x z**3), times x: each operation at z = x, and its Jacobian as a function of x, where
# the x that the inner function closes over is another than the z it is differentiated by.
CONFUSING: dict[str, tuple[Callable[[Backend, Any], Any], np.ndarray]] = {
    "gradient": (lambda b, x: gradient(lambda z: (x * z**3).sum(), b, x), np.diag(9.0 * X**2)),
    "hessian": (
        lambda b, x: hessian(lambda z: (x * z**3).sum(), b, x).sum(0),
        np.diag(12.0 * X),
    ),
    "jacobian": (lambda b, x: jacobian(lambda z: x * z**3, b, x).sum(0), np.diag(9.0 * X**2)),
    "laplacian": (lambda b, x: laplacian(lambda z: (x * z**3).sum(), b, x)[None], 12.0 * X[None]),
    "hessian_vector_product": (
        lambda b, x: hessian_vector_product(lambda z: (x * z**3).sum(), b, x, U),
        np.diag(12.0 * X * U),
    ),
    "gauss_newton_product": (
        lambda b, x: gauss_newton_product(lambda z: x * z**2, b, x, U),  # (2 x z)**2 u
        np.diag(16.0 * X**3 * U),
    ),
    "gauss_newton_product_of_a_loss": (
        lambda b, x: gauss_newton_product(lambda z: z**2, b, x, U, loss=lambda y: (x * y**2).sum()),  # 8 x**3 u
        np.diag(24.0 * X**2 * U),
    ),
}


@pytest.mark.parametrize("case", CONFUSING)
def test_perturbations_are_not_confused(framework: Backend, case: str) -> None:
    operation, expected = CONFUSING[case]
    f = lambda x: operation(framework, x)  # noqa: E731
    agree(framework, jacobian_vector_product(f, framework, X, W), expected @ W)
    agree(framework, vector_jacobian_product(f, framework, X, np.ones(len(expected))), expected.sum(0))
    for mode in ("forward", "reverse"):
        agree(framework, jacobian(f, framework, X, mode=mode), expected)


@pytest.mark.parametrize("outer", [jacobian_vector_product, vector_jacobian_product])
@pytest.mark.parametrize("mode", ["auto", *MODES])
def test_the_direction_of_a_hessian_is_constant(framework: Backend, outer: Any, mode: Any) -> None:
    """The Hessian of sum(z**3) times u = x**2 is 6 x u: its derivative has 6 u, and 12 x**2 only if u has one."""
    if framework.name == "jax" and mode in MODES[1:3]:
        pytest.skip("JAX compiles for each mode; three suffice")

    def derivative_of(u_too: bool) -> Any:
        options = {"mode": mode, "differentiate_u": u_too}
        product = lambda x: hessian_vector_product(lambda z: (z**3).sum(), framework, x, x**2, **options)  # noqa: E731
        return outer(product, framework, X, W)

    agree(framework, derivative_of(False), 6.0 * X**2 * W)
    agree(framework, derivative_of(True), 18.0 * X**2 * W)


@pytest.mark.parametrize("outer", [jacobian_vector_product, vector_jacobian_product])
@pytest.mark.parametrize("loss", [None, lambda y: (y**3).sum() / 6.0])
def test_the_direction_of_a_gauss_newton_product_is_constant(framework: Backend, outer: Any, loss: Any) -> None:
    """J is 2 x, and H is 1 or x**2: the product with u = x is 4 x**2 u, or 4 x**4 u."""

    def derivative_of(u_too: bool) -> Any:
        def product(x: Any) -> Any:
            return gauss_newton_product(lambda z: z**2, framework, x, x, loss=loss, differentiate_u=u_too)

        return outer(product, framework, X, W)

    power = 2 if loss is None else 4
    agree(framework, derivative_of(False), 4.0 * power * X**power * W)
    agree(framework, derivative_of(True), 4.0 * (power + 1) * X**power * W)


def test_an_inner_backend_may_be_another() -> None:
    """Frameworks do not see through one another; each says so, and none gives a wrong number."""
    one, other = make("torch"), make("jax")
    with pytest.raises((TypeError, adhelpers.AdhelpersError), match=r"torch|Tensor"):
        gradient(lambda x: gradient(lambda z: (z**2).sum(), other, x).sum(), one, X)
