"""Many cotangents along a graph, by rules that no vmap can follow or that write to them."""

from __future__ import annotations

from typing import Any

import pytest
from torch_functions import MODES, OldStyle, X, equal

from adhelpers import batched_jacobian, jacobian

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.usefixtures("levels_known")


class LooksAtItsCotangent(OldStyle):
    """Its backward pass takes a decision, which no vmap can follow."""

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return 2 * x * g if g.abs().sum().item() > 0 else torch.zeros_like(x)


@pytest.mark.direct
def test_a_rule_that_vmap_lacks_is_no_warning() -> None:
    J = batched_jacobian(lambda x: torch.cummax(x, 0)[0], None, torch.stack([X, X + 1.0]), mode="reverse")
    equal(J, torch.eye(2, dtype=X.dtype)[:, :, None].expand(2, 2, len(X)))


@pytest.mark.direct
def test_what_no_vmap_can_follow_is_looped_over() -> None:
    equal(jacobian(LooksAtItsCotangent.apply, None, X, mode="reverse"), torch.diag(2 * X))
    for mode in MODES:  # a view of complex numbers, in forward mode
        equal(jacobian(lambda x: (x + 0j).conj(), None, X, mode=mode), torch.eye(3, dtype=torch.complex128))


class Doubling(torch.autograd.Function):
    """Its backward pass writes to what it is given, which PyTorch advises against."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return 2 * x

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g.mul_(2)


@pytest.mark.direct
def test_a_rule_that_writes_to_its_cotangent_spoils_no_later_call() -> None:
    x = torch.ones(2, 3, dtype=torch.float64)
    for _ in range(4):
        equal(batched_jacobian(Doubling.apply, None, x, mode="reverse")[0, 0], torch.full((3,), 2.0))
    equal(batched_jacobian(lambda x: 1 * x, None, x, mode="reverse")[0, 0], torch.ones(3))
