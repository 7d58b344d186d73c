"""Special functions on every framework: values, both products and the second derivative, by mpmath and closed forms."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import adhelpers
from adhelpers import jacobian_vector_product, special_namespace, vector_jacobian_product
from adhelpers.namespaces.special import NAMES
from conftest import assert_close

pytest.importorskip("scipy")
mpmath = pytest.importorskip("mpmath")
mpmath.mp.dps = 30

Backend = adhelpers.ADBackend

ANYWHERE = np.array([-2.5, -0.3, 0.4, 1.7, 6.0])
POSITIVE = np.array([0.2, 0.9, 1.5, 3.7, 12.0])
UNIT = np.array([0.05, 0.3, 0.5, 0.8, 0.97])

# Elementwise functions of one variable, where they are taken, and the same by mpmath.
ELEMENTWISE: dict[str, tuple[Callable[[Any, Any], Any], np.ndarray, Callable[[Any], Any]]] = {
    "erf": (lambda sp, x: sp.erf(x), ANYWHERE, mpmath.erf),
    "erfc": (lambda sp, x: sp.erfc(x), ANYWHERE, mpmath.erfc),
    "erfinv": (lambda sp, x: sp.erfinv(x), 2 * UNIT - 1, mpmath.erfinv),
    "gammaln": (lambda sp, x: sp.gammaln(x), POSITIVE, mpmath.loggamma),
    "digamma": (lambda sp, x: sp.digamma(x), POSITIVE, mpmath.digamma),
    "polygamma": (lambda sp, x: sp.polygamma(2, x), POSITIVE, lambda x: mpmath.polygamma(2, x)),
    "expit": (lambda sp, x: sp.expit(x), ANYWHERE, lambda x: 1 / (1 + mpmath.exp(-x))),
    "logit": (lambda sp, x: sp.logit(x), UNIT, lambda x: mpmath.log(x / (1 - x))),
    "softplus": (
        lambda sp, x: sp.softplus(x),
        np.array([-40.0, -2.0, 0.1, 19.0, 23.0]),
        lambda x: mpmath.log1p(mpmath.exp(x)),
    ),
    "xlogy of the first": (lambda sp, x: sp.xlogy(x, 0.0 * x + 2.5), ANYWHERE, lambda x: x * mpmath.log(2.5)),
    "xlogy of the second": (lambda sp, x: sp.xlogy(0.0 * x + 2.5, x), POSITIVE, lambda x: 2.5 * mpmath.log(x)),
    "xlogy of both": (lambda sp, x: sp.xlogy(x, x), POSITIVE, lambda x: x * mpmath.log(x)),
    "i0": (lambda sp, x: sp.i0(x), ANYWHERE, lambda x: mpmath.besseli(0, x)),
    "i1": (lambda sp, x: sp.i1(x), ANYWHERE, lambda x: mpmath.besseli(1, x)),
}
U = np.array([1.0, -0.5, 2.0, 0.3, -1.2])


def derivative(f: Callable[[Any], Any], x: np.ndarray, order: int) -> np.ndarray:
    """The derivative of that order, to more digits than float64 has."""
    return np.array([float(mpmath.diff(f, mpmath.mpf(float(number)), order)) for number in x])


def over(f: Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
    """As a user writes it."""
    return lambda x: f(special_namespace(x), x)


def assert_near(backend: Backend, received: Any, expected: np.ndarray) -> None:
    """To twelve digits, or as many as PyTorch's polygamma has, or differences near a pole have."""
    digits = {"torch": 8, "finite-difference": 5}.get(backend.name, 12)
    np.testing.assert_allclose(backend.to_numpy(received), expected, rtol=10.0**-digits, atol=1e-13)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_values_and_products_of_elementwise_functions(backend: Backend, name: str) -> None:
    f, x, reference = ELEMENTWISE[name]
    value, pushed = adhelpers.value_and_jacobian_vector_product(over(f), backend, x, U)
    slope = derivative(reference, x, 1)
    assert_near(backend, value, derivative(reference, x, 0))
    assert_near(backend, pushed, slope * U)
    assert_near(backend, vector_jacobian_product(over(f), backend, x, U), slope * U)


