"""Operations inside operations: every order, perturbation confusion, and what an outer derivative sees of u."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from conftest import assert_close, complex_step_jacobian, make
from models import convolve_with, gelu, like

import adhelpers
from adhelpers import array_namespace, batched_jacobian, jacobian_vector_product, vector_jacobian_product

Backend = adhelpers.ADBackend
Function = Callable[[Any], Any]

X = np.array([[0.3, 0.7, 1.1, -0.4]])
C = np.array([[1.5, -0.5, 2.0, 0.8]])

# Each operation as a map between elementwise functions of x (1, B): g becomes c times its derivative.
OPERATIONS: dict[str, Callable[[Function, Backend, Any], Function]] = {
    "jvp": lambda g, backend, c: lambda x: jacobian_vector_product(g, backend, x, c),
    "vjp": lambda g, backend, c: lambda x: vector_jacobian_product(g, backend, x, c),
    "batched": lambda g, backend, c: lambda x: like(c, x) * batched_jacobian(g, backend, x)[0, :, :],
}
PRODUCTS = {"jvp": jacobian_vector_product, "vjp": vector_jacobian_product}


def strings(*lengths: int) -> Any:
    found = [string for length in lengths for string in itertools.product(OPERATIONS, repeat=length)]
    return pytest.mark.parametrize("string", found, ids="-".join)


pairs = pytest.mark.parametrize(("outer", "inner"), list(itertools.product(OPERATIONS, repeat=2)))


def at(backend: Backend, f: Function, x: Any) -> Any:
    """``f(x)`` on the backend's arrays."""
    with backend.scope():
        return f(backend.asarray(x))


def nest(string: tuple[str, ...], backend: Backend, f: Function) -> Function:
    """The derivative of `f` along `string`, the outermost first."""
    for name in reversed(string):
        f = OPERATIONS[name](f, backend, C)
    return f


def sine(x: Any) -> Any:
    return array_namespace(x).sin(2.0 * x)


def derivative_of_sine(k: int) -> np.ndarray:
    return (2.0 * C) ** k * np.sin(2.0 * X + k * np.pi / 2)


# -- every order ----------------------------------------------------------------------------------------


@strings(1, 2, 3)
def test_operations_nest_in_every_order(framework: Backend, string: tuple[str, ...]) -> None:
    assert_close(framework, at(framework, nest(string, framework, sine), X), derivative_of_sine(len(string)))


@strings(1, 2)
def test_differences_nest_twice(string: tuple[str, ...]) -> None:
    backend = make("finite-difference")
    assert_close(backend, nest(string, backend, sine)(X), derivative_of_sine(len(string)), depth=len(string))


@pytest.mark.parametrize("inner", ["jvp", "vjp", "forward", "reverse"])
@pytest.mark.parametrize("outer", ["jvp", "vjp", "forward", "reverse"])
def test_either_mode_nests_in_everything(framework: Backend, outer: str, inner: str) -> None:
    def derivative(name: Any, g: Function) -> Function:
        if name in PRODUCTS:
            return OPERATIONS[name](g, framework, C)
        return lambda x: like(C, x) * batched_jacobian(g, framework, x, mode=name)[0, :, :]

    received = at(framework, derivative(outer, derivative(inner, sine)), X)
    assert_close(framework, received, derivative_of_sine(2))


# -- perturbation confusion -----------------------------------------------------------------------------

# Inner functions of y that close over the outer x, where the inner derivative is taken, and the derivative
# with respect to x of the product of x and that derivative.
CLOSURES: dict[str, tuple[Callable[[Any, Any], Any], Function, Function]] = {
    "x + y at one": (lambda x, y: x + y, np.ones_like, np.ones_like),
    "x y at one": (lambda x, y: x * y, np.ones_like, lambda x: 2.0 * x),
    "x y at x": (lambda x, y: x * y, lambda x: x, lambda x: 2.0 * x),
    "x y^2 at one": (lambda x, y: x * y**2, np.ones_like, lambda x: 4.0 * x),
    "x y^2 at x": (lambda x, y: x * y**2, lambda x: x, lambda x: 6.0 * x**2),
    "x^2 y^3 at x^2": (lambda x, y: x**2 * y**3, lambda x: x**2, lambda x: 21.0 * x**6),
    "no y": (lambda x, y: x**2, lambda x: x, np.zeros_like),
}


