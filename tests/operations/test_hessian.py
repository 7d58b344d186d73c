"""Hessians of hard functions and their traces, to ten digits."""

from __future__ import annotations

from typing import Any

import numpy as np
from hard_functions import (
    HARD,
    Backend,
    agree,
    every_function,
    reference,
    skip_what_is_too_hard,
)

from adhelpers import (
    ADBackend,
    hessian,
    laplacian,
    value,
    value_and_hessian,
    value_and_laplacian,
)
from conftest import lifted, to_numpy


@every_function
def test_hessians(backend: Backend, name: str) -> None:
    skip_what_is_too_hard(backend, name)
    hard, (_, expected) = HARD[name], reference(name)
    y, H = value_and_hessian(hard, backend, hard.point)
    agree(backend, y, hard(hard.point))
    agree(backend, H, expected, depth=2)
    agree(backend, hessian(hard, backend, hard.point, chunk_size=2), expected, depth=2)
    y, v = value_and_laplacian(hard, backend, hard.point)
    agree(backend, y, hard(hard.point))
    agree(backend, v, np.trace(expected), depth=2)


def test_a_laplacian_is_an_array_as_a_value_is(backend: ADBackend) -> None:
    """And not one of NumPy's scalars. That of the sum of x**3 is 6 times the sum of x."""

    def f(x: Any) -> Any:
        return (x**3).sum()

    x = lifted(backend, np.array([1.0, 2.0]))
    v = laplacian(f, backend, x)
    assert type(v) is type(value(f, backend, x))
    np.testing.assert_allclose(to_numpy(backend, v), 18.0, rtol=1e-4)