@pytest.mark.parametrize("name", ELEMENTWISE)
@pytest.mark.parametrize("outer", [jacobian_vector_product, vector_jacobian_product])
def test_second_derivatives_of_elementwise_functions(framework: Backend, outer: Any, name: str) -> None:
    f, x, reference = ELEMENTWISE[name]
    received = outer(lambda x: vector_jacobian_product(over(f), framework, x, U), framework, x, U)
    assert_near(framework, received, derivative(reference, x, 2) * U**2)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_single_precision_stays_single(framework: Backend, name: str) -> None:
    f, x, reference = ELEMENTWISE[name]
    x, u = x.astype(np.float32), U.astype(np.float32)
    received = jacobian_vector_product(over(f), framework, x, u)
    assert framework.to_numpy(received).dtype == np.float32
    np.testing.assert_allclose(framework.to_numpy(received), derivative(reference, x, 1) * u, rtol=2e-5, atol=1e-5)


@pytest.mark.parametrize(("axis", "keepdims"), [(None, False), (0, False), (-1, True), ((0, 1), True)])
def test_logsumexp(backend: Backend, axis: Any, keepdims: bool) -> None:
    x, u = np.random.default_rng(0).standard_normal((2, 3, 4))
    weights = np.exp(x) / np.sum(np.exp(x), axis=axis, keepdims=True)

    def f(x: Any) -> Any:
        return special_namespace(x).logsumexp(x, axis=axis, keepdims=keepdims)

    expected = np.asarray(np.sum(weights * u, axis=axis, keepdims=keepdims))
    assert_close(backend, jacobian_vector_product(f, backend, x, u), expected)
    pulled = vector_jacobian_product(f, backend, x, np.ones_like(expected))
    assert_close(backend, pulled, weights)


@pytest.mark.parametrize("axis", [None, 0, -1])
def test_softmax_and_its_logarithm(backend: Backend, axis: Any) -> None:
    x, u = 3.0 * np.random.default_rng(0).standard_normal((2, 3, 4))
    p = np.exp(x - x.max(axis=axis, keepdims=True))
    p /= p.sum(axis=axis, keepdims=True)
    moved = u - np.sum(p * u, axis=axis, keepdims=True)

    def softmax(x: Any) -> Any:
        return special_namespace(x).softmax(x, axis=axis)

    def log_softmax(x: Any) -> Any:
        return special_namespace(x).log_softmax(x, axis=axis)

    assert_close(backend, jacobian_vector_product(softmax, backend, x, u), p * moved)
    assert_close(backend, jacobian_vector_product(log_softmax, backend, x, u), moved)
    assert_close(backend, vector_jacobian_product(softmax, backend, x, u), p * moved)


def test_every_namespace_has_every_name() -> None:
    tested = {name.split()[0] for name in ELEMENTWISE} | {"logsumexp", "softmax", "log_softmax"}
    assert tested == set(NAMES)
    assert list(NAMES) == sorted(NAMES)
    for name in NAMES:
        assert hasattr(special_namespace(np.ones(2)), name)
    rooms = [room for room in ("jax", "torch", "autograd") if importlib.util.find_spec(room)]
    for room in rooms:
        module = importlib.import_module(f"adhelpers_plugins.{room}.special")
        assert [name for name in NAMES if not callable(getattr(module, name, None))] == []


def test_the_documentation_names_them_all() -> None:
    assert [name for name in NAMES if name not in str(special_namespace.__doc__)] == []


def test_arrays_of_two_frameworks_are_ambiguous() -> None:
    torch, jnp = pytest.importorskip("torch"), pytest.importorskip("jax.numpy")
    with pytest.raises(adhelpers.AmbiguousBackendError, match="several backends"):
        special_namespace(torch.ones(2), jnp.ones(2))
