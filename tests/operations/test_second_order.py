"""Second derivatives of hard functions along a direction, to ten digits, in every mode."""

from __future__ import annotations

from typing import Any

import numpy as np
from hard_functions import (
    HARD,
    Backend,
    U,
    agree,
    every_function,
    every_mode,
    reference,
    skip_compilation,
    skip_what_is_too_hard,
)

from adhelpers import (
    hessian,
    laplacian,
    value_and_hessian_vector_product,
)


@every_mode
@every_function
def test_modes_of_second_derivatives(backend: Backend, name: str, mode: Any) -> None:
    skip_what_is_too_hard(backend, name)
    skip_compilation(backend, name)
    hard, (_, expected) = HARD[name], reference(name)
    y, v = value_and_hessian_vector_product(hard, backend, hard.point, U, mode=mode)
    agree(backend, y, hard(hard.point))
    agree(backend, v, expected @ U, depth=2)
    agree(backend, hessian(hard, backend, hard.point, mode=mode), expected, depth=2)
    agree(backend, laplacian(hard, backend, hard.point, mode=mode, chunk_size=1), np.trace(expected), depth=2)
