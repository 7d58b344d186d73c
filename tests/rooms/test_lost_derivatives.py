"""The namespaces of PyTorch and JAX where the frameworks' own functions lose a derivative, against closed forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from namespace_closed_forms import DIRECTION, JACOBIANS, X, Z, over

import adhelpers
from adhelpers import UnsupportedOperationError, jacobian_vector_product, vector_jacobian_product
from conftest import make, to_numpy


@pytest.fixture(params=["jax", "torch"])
def backend(request: pytest.FixtureRequest) -> adhelpers.ADBackend:
    return make(request.param)


@pytest.mark.parametrize("name", JACOBIANS)
def test_both_products(backend: adhelpers.ADBackend, name: str) -> None:
    f, jacobian = JACOBIANS[name]
    y, pushed = adhelpers.value_and_jacobian_vector_product(over(f), backend, X, DIRECTION)
    np.testing.assert_allclose(to_numpy(backend, pushed), jacobian @ DIRECTION, rtol=1e-12, atol=1e-14)
    cotangent = np.arange(1.0, len(jacobian) + 1) * (1.0 - 0.5j if np.iscomplexobj(to_numpy(backend, y)) else 1.0)
    pulled = vector_jacobian_product(over(f), backend, X, cotangent)
    np.testing.assert_allclose(to_numpy(backend, pulled), np.real(cotangent @ jacobian), rtol=1e-12, atol=1e-14)


def test_functions_of_complex_numbers(backend: adhelpers.ADBackend) -> None:
    t = np.array([1.0 + 2.0j, -0.5j, 0.7])
    slopes = {
        "acosh": t / (np.sqrt(Z - 1) * np.sqrt(Z + 1)),
        "sign": 1j * Z / np.abs(Z) * np.imag(t / Z),  # only the direction turns
    }
    for name, expected in slopes.items():
        pushed = jacobian_vector_product(
            lambda z, name=name: getattr(adhelpers.array_namespace(z), name)(z), backend, Z, t
        )
        np.testing.assert_allclose(to_numpy(backend, pushed), expected, rtol=1e-13)


def test_the_second_derivative_of_hypot_where_both_are_equal(backend: adhelpers.ADBackend) -> None:
    def slope(x: Any) -> Any:
        return vector_jacobian_product(over(lambda xp, x: xp.hypot(x[0], x[1])), backend, x, np.float64(1.0))

    second = jacobian_vector_product(slope, backend, np.array([3.0, 3.0]), np.array([1.0, 0.0]))
    np.testing.assert_allclose(to_numpy(backend, second), np.array([9.0, -9.0]) / 18.0**1.5, rtol=1e-13)


def test_unique_values_and_where_they_stand(backend: adhelpers.ADBackend) -> None:
    """Also of numbers that PyTorch cannot sort, and of none."""
    for x in (np.array([[2.0, -1.0], [2.0, np.nan]]), np.array([1j, 1.0, -2j, 1j]), np.zeros(0), np.array([3, 1, 3])):
        with backend.scope():
            xp = adhelpers.array_namespace(backend.asarray(x))
            found = [backend.to_numpy(part) for part in xp.unique_all(backend.asarray(x))]
        flat, (values, indices, inverse, counts) = x.reshape(-1), found
        np.testing.assert_array_equal(values, np.unique(x, equal_nan=False))
        np.testing.assert_array_equal(flat[indices], values)
        np.testing.assert_array_equal(values[inverse.reshape(x.shape)], x)
        np.testing.assert_array_equal(counts, np.unique(x, equal_nan=False, return_counts=True)[1])


@pytest.mark.parametrize(
    ("framework", "f", "reason"),
    [
        ("torch", lambda xp, x: xp.linalg.qr(x, mode="complete").R, "not differentiable when mode='complete'"),
        ("jax", lambda xp, x: xp.linalg.svd(x).U[:, :2], "full matrices"),
    ],
)
def test_what_has_no_derivative_raises(framework: str, f: Any, reason: str) -> None:
    x = np.arange(8.0).reshape(4, 2) ** 1.5
    with pytest.raises((UnsupportedOperationError, RuntimeError), match=reason):
        vector_jacobian_product(over(f), make(framework), x, x)
