"""What solvers find, on PyTorch: by whole matrices, by products alone, and with NumPy's solvers."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import adhelpers

torch = pytest.importorskip("torch")
pytest.importorskip("adhelpers_plugins.torch.levels")
func = torch.func

A = np.array([[4.0, 1.0, 0.0], [1.0, 3.0, 0.5], [0.0, 0.5, 5.0]])
X = np.array([1.0, 2.0, 0.5])
SECOND_ORDER = ("forward-over-reverse", "reverse-over-reverse", "reverse-over-forward", "forward-over-forward")


def solution(x: Any) -> Any:
    """Of ``(A + diag(x)) y = x**2``, for complex steps too."""
    return np.linalg.solve(A + np.diag(x), x**2)


def jacobian_of_solution(x: Any) -> Any:
    """By the complex step."""
    return np.stack([solution(x + 1e-30j * e).imag / 1e-30 for e in np.eye(3)], axis=1)


def gradient_of_loss(x: Any) -> Any:
    """Of the sum of the sines of the solution, by the complex step."""
    return np.array([np.sin(solution(x + 1e-30j * e)).sum().imag / 1e-30 for e in np.eye(3)])


def hessian_of_loss(x: Any) -> Any:
    """By sixth-order differences of the gradient."""
    h, weights = 1e-2, {1: 3 / 4, 2: -3 / 20, 3: 1 / 60}
    rows = [
        sum(w * (gradient_of_loss(x + k * h * e) - gradient_of_loss(x - k * h * e)) for k, w in weights.items()) / h
        for e in np.eye(3)
    ]
    return np.stack(rows, axis=1)


def conjugate_gradients(matvec: Callable[[Any], Any], b: Any) -> Any:
    x, r = torch.zeros_like(b), b
    p, rr = r, (r * r).sum()
    for _ in range(8):
        ap = matvec(p)
        step = rr / ((p * ap).sum() + 1e-300)
        x, r = x + step * p, r - step * ap
        previous, rr = rr, (r * r).sum()
        p = r + rr / (previous + 1e-300) * p
    return x


def dense_by_products(matvec: Callable[[Any], Any], b: Any) -> Any:
    """PyTorch's own solve of the matrix that the products give."""
    return torch.linalg.solve(torch.stack([matvec(e) for e in torch.eye(3, dtype=b.dtype)], dim=1), b)


def system(linear_solve: Any, is_numpy: bool) -> Any:
    matrix = torch.tensor(A)

    def conditions(x: Any, y: Any) -> Any:
        return matrix @ y + x * y - x**2

    if is_numpy:

        @adhelpers.implicit(conditions, linear_solve=linear_solve, shapes=lambda x: x)
        def solve(x: Any) -> Any:
            assert type(x) is np.ndarray
            return solution(x)

        return solve

    @adhelpers.implicit(conditions, linear_solve=linear_solve)
    def solve_in_torch(x: Any) -> Any:
        return torch.linalg.solve(matrix + torch.diag(x), x**2)

    return solve_in_torch


SYSTEMS = [
    pytest.param(solver, is_numpy, id=f"{name} {'NumPy' if is_numpy else 'torch'}")
    for (name, solver), is_numpy in itertools.product(
        {"dense": "dense", "cg": conjugate_gradients, "solve": dense_by_products}.items(), (False, True)
    )
]


@pytest.mark.parametrize(("linear_solve", "is_numpy"), SYSTEMS)
def test_first_and_second_derivatives_of_a_coupled_system(linear_solve: Any, is_numpy: bool) -> None:
    f = system(linear_solve, is_numpy)
    x, jacobian, hessian = torch.tensor(X), jacobian_of_solution(X), hessian_of_loss(X)

    def loss(x: Any) -> Any:
        return torch.sin(f(x)).sum()

    for mode in ("auto", "forward", "reverse"):
        np.testing.assert_allclose(adhelpers.jacobian(f, "torch", x, mode=mode), jacobian, rtol=1e-10)
    for transformation in (func.jacfwd, func.jacrev):
        np.testing.assert_allclose(transformation(f)(x), jacobian, rtol=1e-10)
    for mode in SECOND_ORDER:
        np.testing.assert_allclose(adhelpers.hessian(loss, "torch", x, mode=mode), hessian, rtol=1e-8, atol=1e-10)
    for outer, inner in itertools.product((func.jacfwd, func.jacrev), repeat=2):
        np.testing.assert_allclose(outer(inner(loss))(x), hessian, rtol=1e-8, atol=1e-10)
    mapped = func.vmap(func.grad(loss))(torch.stack([x, 2 * x]))
    np.testing.assert_allclose(mapped, [gradient_of_loss(X), gradient_of_loss(2 * X)], rtol=1e-10)
    leaf = x.clone().requires_grad_()
    loss(leaf).backward()
    np.testing.assert_allclose(leaf.grad, gradient_of_loss(X), rtol=1e-10)