@pairs
@pytest.mark.parametrize("closure", CLOSURES)
def test_perturbations_are_not_confused(framework: Backend, outer: str, inner: str, closure: str) -> None:
    g, place, expected = CLOSURES[closure]

    def f(x: Any) -> Any:
        y = like(place(X), x) if place is np.ones_like else place(x)
        return x * OPERATIONS[inner](lambda y: g(x, y), framework, np.ones_like(X))(y)

    assert_close(framework, at(framework, OPERATIONS[outer](f, framework, C), X), C * expected(X))


@strings(3)
def test_perturbations_of_three_levels_are_not_confused(framework: Backend, string: tuple[str, ...]) -> None:
    # d/dx [x d/dy (y d/dz (x y z)|z=x)|y=x] = d/dx [x 2x^2] = 6x^2
    outer, middle, inner = (OPERATIONS[name] for name in string)
    one = np.ones_like(X)

    def f(x: Any) -> Any:
        return x * middle(lambda y: y * inner(lambda z: x * y * z, framework, one)(x), framework, one)(x)

    assert_close(framework, at(framework, outer(f, framework, C), X), C * 6.0 * X**2)


# -- what an outer derivative sees of u -----------------------------------------------------------------


@pytest.mark.parametrize("outer", OPERATIONS)
@pytest.mark.parametrize("inner", PRODUCTS)
@pytest.mark.parametrize(("differentiate_u", "expected"), [(False, 6.0 * X**3), (True, 12.0 * X**3)])
def test_an_outer_derivative_sees_u_only_on_request(
    framework: Backend, outer: str, inner: str, differentiate_u: bool, expected: np.ndarray
) -> None:
    def f(x: Any) -> Any:  # 3 x^2 times u, which is x^2
        return PRODUCTS[inner](lambda z: z**3, framework, x, x**2, differentiate_u=differentiate_u)

    assert_close(framework, at(framework, OPERATIONS[outer](f, framework, C), X), C * expected)


@strings(2)
@pytest.mark.parametrize("inner", PRODUCTS)
@pytest.mark.parametrize(("differentiate_u", "expected"), [(False, 6.0 * X**2), (True, 36.0 * X**2)])
def test_two_outer_derivatives_see_u_only_on_request(
    framework: Backend, string: tuple[str, ...], inner: str, differentiate_u: bool, expected: np.ndarray
) -> None:
    def f(x: Any) -> Any:
        return PRODUCTS[inner](lambda z: z**3, framework, x, x**2, differentiate_u=differentiate_u)

    assert_close(framework, at(framework, nest(string, framework, f), X), C**2 * expected)


@pairs
@pytest.mark.parametrize("product", PRODUCTS)
def test_u_is_a_constant_to_the_inner_and_to_the_outer_derivative(
    framework: Backend, product: str, outer: str, inner: str
) -> None:
    # The product's u depends on the outer variable alone, x; the inner derivative is with respect to y.
    one = np.ones_like(X)

    def f(x: Any) -> Any:
        def g(y: Any) -> Any:
            return PRODUCTS[product](lambda z: z**3, framework, y, x**2)

        return OPERATIONS[inner](g, framework, one)(x)  # 6 x times u

    assert_close(framework, at(framework, OPERATIONS[outer](f, framework, C), X), C * 6.0 * X**2)


# -- mixed shapes ---------------------------------------------------------------------------------------

RNG = np.random.default_rng(0)
A = RNG.standard_normal((3, 2))
POINT, U, W = RNG.standard_normal((2, 4)), RNG.standard_normal((2, 4)), RNG.standard_normal((3, 4))

# f(x) = A sin(x) with x (2, B): each operation's result, its axes but the batch joined, and what that has for
# a Jacobian (M, N, B).
INNER: dict[str, tuple[Callable[[Function, Backend], Function], np.ndarray]] = {
    "jvp": (
        lambda f, backend: lambda x: jacobian_vector_product(f, backend, x, U),
        -np.einsum("mn,nb->mnb", A, np.sin(POINT) * U),
    ),
    "vjp": (
        lambda f, backend: lambda x: vector_jacobian_product(f, backend, x, W),
        -np.einsum("mn,mb->mnb", np.eye(2), np.sin(POINT) * (A.T @ W)),
    ),
    "batched": (
        lambda f, backend: lambda x: array_namespace(x).reshape(batched_jacobian(f, backend, x), (6, 4)),
        -np.einsum("ml,ln,nb->mlnb", A, np.eye(2), np.sin(POINT)).reshape(6, 2, 4),
    ),
}


