"""Hessians of hard functions and their traces, to ten digits."""

from __future__ import annotations

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
    hessian,
    value_and_hessian,
    value_and_laplacian,
)


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
