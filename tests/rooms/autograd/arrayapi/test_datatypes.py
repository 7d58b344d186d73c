"""Casts and broadcasts: what becomes of derivatives, infinities and signs of zero."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from namespace_cases.case import real

import adhelpers

pytest.importorskip("autograd")
from adhelpers_plugins.autograd import namespace


def test_broadcasting_keeps_infinities_and_signs_of_zero():
    x = np.array([complex(np.inf, 1.0), complex(-1.0, -0.0), complex(-0.0, np.nan)])
    y, _ = adhelpers.value_and_jacobian_vector_product(lambda x: namespace.broadcast_to(x, (2, 3)), "autograd", x, x)
    assert y.tobytes() == np.stack([x, x]).tobytes()


@pytest.mark.parametrize("operation", [adhelpers.jacobian_vector_product, adhelpers.vector_jacobian_product])
def test_round_trip_through_single_precision(operation):
    def there_and_back(x: Any) -> Any:
        xp = adhelpers.array_namespace(x)
        return xp.astype(xp.astype(xp.sin(x), xp.float32), xp.float64)

    x, u = real(4), real(4, seed=1)
    result = operation(there_and_back, "autograd", x, u)
    assert result.dtype == np.float64
    np.testing.assert_allclose(result, np.cos(x) * u, rtol=1e-6)


@pytest.mark.parametrize("operation", [adhelpers.jacobian_vector_product, adhelpers.vector_jacobian_product])
def test_derivatives_are_rounded_where_values_are(operation):
    """Through half precision few digits survive, of values and derivatives alike; but they survive."""
    x, u = real(4), real(4, seed=1)
    result = operation(lambda x: namespace.astype(namespace.astype(x, np.float16), np.float64), "autograd", x, u)
    np.testing.assert_array_equal(result, u.astype(np.float16).astype(np.float64))


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.bool_, np.uint8])
def test_astype_to_a_discrete_dtype_is_a_constant(dtype):
    def f(x: Any) -> Any:
        xp = adhelpers.array_namespace(x)
        return x * xp.astype(xp.astype(3.0 * x, dtype), xp.float64)

    x = np.array([0.1, 0.7, 1.4])
    np.testing.assert_array_equal(
        adhelpers.jacobian_vector_product(f, "autograd", x, np.ones(3)), (3.0 * x).astype(dtype).astype(float)
    )
