"""Gauss-Newton products of hard functions, to ten digits."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest
from hard_functions import (
    PRECISE,
    Backend,
    U,
    agree,
    gradient_of,
    oscillator,
    solution,
)

from adhelpers import (
    array_namespace,
    gauss_newton_product,
    value_and_gauss_newton_product,
)


@pytest.mark.parametrize("f", [oscillator, solution])
def test_gauss_newton_products(backend: Backend, f: Any) -> None:
    x = np.array([1.0, -0.5, 1.5])
    J = gradient_of(f, x)
    with mpmath.workdps(40):
        y = f(PRECISE, PRECISE.asarray(x)).astype(float)
    function = lambda x: f(array_namespace(x), x)  # noqa: E731
    agree(backend, gauss_newton_product(function, backend, x, U), J.T @ J @ U, depth=2)

    def loss(y: Any) -> Any:
        xp = array_namespace(y)
        return xp.log(xp.sum(xp.exp(y))) + y[0] ** 2 * y[1]

    share = np.exp(y) / np.sum(np.exp(y))
    H = np.diag(share) - np.outer(share, share)
    H[0, 0] += 2.0 * y[1]
    H[0, 1] += 2.0 * y[0]
    H[1, 0] += 2.0 * y[0]
    value, v = value_and_gauss_newton_product(function, backend, x, U, loss=loss)
    agree(backend, value, y)
    agree(backend, v, J.T @ H @ J @ U, depth=2)
