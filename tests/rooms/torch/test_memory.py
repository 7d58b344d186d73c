"""Results share no memory with what a function or a rule of a user keeps, nor with one another."""

from __future__ import annotations

from typing import Any

import pytest
from torch_functions import OldStyle, U, X, equal

from adhelpers import (
    jacobian,
    value_and_jacobian_vector_product,
    value_and_vector_jacobian_product,
    vector_jacobian_product,
)

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.usefixtures("levels_known")


class KeepsItsGradient(OldStyle):
    """Its backward pass returns the same memory every time."""

    buffer = torch.zeros(3, dtype=torch.float64)

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return KeepsItsGradient.buffer.copy_(2 * x.detach() * g.detach())


@pytest.mark.direct
def test_a_gradient_in_memory_of_the_users_is_copied() -> None:
    first = vector_jacobian_product(KeepsItsGradient.apply, None, X, U)
    vector_jacobian_product(KeepsItsGradient.apply, None, X, 10.0 * U)
    equal(first, 2 * X * U)
    equal(jacobian(KeepsItsGradient.apply, None, X, mode="reverse"), torch.diag(2 * X))


@pytest.mark.direct
def test_what_f_keeps_is_not_what_is_returned() -> None:
    kept = torch.zeros(3, dtype=torch.float64)

    def f(x: Any) -> Any:
        kept.copy_(2.0 * x.detach())
        return kept + 0.0 * x, kept

    for call in (value_and_jacobian_vector_product, value_and_vector_jacobian_product):
        u = U if call is value_and_jacobian_vector_product else (U, U)
        (first, second), _ = call(f, None, X, u)
        call(f, None, 5 * X, u)
        equal(first, 2 * X)
        equal(second, 2 * X)


def test_outputs_and_aux_are_nobody_elses() -> None:
    constant = torch.ones(3, dtype=torch.float64)

    def f(x: Any) -> Any:
        return (x, x, constant), constant

    y, v, aux = value_and_jacobian_vector_product(f, None, X, U, has_aux=True)
    for i, result in enumerate((*y, *v, aux)):
        result.fill_(100.0 + i)
    assert [float(result[0]) for result in (*y, *v, aux)] == [100.0 + i for i in range(7)]
    assert float(constant.sum()) == 3.0
