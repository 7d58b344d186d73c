"""Special functions at the edges of their domains, by closed forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import adhelpers
from adhelpers import jacobian_vector_product, special_namespace, vector_jacobian_product
from conftest import MODES

pytest.importorskip("autograd")
pytest.importorskip("scipy")

ZEROS = np.array([0.0, -0.0, 1.0, -0.5])


def xlogy(x: Any, y: Any) -> Any:
    return special_namespace(*[a for a in (x, y) if hasattr(a, "shape")]).xlogy(x, y)


@pytest.mark.parametrize("product", [jacobian_vector_product, vector_jacobian_product])
def test_xlogy_by_its_first_argument(product: Any) -> None:
    received = product(lambda x: xlogy(x, 2.0), "autograd", ZEROS, np.ones(4))
    np.testing.assert_allclose(received, np.full(4, np.log(2.0)))
    received = product(lambda x: xlogy(x, x + 1), "autograd", ZEROS, np.ones(4))
    np.testing.assert_allclose(received, np.log1p(ZEROS) + ZEROS / (ZEROS + 1))


@pytest.mark.parametrize("product", [jacobian_vector_product, vector_jacobian_product])
def test_xlogy_by_its_second_argument(product: Any) -> None:
    """Which is nothing where the first one is, be the logarithm of the second what it may."""
    x, y = np.array([0.0, 0.0, 0.0, 1.5]), np.array([0.0, 2.0, np.inf, 3.0])
    np.testing.assert_array_equal(product(lambda y: xlogy(x, y), "autograd", y, np.ones(4)), [0.0, 0.0, 0.0, 0.5])
    assert xlogy(0.0, np.array(0.0)) == 0.0


@pytest.mark.parametrize("mode", MODES)
def test_xlogy_twice_at_zero(mode: Any) -> None:
    H = adhelpers.hessian(lambda p: xlogy(p[0], p[1]), "autograd", np.array([0.0, 2.0]), mode=mode)
    np.testing.assert_allclose(H, [[0.0, 0.5], [0.5, 0.0]])
    H = adhelpers.hessian(lambda x: xlogy(x, x + 1).sum(), "autograd", ZEROS, mode=mode)
    np.testing.assert_allclose(np.diag(H), 1 / (ZEROS + 1) + 1 / (ZEROS + 1) ** 2)


def test_xlogy_of_zero_and_zero_is_infinitely_steep() -> None:
    with np.errstate(divide="ignore"):
        assert adhelpers.derivative(lambda x: xlogy(x, x), "autograd", np.array(0.0)) == -np.inf


def test_xlogy_broadcasts() -> None:
    y = np.array([[2.0], [3.0]])
    pulled = vector_jacobian_product(lambda x: xlogy(x, y), "autograd", np.zeros(3), np.ones((2, 3)))
    np.testing.assert_allclose(pulled, np.full(3, np.log(6.0)))
    pulled = vector_jacobian_product(lambda y: xlogy(np.ones(3), y), "autograd", y, np.ones((2, 3)))
    np.testing.assert_allclose(pulled, 3 / y)


AXES = [None, 0, -1, -2, (-2, -1), (-1, -2), (1, 2), (1, -1), (-3, -1), (-3, 2), (0, 1, 2), np.int64(-2)]


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", AXES, ids=str)
@pytest.mark.parametrize("shape", [(3, 3, 3), (3, 3, 4)])
def test_logsumexp_over_axes_from_either_end(shape: tuple[int, ...], axis: Any, keepdims: bool) -> None:
    x, u = np.random.default_rng(0).standard_normal((2, *shape))
    p = np.exp(x) / np.sum(np.exp(x), axis=axis, keepdims=True)
    expected = np.sum(p * u, axis=axis, keepdims=keepdims)

    def f(x: Any) -> Any:
        return special_namespace(x).logsumexp(x, axis=axis, keepdims=keepdims)

    np.testing.assert_allclose(jacobian_vector_product(f, "autograd", x, u), expected)
    np.testing.assert_allclose(vector_jacobian_product(f, "autograd", x, np.ones_like(expected)), p)


def test_logsumexp_of_nothing_possible() -> None:
    x = np.array([-np.inf, 0.0, 1.0])
    received = vector_jacobian_product(lambda x: special_namespace(x).logsumexp(x), "autograd", x, np.array(1.0))
    np.testing.assert_allclose(received, np.array([0.0, 1.0, np.e]) / (1 + np.e))
