"""Operations inside of what a user compiles."""

from __future__ import annotations

import pytest
from torch_functions import U, X, equal, square

import adhelpers
from adhelpers import (
    batched_jacobian,
    jacobian_vector_product,
    vector_jacobian_product,
)

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.usefixtures("levels_known")


def test_operations_compile_without_a_break() -> None:
    backend = adhelpers.backend("torch")
    calls = {
        "jvp": (lambda x: jacobian_vector_product(square, backend, x, U), 2 * X * U),
        "vjp": (lambda x: vector_jacobian_product(square, "torch", x, U), 2 * X * U),
        "structure": (lambda x: jacobian_vector_product(lambda t: t["a"] ** 2, None, {"a": x}, {"a": U}), 2 * X * U),
        "forward": (lambda x: batched_jacobian(square, backend, x[None], mode="forward"), 2 * X[None, None]),
        "reverse": (lambda x: batched_jacobian(square, backend, x[None], mode="reverse"), 2 * X[None, None]),
        "nested": (
            lambda x: jacobian_vector_product(lambda z: vector_jacobian_product(square, backend, z, U), backend, x, U),
            2 * U * U,
        ),
    }
    for call, expected in calls.values():
        equal(torch.compile(call, fullgraph=True, backend="eager")(X), expected)
