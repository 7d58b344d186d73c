"""Kinds of nodes that were seen before."""

from __future__ import annotations

from typing import Any

import pytest
from torch_functions import Once, U, X, equal

from adhelpers import UnsupportedOperationError, hessian, vector_jacobian_product

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.usefixtures("levels_known")


@pytest.mark.direct
def test_rules_that_were_seen_before_are_known_again() -> None:
    """What is remembered of kinds of nodes is that they are ordinary, and of no other."""

    class Kept(torch.autograd.Function):
        memory = torch.ones(3, dtype=torch.float64)

        @staticmethod
        def forward(x: Any) -> Any:
            return x * 1.0

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            pass

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return Kept.memory

    for _ in range(3):
        vector_jacobian_product(Kept.apply, "torch", X, U).zero_()
        equal(Kept.memory, [1.0, 1.0, 1.0])
        with pytest.raises(UnsupportedOperationError):
            hessian(lambda x: Once.apply(x).sum(), "torch", X)
