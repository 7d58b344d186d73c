"""Names without a derivative."""

from __future__ import annotations

from typing import Any

import array_api_compat.numpy as xnp
import numpy as np
import pytest
from namespace_cases.constants import CONSTANTS

import adhelpers

pytest.importorskip("autograd")
from autograd.tracer import isbox
from namespace_values import values_in_trace

from adhelpers_plugins.autograd import namespace


@pytest.mark.parametrize("name", CONSTANTS)
def test_names_without_a_derivative_return_what_numpy_returns(name):
    arrays, all_options = CONSTANTS[name]
    for options in all_options:
        result = values_in_trace(lambda *x, options=options: getattr(namespace, name)(*x, **options), *arrays)
        expected = getattr(xnp, name)(*arrays, **options)
        assert not isbox(result)
        assert type(result) is type(expected)
        np.testing.assert_equal(result, expected)


def test_names_without_a_derivative_stop_it():
    def f(x: Any) -> Any:
        return x * (namespace.floor(x) + namespace.sign(x) + namespace.argmax(x) + namespace.ones_like(x))

    x = np.array([0.5, -1.5, 2.5])
    np.testing.assert_array_equal(
        adhelpers.jacobian_vector_product(f, "autograd", x, np.ones(3)), np.floor(x) + np.sign(x) + 2.0 + 1.0
    )