@pairs
def test_shapes_may_differ_at_each_level(framework: Backend, outer: str, inner: str) -> None:
    def f(x: Any) -> Any:
        return like(A, x) @ array_namespace(x).sin(x)

    derivative, jacobian = INNER[inner]
    weights = np.random.default_rng(1).standard_normal((len(jacobian), 4))
    calls = {
        "jvp": (lambda g, x: jacobian_vector_product(g, framework, x, U), np.einsum("mnb,nb->mb", jacobian, U)),
        "vjp": (lambda g, x: vector_jacobian_product(g, framework, x, weights), None),
        "batched": (lambda g, x: batched_jacobian(g, framework, x), jacobian),
    }
    call, expected = calls[outer]
    if expected is None:
        expected = np.einsum("mnb,mb->nb", jacobian, weights)
    assert_close(framework, at(framework, lambda x: call(derivative(f, framework), x), POINT), expected)


@pytest.mark.parametrize("string", list(itertools.product(PRODUCTS, repeat=2)), ids="-".join)
def test_two_products_make_a_hessian_vector_product(framework: Backend, string: tuple[str, str]) -> None:
    def rosenbrock(x: Any) -> Any:
        return 100.0 * (x[1] - x[0] ** 2) ** 2 + (1.0 - x[0]) ** 2

    (a, b), t, one = np.array([-1.2, 1.0]), np.array([0.7, -0.3]), np.asarray(1.0)
    hessian = np.array([[1200 * a**2 - 400 * b + 2, -400 * a], [-400 * a, 200.0]])

    def product(name: str, f: Function, tangent: np.ndarray, cotangent: np.ndarray) -> Function:
        u = tangent if name == "jvp" else cotangent
        return lambda x: PRODUCTS[name](f, framework, x, u)

    outer, inner = string
    received = product(outer, product(inner, rosenbrock, t, one), t, t if inner == "vjp" else one)(np.array([a, b]))
    assert_close(framework, received, t @ hessian @ t if string == ("jvp", "jvp") else hessian @ t)


# -- numeric facts: losses through a network's derivatives, and their gradients -------------------------


def sigmoid(x: Any) -> Any:
    return 1.0 / (1.0 + array_namespace(x).exp(-x))


def gelu_slope(x: np.ndarray) -> np.ndarray:
    inner = np.tanh(0.7978845608028654 * (x + 0.044715 * x**3))
    return 0.5 * (1.0 + inner) + 0.5 * x * (1.0 - inner**2) * 0.7978845608028654 * (1.0 + 0.134145 * x**2)


SLOPES: dict[Function, Function] = {
    gelu: gelu_slope,
    sigmoid: lambda x: sigmoid(x) * sigmoid(-x),
}


def network(weights: list[Any], x: Any, activation: Function | None = None) -> Any:
    for w in weights:
        x = (activation or array_namespace(x).tanh)(w @ x)
    return x


def network_jacobian(weights: list[np.ndarray], x: np.ndarray, activation: Function | None = None) -> np.ndarray:
    """J (M, N, B) in closed form, analytic in everything."""
    jacobian = np.eye(len(x))[:, :, None]
    for w in weights:
        x = w @ x
        slope = SLOPES[activation](x) if activation else 1 - np.tanh(x) ** 2
        x = activation(x) if activation else np.tanh(x)
        jacobian = slope[:, None, :] * np.einsum("mk,knb->mnb", w, jacobian)
    return jacobian


def problem(*sizes: int, batch: int) -> dict[str, Any]:
    rng = np.random.default_rng(2)
    shapes = list(itertools.pairwise(sizes))
    return {
        "weights": [rng.standard_normal((m, n)) / np.sqrt(n) for n, m in shapes],
        "x": rng.standard_normal((sizes[0], batch)),
    }


def assert_loss_and_gradient(backend: Backend, loss: Function, reference: Function, point: dict[str, Any]) -> None:
    """The loss equals its reference, and so does its gradient, by complex step, for x and each weight."""
    one = np.asarray(1.0)
    value, gradient = adhelpers.value_and_vector_jacobian_product(loss, backend, point, one)

    def replaced(place: int | None, leaf: np.ndarray) -> np.ndarray:
        weights = [leaf if i == place else w for i, w in enumerate(point["weights"])]
        return reference({"weights": weights, "x": leaf if place is None else point["x"]})

    expected = {
        "weights": [complex_step_jacobian(lambda w, i=i: replaced(i, w), w) for i, w in enumerate(point["weights"])],
        "x": complex_step_jacobian(lambda x: replaced(None, x), point["x"]),
    }
    assert_close(backend, (value, gradient), (reference(point), expected))