@pytest.mark.parametrize(("linear_solve", "is_numpy"), SYSTEMS)
def test_hessian_products_are_right_again_and_again(linear_solve: Any, is_numpy: bool) -> None:
    """One in many was once wrong, through conjugate gradients."""
    f, generator = system(linear_solve, is_numpy), np.random.default_rng(0)
    for k in range(12):
        point = X + generator.uniform(size=3)
        u = generator.normal(size=3)
        received = adhelpers.hessian_vector_product(
            lambda x: torch.sin(f(x)).sum(), "torch", torch.tensor(point), torch.tensor(u), mode=SECOND_ORDER[k % 4]
        )
        np.testing.assert_allclose(received, hessian_of_loss(point) @ u, rtol=1e-7, atol=1e-9)


def root(linear_solve: Any) -> Any:
    @adhelpers.implicit(lambda x, y: {"s": y["s"] ** 3 - x["a"] * x["b"]}, linear_solve=linear_solve)
    def cube_root(x: Any) -> Any:
        return {"s": (x["a"] * x["b"]) ** (1 / 3)}

    return cube_root


@pytest.mark.parametrize(
    "linear_solve", ["dense", lambda matvec, b: {"s": b["s"] / matvec({"s": b["s"]})["s"] * b["s"]}]
)
def test_third_derivatives_in_every_composition(linear_solve: Any) -> None:
    f = root(linear_solve)
    a, b = torch.tensor(8.0, dtype=torch.float64), torch.tensor(1.5, dtype=torch.float64)
    third = 10 / 27 * 12.0 ** (-8 / 3) * 1.5**3
    for ways in itertools.product((func.jacfwd, func.grad), repeat=3):

        def g(a: Any) -> Any:
            return f({"a": a, "b": b})["s"]

        for way in ways:
            g = way(g)
        assert float(g(a)) == pytest.approx(third, rel=1e-10), ways


def test_conditions_that_are_a_gradient() -> None:
    """The least of ``(y - x)**4 / 4 + y**2 / 2 - y * x**2``, where ``(y - x)**3 + y == x**2``."""

    def energy(y: Any, x: Any) -> Any:
        return ((y - x) ** 4 / 4 + y**2 / 2 - y * x**2).sum()

    @adhelpers.implicit(lambda x, y: adhelpers.gradient(energy, "torch", y, args=(x,)))
    def least(x: Any) -> Any:
        y = x
        for _ in range(60):
            y = y - ((y - x) ** 3 + y - x**2) / (3 * (y - x) ** 2 + 1)
        return y

    x = torch.tensor([1.5, 0.5], dtype=torch.float64)
    y = least(x)
    w = 3 * (y - x) ** 2  # w (y' - 1) + y' = 2 x, and once more
    first = (w + 2 * x) / (w + 1)
    second = (2 - 6 * (y - x) * (first - 1) ** 2) / (w + 1)
    np.testing.assert_allclose(adhelpers.gradient(lambda x: least(x).sum(), "torch", x), first, rtol=1e-10)
    for mode in SECOND_ORDER:
        hessian = adhelpers.hessian(lambda x: least(x).sum(), "torch", x, mode=mode)
        np.testing.assert_allclose(hessian, np.diag(second), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(func.hessian(lambda x: least(x).sum())(x), np.diag(second), rtol=1e-9, atol=1e-12)
