"""Where there is no derivative."""

from __future__ import annotations

import numpy as np
import pytest

import adhelpers

pytest.importorskip("autograd")
from adhelpers_plugins.autograd import namespace
from adhelpers_plugins.autograd.backend import AutogradBackend

STRICT = AutogradBackend(fallback=False)


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda x: namespace.abs(x), [0.0, 1.0, 1.0]),
        (lambda x: namespace.clip(x, 0.0, 1.0), [0.5, 0.5, 0.5]),
        (lambda x: namespace.max(x) * namespace.ones_like(x), [0.0, 0.5, 0.5]),
        (lambda x: namespace.maximum(x, 1.0), [0.0, 0.5, 0.5]),
    ],
)
def test_where_there_is_no_derivative_autograds_choice_stands(f, expected):
    x, ones = np.array([0.0, 1.0, 1.0]), np.ones(3)
    rows = np.stack([adhelpers.jacobian_vector_product(f, STRICT, x, t) for t in np.eye(3)], axis=1)
    slope = np.diag(rows) if rows[0, 1] == 0 else rows[0]
    np.testing.assert_array_equal(slope, expected)
    np.testing.assert_array_equal(adhelpers.vector_jacobian_product(f, STRICT, x, ones), ones @ rows)