def test_10_a_loss_through_a_batched_jacobian(framework: Backend) -> None:
    def loss(p: Any) -> Any:
        jacobian = batched_jacobian(lambda x: network(p["weights"], x), framework, p["x"])
        return array_namespace(jacobian).sum(jacobian**2)

    def reference(p: Any) -> Any:
        return np.sum(network_jacobian(**p) ** 2)

    assert_loss_and_gradient(framework, loss, reference, problem(2, 4, 1, batch=4))


@pytest.mark.parametrize("name", PRODUCTS)
def test_11_a_loss_through_a_product(framework: Backend, name: str) -> None:
    point = problem(2, 4, 1, batch=4)
    u = np.random.default_rng(3).standard_normal((2 if name == "jvp" else 1, 4))

    def loss(p: Any) -> Any:
        v = PRODUCTS[name](lambda x: network(p["weights"], x), framework, p["x"], u)
        return array_namespace(v).sum(v)

    def reference(p: Any) -> Any:
        return np.einsum("mnb,nb->" if name == "jvp" else "mnb,mb->", network_jacobian(**p), u)

    assert_loss_and_gradient(framework, loss, reference, point)


@pytest.mark.parametrize("name", PRODUCTS)
def test_11_a_loss_through_a_product_with_an_image_network(framework: Backend, name: str) -> None:
    """Convolution, batch normalisation in evaluation mode, convolution: affine in x, so differences are exact."""
    rng = np.random.default_rng(5)
    x, u = rng.standard_normal((2, 3, 3, 2, 4))
    kernels = [rng.standard_normal((3, 3, 4, 2)) / 3, rng.standard_normal((3, 3, 2, 4)) / 3]
    mean, scale = rng.standard_normal((4, 1)), 1.0 + rng.random((4, 1))

    def model(weights: list[Any], x: Any) -> Any:
        hidden = convolve_with(weights[0], x)
        return convolve_with(weights[1], (hidden - like(mean, hidden)) * like(scale, hidden))

    def loss(p: Any) -> Any:
        v = PRODUCTS[name](lambda x: model(p["weights"], x), framework, p["x"], u)
        return array_namespace(v).sum(v)

    def reference(p: Any) -> Any:
        t, cotangent = (u, 1.0) if name == "jvp" else (1.0, u)
        return np.sum(cotangent * (model(p["weights"], p["x"] + t) - model(p["weights"], p["x"])))

    assert_loss_and_gradient(framework, loss, reference, {"weights": kernels, "x": x})


def test_12_a_loss_with_the_derivative_by_the_input(framework: Backend) -> None:
    def loss(p: Any) -> Any:
        def total(x: Any) -> Any:
            return array_namespace(x).sum(network(p["weights"], x, sigmoid))

        slope = vector_jacobian_product(total, framework, p["x"], np.asarray(1.0))
        return array_namespace(slope).sum(slope + network(p["weights"], p["x"], sigmoid) ** 2 / 2)

    def reference(p: Any) -> Any:
        return np.sum(network_jacobian(**p, activation=sigmoid) + network(**p, activation=sigmoid)[:, None] ** 2 / 2)

    assert_loss_and_gradient(framework, loss, reference, problem(1, 8, 1, batch=12))


def test_13_a_loss_of_the_jacobians_diagonal(framework: Backend) -> None:
    def loss(p: Any) -> Any:
        jacobian = batched_jacobian(lambda x: network(p["weights"], x, gelu), framework, p["x"])
        diagonal = jacobian * like(np.eye(5)[:, :, None], jacobian)
        return array_namespace(jacobian).sum(diagonal**2)

    def reference(p: Any) -> Any:
        return np.sum(np.einsum("nnb->nb", network_jacobian(**p, activation=gelu)) ** 2)

    assert_loss_and_gradient(framework, loss, reference, problem(5, 5, batch=5))


@pytest.mark.parametrize("name", OPERATIONS)
def test_15_hutchinsons_estimate_of_a_trace(framework: Backend, name: str) -> None:
    v = np.sign(np.random.default_rng(4).standard_normal((4, 12)))

    def loss(p: Any) -> Any:
        def f(x: Any) -> Any:
            return network(p["weights"], x)

        xp, x = array_namespace(p["x"]), p["x"]
        if name == "batched":
            jacobian = batched_jacobian(f, framework, x)
            return xp.sum(jacobian * like(v[:, None, :] * v[None, :, :], jacobian))
        return xp.sum(like(v, x) * PRODUCTS[name](f, framework, x, v))

    def reference(p: Any) -> Any:
        return np.einsum("mnb,mb,nb->", network_jacobian(**p), v, v)

    assert_loss_and_gradient(framework, loss, reference, problem(4, 12, 12, 12, 4, batch=12))
