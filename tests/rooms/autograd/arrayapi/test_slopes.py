"""Where autograd's own rules overflow, or lose all digits."""

from __future__ import annotations

import numpy as np
import pytest

import adhelpers

pytest.importorskip("autograd")
from adhelpers_plugins.autograd import namespace
from adhelpers_plugins.autograd.backend import AutogradBackend

STRICT = AutogradBackend(fallback=False)


@pytest.mark.parametrize(
    ("f", "x", "slopes"),
    [
        (namespace.tanh, 800.0, 0.0),
        (namespace.tanh, -9.0, 4.0 * np.exp(-18.0) / (1.0 + np.exp(-18.0)) ** 2),
        (namespace.tanh, 800.0 + 1.0j, 0.0),
        (namespace.tanh, -20.0 + 1.0j, 4.0 * np.exp(-40.0 + 2.0j)),
        (namespace.tan, 1.0 + 600.0j, 0.0),
        (namespace.tan, 1.0 - 20.0j, 4.0 * np.exp(-40.0 - 2.0j)),
        (namespace.expm1, -40.0, np.exp(-40.0)),
        (namespace.acosh, -2.0 + 1e-9j, -1.0 / np.sqrt(3.0)),
        (lambda x: namespace.atan2(x[0], x[1]), [1e-200, 1e-200], [5e199, -5e199]),
        (lambda x: namespace.hypot(x[0], x[1]), [3e200, 4e200], [0.6, 0.8]),
        (lambda x: namespace.logaddexp(x[0], x[1]), [1e20, 1e20], [0.5, 0.5]),
        (lambda x: namespace.logaddexp(x[0], x[1]), [-800.0, 800.0], [0.0, 1.0]),
        (lambda x: namespace.logaddexp(x[0], x[1]), [-np.inf, 1.0], [0.0, 1.0]),
        (lambda x: namespace.remainder(x[0], x[1]), [1.0, 0.1], [1.0, -9.0]),
        (lambda x: namespace.remainder(x[0], x[1]), [-1.0, 0.1], [1.0, 10.0]),
        (lambda x: namespace.prod(x), [0.0, 1e-200, 1e200], [1.0, 0.0, 0.0]),
    ],
)
def test_slopes_at_far_points(f, x, slopes):
    x, slopes = np.asarray(x), np.asarray(slopes)
    pulled = adhelpers.vector_jacobian_product(f, STRICT, x, np.ones_like(f(x)))
    np.testing.assert_allclose(pulled, slopes, rtol=1e-8, atol=1e-300)
    for k in np.ndindex(x.shape):
        direction = np.zeros_like(x)
        direction[k] = 1.0
        pushed = adhelpers.jacobian_vector_product(f, STRICT, x, direction)
        np.testing.assert_allclose(pushed, slopes[k], rtol=1e-8, atol=1e-300)
