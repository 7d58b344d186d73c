"""Linear systems inside of PyTorch's vmap, whose own rule mixes two levels of it."""

from __future__ import annotations

from typing import Any

import pytest

import adhelpers

torch = pytest.importorskip("torch")


def solution(x: Any) -> Any:
    xp = adhelpers.array_namespace(x)
    matrix = xp.stack([xp.stack([2 + x[0], x[1]]), xp.stack([x[2], 3 + x[0] * x[1]])])
    return xp.linalg.solve(matrix, x[:2])


def closed_form(x: Any) -> Any:
    """By Cramer's rule."""
    a, b, c, d = 2 + x[0], x[1], x[2], 3 + x[0] * x[1]
    return torch.stack([d * x[0] - b * x[1], a * x[1] - c * x[0]]) / (a * d - b * c)


@pytest.mark.parametrize("mode", ["auto", "forward", "reverse"])
def test_a_jacobian_inside_vmap(mode: Any) -> None:
    x = torch.rand(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    received = torch.func.vmap(lambda x: adhelpers.jacobian(solution, "torch", x, mode=mode))(x)
    step = 1e-6 * torch.eye(3, dtype=torch.float64)
    for row, J in zip(x, received, strict=True):
        columns = [(closed_form(row + h) - closed_form(row - h)) / 2e-6 for h in step]
        torch.testing.assert_close(J, torch.stack(columns, -1), rtol=1e-8, atol=1e-9)
        torch.testing.assert_close(adhelpers.jacobian(solution, "torch", row, mode=mode), J, rtol=1e-12, atol=1e-13)


def test_second_derivatives_inside_vmap() -> None:
    x = torch.rand(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    f = lambda x: (solution(x) ** 2).sum()  # noqa: E731
    received = torch.func.vmap(lambda x: adhelpers.hessian(f, "torch", x))(x)
    for row, H in zip(x, received, strict=True):
        torch.testing.assert_close(adhelpers.hessian(f, "torch", row), H, rtol=1e-10, atol=1e-11)
