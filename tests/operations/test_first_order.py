"""Derivatives and gradients of hard functions, to ten digits."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest
from hard_functions import (
    HARD,
    Backend,
    U,
    agree,
    every_function,
    reference,
    skip_compilation,
    skip_what_is_too_hard,
)

from adhelpers import (
    array_namespace,
    derivative,
    gradient,
    second_derivative,
    value_and_gradient,
    value_and_second_derivative,
)


@every_function
def test_gradients(backend: Backend, name: str) -> None:
    skip_what_is_too_hard(backend, name)
    hard, (expected, _) = HARD[name], reference(name)
    y, v = value_and_gradient(hard, backend, hard.point)
    agree(backend, y, hard(hard.point))
    agree(backend, v, expected)
    agree(backend, gradient(hard, backend, hard.point), expected)


@every_function
def test_functions_of_one_number(backend: Backend, name: str) -> None:
    """Along a line: the chain rule gives what the gradient and the Hessian do."""
    skip_what_is_too_hard(backend, name)
    skip_compilation(backend, name)
    hard, (first, second) = HARD[name], reference(name)

    def f(t: Any) -> Any:
        xp = array_namespace(t)
        return hard(xp.asarray(hard.point) + t * xp.asarray(U))

    agree(backend, derivative(f, backend, np.asarray(0.0)), first @ U)
    y, v = value_and_second_derivative(f, backend, np.asarray(0.0))
    agree(backend, y, hard(hard.point))
    agree(backend, v, U @ second @ U, depth=2)


@pytest.mark.parametrize("x", [0.5, 5.0, 11.0])
def test_bessel_functions(framework: Backend, x: float) -> None:
    def f(x: Any) -> Any:
        term = total = 1.0 + 0.0 * x
        for k in range(1, 40):
            term = -term * (x / 2.0) ** 2 / k**2
            total = total + term
        return {"j0": total}

    j0, j1 = (float(mpmath.besselj(order, x)) for order in (0, 1))
    agree(framework, derivative(f, framework, np.asarray(x))["j0"], -j1)
    agree(framework, second_derivative(f, framework, np.asarray(x))["j0"], j1 / x - j0)
