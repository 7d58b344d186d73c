"""Derivatives of hard functions, to ten digits, in every mode and by every operation."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest
from hard_functions import (
    HARD,
    PRECISE,
    Backend,
    U,
    agree,
    gradient_of,
    hessian_of,
    oscillator,
    reference,
    solution,
)

from adhelpers import (
    array_namespace,
    batched_hessian,
    derivative,
    gauss_newton_product,
    gradient,
    hessian,
    jacobian,
    laplacian,
    second_derivative,
    value_and_batched_gradient,
    value_and_batched_hessian,
    value_and_gauss_newton_product,
    value_and_gradient,
    value_and_hessian,
    value_and_hessian_vector_product,
    value_and_jacobian,
    value_and_laplacian,
    value_and_second_derivative,
)
from conftest import MODES

FEW = ("rosenbrock", "flat")
"""What JAX runs of tests with many calls, for it compiles every primitive."""
every_function = pytest.mark.parametrize("name", HARD)
every_mode = pytest.mark.parametrize("mode", MODES)


def skip_what_is_too_hard(backend: Backend, name: str) -> None:
    if backend.name == "finite-difference" and not HARD[name].gentle:
        pytest.skip("differences leave no digit of it")


def skip_compilation(backend: Backend, name: str) -> None:
    if backend.name == "jax" and name not in FEW:
        pytest.skip("JAX compiles every primitive; a few functions suffice")


# -- values ---------------------------------------------------------------------------------------------


@every_function
def test_gradients(backend: Backend, name: str) -> None:
    skip_what_is_too_hard(backend, name)
    hard, (expected, _) = HARD[name], reference(name)
    y, v = value_and_gradient(hard, backend, hard.point)
    agree(backend, y, hard(hard.point))
    agree(backend, v, expected)
    agree(backend, gradient(hard, backend, hard.point), expected)


@every_function
def test_hessians(backend: Backend, name: str) -> None:
    skip_what_is_too_hard(backend, name)
    hard, (_, expected) = HARD[name], reference(name)
    y, H = value_and_hessian(hard, backend, hard.point)
    agree(backend, y, hard(hard.point))
    agree(backend, H, expected, depth=2)
    agree(backend, hessian(hard, backend, hard.point, chunk_size=2), expected, depth=2)
    y, v = value_and_laplacian(hard, backend, hard.point)
    agree(backend, y, hard(hard.point))
    agree(backend, v, np.trace(expected), depth=2)


@every_mode
@every_function
def test_modes_of_second_derivatives(backend: Backend, name: str, mode: Any) -> None:
    skip_what_is_too_hard(backend, name)
    skip_compilation(backend, name)
    hard, (_, expected) = HARD[name], reference(name)
    y, v = value_and_hessian_vector_product(hard, backend, hard.point, U, mode=mode)
    agree(backend, y, hard(hard.point))
    agree(backend, v, expected @ U, depth=2)
    agree(backend, hessian(hard, backend, hard.point, mode=mode), expected, depth=2)
    agree(backend, laplacian(hard, backend, hard.point, mode=mode, chunk_size=1), np.trace(expected), depth=2)


@every_function
def test_functions_of_one_number(backend: Backend, name: str) -> None:
    """Along a line: the chain rule gives what the gradient and the Hessian do."""
    skip_what_is_too_hard(backend, name)
    skip_compilation(backend, name)
    hard, (first, second) = HARD[name], reference(name)

    def f(t: Any) -> Any:
        xp = array_namespace(t)
        return hard(xp.asarray(hard.point) + t * xp.asarray(U))

    agree(backend, derivative(f, backend, np.asarray(0.0)), first @ U)
    y, v = value_and_second_derivative(f, backend, np.asarray(0.0))
    agree(backend, y, hard(hard.point))
    agree(backend, v, U @ second @ U, depth=2)


@pytest.mark.parametrize("x", [0.5, 5.0, 11.0])
def test_bessel_functions(framework: Backend, x: float) -> None:
    def f(x: Any) -> Any:
        term = total = 1.0 + 0.0 * x
        for k in range(1, 40):
            term = -term * (x / 2.0) ** 2 / k**2
            total = total + term
        return {"j0": total}

    j0, j1 = (float(mpmath.besselj(order, x)) for order in (0, 1))
    agree(framework, derivative(f, framework, np.asarray(x))["j0"], -j1)
    agree(framework, second_derivative(f, framework, np.asarray(x))["j0"], j1 / x - j0)


@pytest.mark.parametrize("f", [oscillator, solution])
@pytest.mark.parametrize("mode", ["auto", "forward", "reverse"])
def test_jacobians(backend: Backend, f: Any, mode: Any) -> None:
    x = np.array([1.0, -0.5, 1.5])
    y, J = value_and_jacobian(lambda x: f(array_namespace(x), x), backend, x, mode=mode)
    agree(backend, J, gradient_of(f, x))
    with mpmath.workdps(40):
        agree(backend, y, f(PRECISE, PRECISE.asarray(x)).astype(float))
    J = jacobian(lambda x: f(array_namespace(x), x), backend, x, mode=mode, chunk_size=2)
    agree(backend, J, gradient_of(f, x))


@pytest.mark.parametrize("f", [oscillator, solution])
def test_gauss_newton_products(backend: Backend, f: Any) -> None:
    x = np.array([1.0, -0.5, 1.5])
    J = gradient_of(f, x)
    with mpmath.workdps(40):
        y = f(PRECISE, PRECISE.asarray(x)).astype(float)
    function = lambda x: f(array_namespace(x), x)  # noqa: E731
    agree(backend, gauss_newton_product(function, backend, x, U), J.T @ J @ U, depth=2)

    def loss(y: Any) -> Any:
        xp = array_namespace(y)
        return xp.log(xp.sum(xp.exp(y))) + y[0] ** 2 * y[1]

    share = np.exp(y) / np.sum(np.exp(y))
    H = np.diag(share) - np.outer(share, share)
    H[0, 0] += 2.0 * y[1]
    H[0, 1] += 2.0 * y[0]
    H[1, 0] += 2.0 * y[0]
    value, v = value_and_gauss_newton_product(function, backend, x, U, loss=loss)
    agree(backend, value, y)
    agree(backend, v, J.T @ H @ J @ U, depth=2)


@pytest.mark.parametrize("axis", [-1, 0])
@every_function
def test_batches(backend: Backend, name: str, axis: Any) -> None:
    hard = HARD[name]
    if not hard.batched:
        pytest.skip("it takes one point at a time")
    skip_what_is_too_hard(backend, name)
    skip_compilation(backend, name)
    if backend.name == "jax" and (name, axis) == ("rosenbrock", 0):
        pytest.skip("JAX compiles for each shape")
    points = hard.point[:, None] * np.array([1.0, 1.0005, 0.9998, 1.0001])
    gradients = np.stack([gradient_of(hard.f, x) for x in points.T], axis=-1)
    hessians = np.stack([hessian_of(hard.f, x) for x in points.T], axis=-1)

    def f(x: Any) -> Any:
        return hard(x if axis == -1 else array_namespace(x).permute_dims(x, (1, 0)))

    x = points if axis == -1 else points.T.copy()
    y, v = value_and_batched_gradient(f, backend, x, batch_axis=axis)
    agree(backend, y, hard(points))
    agree(backend, v, np.moveaxis(gradients, -1, axis))
    y, H = value_and_batched_hessian(f, backend, x, batch_axis=axis)
    agree(backend, y, hard(points))
    agree(backend, H, np.moveaxis(hessians, -1, axis), depth=2)


@every_mode
def test_modes_of_batched_hessians(backend: Backend, mode: Any) -> None:
    hard = HARD["rosenbrock"]
    points = hard.point[:, None] * np.array([1.0, 0.9, 1.1, -1.0])
    expected = np.stack([hessian_of(hard.f, x) for x in points.T], axis=-1)
    H = batched_hessian(hard, backend, points, mode=mode, chunk_size=2)
    agree(backend, H, expected, depth=2)
