"""Copies of the batch side by side: the proof that they are right."""

from __future__ import annotations

from typing import Any

import numpy as np
from batches import Backend

from adhelpers import (
    array_namespace,
    batched_jacobian,
    value_and_batched_jacobian,
)
from adhelpers.testing.models import numbers
from conftest import assert_close, to_numpy


def test_copies_are_proved_by_values_and_derivatives_where_nothing_is_zero(framework: Backend) -> None:
    def value_only(x: Any) -> Any:
        return x**2 + x.shape[-1]

    def zero_at_zero(x: Any) -> Any:
        return x**2 / x.shape[-1]

    for k in range(4):
        y, _ = value_and_batched_jacobian(value_only, framework, numbers(2, 3) + k)
        assert_close(framework, y, (numbers(2, 3) + k) ** 2 + 3)
    for x in (np.zeros((2, 3)), np.zeros((2, 3)), np.zeros((2, 3)), np.full((2, 3), 3.0)):
        assert_close(framework, batched_jacobian(zero_at_zero, framework, x), np.eye(2)[:, :, None] * 2 * x / 3)


def test_a_small_row_proves_nothing_by_the_size_of_another(framework: Backend) -> None:
    def f(x: Any) -> Any:
        return array_namespace(x).concat([x[:1], 1e-4 * x[1:] / x.shape[-1]])

    for _ in range(4):
        jacobian = to_numpy(framework, batched_jacobian(f, framework, numbers(2, 3).astype(np.float32)))
        np.testing.assert_allclose(
            jacobian[1, 1], 1e-4 / 3, rtol=1e-1 if framework.name == "finite-difference" else 1e-5
        )
