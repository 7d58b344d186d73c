"""Which operations can be compared, and what is known of them."""

from __future__ import annotations

import numpy as np
import pytest

from adhelpers.comparison import operations
from adhelpers.comparison.operations import OPERATIONS


def test_operations_have_one_name_each_and_two_have_a_short_one() -> None:
    assert list(OPERATIONS)[:3] == list(operations.DEFAULT) == ["jvp", "vjp", "batched_jacobian"]
    assert len(OPERATIONS) == len({*OPERATIONS.values()})
    assert "hessian" in OPERATIONS
    assert not [name for name in OPERATIONS if name.startswith("value")]
    names = ("jacobian_vector_product", "vector_jacobian_product", "hessian", "jvp")
    assert [operations.short(name) for name in names] == ["jvp", "vjp", "hessian", "jvp"]


@pytest.mark.parametrize(
    ("operation", "partner", "path"),
    [("jvp", "x", "f(x)"), ("vjp", "f(x)", "x"), ("gradient", None, "x"), ("hessian_vector_product", "x", "x")],
)
def test_what_an_operation_takes_and_gives(operation: str, partner: str | None, path: str) -> None:
    assert operations.partner_of(operation) == partner
    assert operations.path_of(operation) == path


def test_errors_of_differences_multiply_with_each_derivative() -> None:
    """A step h = epsilon**(1/3) gives h**2; a second difference of what is off by that in epsilon / h**2."""
    epsilon = float(np.finfo(np.float64).eps)
    owed = [operations.error_of(name, lambda e: e ** (2 / 3))(epsilon) for name in ("value", "jvp", "hessian")]
    assert owed == [pytest.approx(e) for e in (epsilon, epsilon ** (2 / 3), epsilon ** (1 / 3))]
    assert operations.error_of("hessian", lambda e: e)(epsilon) == epsilon


@pytest.mark.parametrize(
    ("operation", "vectors"),
    [("jvp", 1), ("derivative", 7), ("gradient", 7), ("vjp", 7), ("jacobian", 7), ("hessian", 49), ("laplacian", 49)],
)
def test_directions_that_forward_mode_alone_needs(operation: str, vectors: int) -> None:
    assert operations.vectors_of(operation, 7) == vectors
