"""Derivatives beside what frameworks have of their own: Parameters, tracers, transformations, and missing rules."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import adhelpers
from adhelpers import (
    UnsupportedOperationError,
    batched_gradient,
    batched_hessian,
    derivative,
    gauss_newton_product,
    gradient,
    hessian,
    hessian_vector_product,
    jacobian,
    laplacian,
    second_derivative,
)
from conftest import MODES, assert_close, make

Backend = adhelpers.ADBackend
X, U = np.array([1.0, 2.0, -0.5]), np.array([0.5, -1.0, 2.0])

# Each operation on functions that close over weights w, summed up, and the gradient of that sum by w.
CLOSURES: dict[str, tuple[Callable[[Backend, Any, Any], Any], np.ndarray]] = {
    "derivative": (lambda b, w, x: derivative(lambda t: (w * t**3).sum(), b, x[1]), np.full(3, 12.0)),
    "second_derivative": (lambda b, w, x: second_derivative(lambda t: (w * t**3).sum(), b, x[1]), np.full(3, 12.0)),
    "gradient": (lambda b, w, x: gradient(lambda x: (w * x**3).sum(), b, x), 3.0 * X**2),
    "jacobian-forward": (lambda b, w, x: jacobian(lambda x: w * x**3, b, x, mode="forward"), 3.0 * X**2),
    "jacobian-reverse": (lambda b, w, x: jacobian(lambda x: w * x**3, b, x, mode="reverse"), 3.0 * X**2),
    "hessian": (lambda b, w, x: hessian(lambda x: (w * x**3).sum(), b, x), 6.0 * X),
    "laplacian": (lambda b, w, x: laplacian(lambda x: (w * x**3).sum(), b, x), 6.0 * X),
    "gauss_newton_product": (
        lambda b, w, x: gauss_newton_product(lambda x: w * x**2, b, x, x),  # 4 w**2 x**3
        8.0 * X**3,
    ),
    "gauss_newton_product_of_a_loss": (
        lambda b, w, x: gauss_newton_product(lambda x: x**2, b, x, x, loss=lambda y: (w * y**2).sum()),  # 8 w x**3
        8.0 * X**3,
    ),
    "batched_gradient": (lambda b, w, x: batched_gradient(lambda x: w * x[0] ** 3, b, x[None]), 3.0 * X**2),
    "batched_hessian": (lambda b, w, x: batched_hessian(lambda x: w * x[0] ** 3, b, x[None]), 6.0 * X),
    **{
        f"hessian_vector_product-{mode}": (
            lambda b, w, x, mode=mode: hessian_vector_product(lambda x: (w * x**3).sum(), b, x, x, mode=mode),
            6.0 * X**2,
        )
        for mode in MODES
    },
}
every_closure = pytest.mark.parametrize("name", CLOSURES)


@pytest.fixture
def torch() -> ModuleType:
    make("torch")
    import torch

    return torch


@pytest.fixture
def jax() -> ModuleType:
    make("jax")
    import jax

    with adhelpers.backend("jax", x64=True).scope():
        yield jax


# -- context (R12, R15) ------------------------------------------------------------------------------------


@every_closure
def test_results_stay_attached_to_parameters(torch: ModuleType, name: str) -> None:
    operation, expected = CLOSURES[name]
    w = torch.nn.Parameter(torch.ones(3, dtype=torch.float64))
    operation(make("torch"), w, torch.tensor(X)).sum().backward()
    np.testing.assert_allclose(w.grad.numpy(), expected, rtol=1e-12)


@every_closure
def test_modes_of_torch_change_nothing(torch: ModuleType, name: str) -> None:
    operation, _ = CLOSURES[name]
    backend, w, x = make("torch"), torch.ones(3, dtype=torch.float64), torch.tensor(X)
    expected = operation(backend, w, x)
    for context in (torch.no_grad(), torch.inference_mode()):
        with context:
            received = operation(backend, w, x)
        np.testing.assert_allclose(received.numpy(), expected.numpy(), rtol=1e-12)
        assert not received.requires_grad


@every_closure
def test_inside_transformations_of_torch(torch: ModuleType, name: str) -> None:
    operation, expected = CLOSURES[name]
    backend, w, x = make("torch"), torch.ones(3, dtype=torch.float64), torch.tensor(X)
    received = torch.func.grad(lambda w: operation(backend, w, x).sum())(w)
    np.testing.assert_allclose(received.numpy(), expected, rtol=1e-12)
    _, received = torch.func.jvp(lambda w: operation(backend, w, x).sum(), (w,), (torch.tensor(U),))
    np.testing.assert_allclose(received.numpy(), expected @ U, rtol=1e-12)
    received = torch.func.vmap(lambda w: operation(backend, w, x).sum())(torch.stack([w, 2.0 * w]))
    one, two = (operation(backend, factor * w, x).sum() for factor in (1.0, 2.0))
    np.testing.assert_allclose(received.numpy(), [one, two], rtol=1e-12)


@every_closure
def test_inside_transformations_of_jax(jax: ModuleType, name: str) -> None:
    operation, expected = CLOSURES[name]
    backend, w, x = make("jax"), np.ones(3), jax.numpy.asarray(X)

    def f(w: Any) -> Any:
        return operation(backend, w, x).sum()

    received, mapped = jax.jit(lambda w: (jax.grad(f)(w), jax.vmap(f)(jax.numpy.stack([w, 2.0 * w]))))(w)
    np.testing.assert_allclose(received, expected, rtol=1e-12)
    degree = 4.0 if name == "gauss_newton_product" else 2.0
    np.testing.assert_allclose(mapped[1], degree * mapped[0], rtol=1e-12)


def test_values_stay_attached(torch: ModuleType) -> None:
    """Of a second derivative the value travels beside what is differentiated."""
    backend, x = make("torch"), torch.tensor(X)
    for operation in (
        adhelpers.value_and_gradient,
        adhelpers.value_and_hessian,
        adhelpers.value_and_laplacian,
        *[
            lambda f, b, x, mode=mode: adhelpers.value_and_hessian_vector_product(f, b, x, x, mode=mode)
            for mode in MODES
        ],
    ):
        w = torch.nn.Parameter(torch.ones(3, dtype=torch.float64))
        operation(lambda x, w=w: (w * x**3).sum(), backend, x)[0].backward()
        np.testing.assert_allclose(w.grad.numpy(), X**3, rtol=1e-12)


VALUES: dict[str, Callable[[Backend, Any], Any]] = {
    "gradient": lambda b, x: adhelpers.value_and_gradient(lambda x: (x**3).sum(), b, x)[0],
    "jacobian": lambda b, x: adhelpers.value_and_jacobian(lambda x: (x**3).sum(), b, x)[0],
    "hessian": lambda b, x: adhelpers.value_and_hessian(lambda x: (x**3).sum(), b, x)[0],
    "laplacian": lambda b, x: adhelpers.value_and_laplacian(lambda x: (x**3).sum(), b, x)[0],
    "gauss_newton_product": lambda b, x: adhelpers.value_and_gauss_newton_product(lambda x: (x**3).sum(), b, x, x)[0],
    "aux": lambda b, x: gradient(lambda x: (x.sum(), (x**3).sum()), b, x, has_aux=True)[1],
    **{
        mode: lambda b, x, mode=mode: adhelpers.value_and_hessian_vector_product(  # type: ignore[misc]
            lambda x: (x**3).sum(), b, x, x, mode=mode
        )[0]
        for mode in MODES
    },
}


@pytest.mark.parametrize("name", VALUES)
def test_values_and_aux_have_derivatives_too(framework: Backend, name: str) -> None:
    f = lambda x: VALUES[name](framework, x)  # noqa: E731
    assert_close(framework, gradient(f, framework, X), 3.0 * X**2)
    assert_close(framework, adhelpers.jacobian_vector_product(f, framework, X, U), np.asarray(3.0 * X**2 @ U))


# -- missing rules (R14) ---------------------------------------------------------------------------------


def torch_cube() -> tuple[Any, Any]:
    """Without a forward rule, and None: PyTorch has no function without a reverse one that has a forward one."""
    import torch

    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (x,) = ctx.saved_tensors
            return 3.0 * x**2 * g

    return Cube.apply, None


def autograd_cube() -> tuple[Any, Any]:
    from autograd.extend import defjvp, defvjp, primitive

    one, other = primitive(lambda x: x**3), primitive(lambda x: x**3)
    defvjp(one, lambda ans, x: lambda g: 3.0 * x**2 * g)
    defjvp(other, lambda g, ans, x: 3.0 * x**2 * g)
    return one, other


def jax_cube() -> tuple[Any, Any]:
    import jax

    @jax.custom_vjp
    def one(x: Any) -> Any:
        return x**3

    one.defvjp(lambda x: (x**3, x), lambda x, g: (3.0 * x**2 * g,))

    def other(x: Any) -> Any:
        """A loop of unknown length, which has no reverse mode."""
        start = (x * 0.0 + 1.0, 0)
        return jax.lax.while_loop(lambda state: state[1] < 3, lambda state: (state[0] * x, state[1] + 1), start)[0]

    return one, other


CUBES = {"torch": torch_cube, "autograd": autograd_cube, "jax": jax_cube}


@pytest.mark.parametrize("lacks", ["forward", "reverse"])
def test_the_other_mode_stands_in(framework: Backend, lacks: str) -> None:
    cube = CUBES[framework.name]()[lacks == "reverse"]
    if cube is None:
        pytest.skip("PyTorch's functions of users have a reverse mode")

    def total(x: Any) -> Any:
        return cube(x).sum()

    assert_close(framework, derivative(cube, framework, np.asarray(0.7)), np.asarray(3.0 * 0.49))
    assert_close(framework, gradient(total, framework, X), 3.0 * X**2)
    for mode in ("auto", "forward", "reverse"):
        assert_close(framework, jacobian(cube, framework, X, mode=mode), np.diag(3.0 * X**2))
    assert_close(framework, gauss_newton_product(cube, framework, X, U), 9.0 * X**4 * U)
    x = X[:, None] * np.ones(2)
    assert_close(framework, batched_gradient(lambda x: cube(x).sum(0), framework, x), 3.0 * x**2)
    few = framework.name == "jax"
    for mode in ("auto", *MODES) if not few else ("auto", MODES[0], MODES[2]):
        assert_close(framework, hessian_vector_product(total, framework, X, U, mode=mode), 6.0 * X * U)
        if not few:
            assert_close(framework, hessian(total, framework, X, mode=mode), np.diag(6.0 * X))
            assert_close(framework, laplacian(total, framework, X, mode=mode), np.asarray(6.0 * X.sum()))
    assert_close(framework, second_derivative(cube, framework, np.asarray(0.7)), np.asarray(4.2))
    received = batched_hessian(lambda x: cube(x).sum(0), framework, x)
    assert_close(framework, received, 6.0 * x * np.eye(3)[:, :, None])


def test_fallback_false_raises_at_once(framework: Backend) -> None:
    strict = type(framework)(**{**vars(framework), "fallback": False})
    one, other = CUBES[framework.name]()
    calls: list[Callable[[], Any]] = [
        lambda: derivative(one, strict, np.asarray(0.7)),
        lambda: jacobian(one, strict, X, mode="forward"),
        lambda: hessian_vector_product(lambda x: one(x).sum(), strict, X, U, mode="reverse-over-forward"),
        lambda: gauss_newton_product(one, strict, X, U),
    ]
    if other is not None:
        calls += [
            lambda: gradient(lambda x: other(x).sum(), strict, X),
            lambda: jacobian(other, strict, X, mode="reverse"),
            lambda: hessian_vector_product(lambda x: other(x).sum(), strict, X, U, mode="forward-over-reverse"),
            lambda: hessian(lambda x: other(x).sum(), strict, X, mode="reverse-over-reverse"),
        ]
    for call in calls:
        with pytest.raises(UnsupportedOperationError, match=r"lacks a (forward|reverse) rule .*with fallback=True"):
            call()
    # Automatic mode expresses no preference.
    assert_close(framework, jacobian(one, strict, X), np.diag(3.0 * X**2))
