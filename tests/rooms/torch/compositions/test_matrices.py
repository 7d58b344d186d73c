"""Singular values beside vectors that belong to none."""

from __future__ import annotations

from typing import Any

import pytest

import adhelpers

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("shape", [(4, 2), (2, 4), (3, 3), (2, 5, 3), (3, 0)])
def test_singular_values_beside_more_vectors_are_as_ever(shape: tuple[int, ...]) -> None:
    """Equal ones too, whose vectors have no derivative."""
    x = torch.eye(*shape[-2:], dtype=torch.float64).expand(shape).clone()

    def values(x: Any) -> Any:
        return torch.linalg.svd(x)[1].sum()

    def alone(x: Any) -> Any:
        return torch.linalg.svdvals(x).sum()

    expected = adhelpers.gradient(alone, "torch", x)
    torch.testing.assert_close(adhelpers.gradient(values, "torch", x), expected)
    pushed = adhelpers.jacobian_vector_product(values, "torch", x, torch.ones_like(x))
    torch.testing.assert_close(pushed, expected.sum())
