"""Gradients and Hessians of hard functions of a batch, to ten digits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hard_functions import (
    HARD,
    Backend,
    agree,
    every_function,
    every_mode,
    gradient_of,
    hessian_of,
    skip_compilation,
    skip_what_is_too_hard,
)

from adhelpers import (
    array_namespace,
    batched_hessian,
    value_and_batched_gradient,
    value_and_batched_hessian,
)


@pytest.mark.parametrize("axis", [-1, 0])
@every_function
def test_batches(backend: Backend, name: str, axis: Any) -> None:
    hard = HARD[name]
    if not hard.batched:
        pytest.skip("it takes one point at a time")
    skip_what_is_too_hard(backend, name)
    skip_compilation(backend, name)
    if backend.name == "jax" and (name, axis) == ("rosenbrock", 0):
        pytest.skip("JAX compiles for each shape")
    points = hard.point[:, None] * np.array([1.0, 1.0005, 0.9998, 1.0001])
    gradients = np.stack([gradient_of(hard.f, x) for x in points.T], axis=-1)
    hessians = np.stack([hessian_of(hard.f, x) for x in points.T], axis=-1)

    def f(x: Any) -> Any:
        return hard(x if axis == -1 else array_namespace(x).permute_dims(x, (1, 0)))

    x = points if axis == -1 else points.T.copy()
    y, v = value_and_batched_gradient(f, backend, x, batch_axis=axis)
    agree(backend, y, hard(points))
    agree(backend, v, np.moveaxis(gradients, -1, axis))
    y, H = value_and_batched_hessian(f, backend, x, batch_axis=axis)
    agree(backend, y, hard(points))
    agree(backend, H, np.moveaxis(hessians, -1, axis), depth=2)


@every_mode
def test_modes_of_batched_hessians(backend: Backend, mode: Any) -> None:
    hard = HARD["rosenbrock"]
    points = hard.point[:, None] * np.array([1.0, 0.9, 1.1, -1.0])
    expected = np.stack([hessian_of(hard.f, x) for x in points.T], axis=-1)
    H = batched_hessian(hard, backend, points, mode=mode, chunk_size=2)
    agree(backend, H, expected, depth=2)
