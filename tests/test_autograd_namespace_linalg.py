"""The linear algebra of the array namespace for autograd, held to differences of the same functions over NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import adhelpers
from test_autograd_namespace import (
    case,
    check,
    check_reverse_over_reverse,
    check_single_precision,
    complexes,
    matrices,
    real,
    spread,
)


def hermitian(x):
    """A positive definite matrix from any: derivatives with respect to `x` are those of every entry."""
    return np.swapaxes(x, -1, -2).conj() @ x


CASES = [
    # linalg.
    *(
        case("linalg.matmul", lambda xp, x, y: xp.linalg.matmul(x, y), x, y)
        for x, y in ((real(2, 3), real(3, seed=1)), (real(2, 2, 3), real(3, 2, seed=1)))
    ),
    case("linalg.tensordot", lambda xp, x, y: xp.linalg.tensordot(x, y, axes=1), real(2, 3), real(3, seed=1)),
    case("linalg.vecdot", lambda xp, x, y: xp.linalg.vecdot(x, y), real(2, 3), real(3, seed=1)),
    case("linalg.matrix_transpose", lambda xp, x: xp.linalg.matrix_transpose(x), real(2, 3)),
    *(
        case("linalg.outer", lambda xp, x, y: xp.linalg.outer(x, y), x, y)
        for x, y in ((real(2), real(3, seed=1)), (complexes(2), real(2, seed=1)), (complexes(2), complexes(2, seed=1)))
    ),
    *(
        case(f"linalg.{name}", lambda xp, x, name=name: getattr(xp.linalg, name)(x), x)
        for name in ("det", "inv")
        for x in (matrices(3, 3), matrices(2, 3, 3), matrices(2, 2, 2, 2), matrices(2, 2) + 1j * real(2, 2, seed=1))
    ),
    *(
        case("linalg.solve", lambda xp, a, b: xp.linalg.solve(a, b), a, b)
        for a, b in (
            (matrices(3, 3), real(3, seed=1)),
            (matrices(3, 3), real(3, 2, seed=1)),
            (matrices(2, 3, 3), real(2, 3, 1, seed=1)),
            (matrices(3, 3, 3), real(3, seed=1)),
            (matrices(2, 3, 3), real(3, 2, seed=1)),
            (matrices(3, 3, 3), real(3, 3, seed=1)),
            (matrices(3, 3), real(2, 3, 2, seed=1)),
            (matrices(2, 1, 2, 2), real(3, 2, 2, seed=1)),
            (matrices(2, 2) + 1j * real(2, 2, seed=2), real(2, seed=1)),
            (matrices(2, 2), complexes(2, 2, seed=1)),
        )
    ),
]


@pytest.mark.parametrize("use", CASES)
def test_value_and_both_products(use):
    check(use.over, use.arrays)


@pytest.mark.parametrize("use", CASES)
def test_reverse_over_reverse(use):
    check_reverse_over_reverse(use)


@pytest.mark.parametrize("use", CASES)
def test_single_precision_stays_single(use):
    check_single_precision(use)
