"""Jacobians of hard functions, to ten digits, in every mode."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest
from hard_functions import (
    PRECISE,
    Backend,
    agree,
    gradient_of,
    oscillator,
    solution,
)

from adhelpers import (
    array_namespace,
    jacobian,
    value_and_jacobian,
)


@pytest.mark.parametrize("f", [oscillator, solution])
@pytest.mark.parametrize("mode", ["auto", "forward", "reverse"])
def test_jacobians(backend: Backend, f: Any, mode: Any) -> None:
    x = np.array([1.0, -0.5, 1.5])
    y, J = value_and_jacobian(lambda x: f(array_namespace(x), x), backend, x, mode=mode)
    agree(backend, J, gradient_of(f, x))
    with mpmath.workdps(40):
        agree(backend, y, f(PRECISE, PRECISE.asarray(x)).astype(float))
    J = jacobian(lambda x: f(array_namespace(x), x), backend, x, mode=mode, chunk_size=2)
    agree(backend, J, gradient_of(f, x))
