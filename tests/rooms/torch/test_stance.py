"""Functions that users have compiled: in forward mode they run as they were written."""

from __future__ import annotations

from typing import Any

import pytest
from torch_functions import U, X, equal

import adhelpers
from adhelpers import jacobian_vector_product, vector_jacobian_product

torch = pytest.importorskip("torch")

stance = pytest.importorskip("adhelpers_plugins.torch.stance")

pytestmark = [
    pytest.mark.usefixtures("levels_known"),
    pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning"),  # which the compiler looks at
]


def lossy(graph: Any, inputs: Any) -> Any:
    """A compiler that drops tangents, as inductor does."""

    def run(*operands: Any) -> Any:
        with torch.autograd.forward_ad._set_fwd_grad_enabled(False):
            return graph(*operands)

    return run


def tangent_of(f: Any) -> Any:
    forward_ad = torch.autograd.forward_ad
    with forward_ad.dual_level():
        return forward_ad.unpack_dual(f(forward_ad.make_dual(X, U))).tangent


@pytest.mark.direct
@pytest.mark.parametrize("is_known", [True, False], ids=["privately", "publicly"])
def test_functions_that_a_user_has_compiled(is_known: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stance, "KNOWN", is_known and stance.KNOWN)
    torch.compiler.reset()
    drops = torch.compile(lambda x: torch.sin(x + x) * x, backend=lossy)
    is_lost = tangent_of(drops) is None
    assert is_lost or torch.__version__ >= "2.15"  # which runs it as it was written by itself
    equal(jacobian_vector_product(drops, "torch", X, U), (torch.sin(2 * X) + 2 * X * torch.cos(2 * X)) * U)
    assert (tangent_of(drops) is None) is is_lost  # as before
    f = torch.compile(lambda x: torch.sin(x + x) * x, backend="aot_eager")
    module = torch.compile(torch.nn.Sequential(torch.nn.Tanh()), backend="aot_eager")
    assert torch.func.jvp(f, (X,), (U,)) is not None
    slope, tanh = torch.sin(2 * X) + 2 * X * torch.cos(2 * X), torch.tanh(X)
    curvature = 4 * torch.cos(2 * X) - 4 * X * torch.sin(2 * X)
    for _ in range(2):
        for call in (jacobian_vector_product, vector_jacobian_product):
            equal(call(f, "torch", X, U), slope * U)
            equal(call(lambda x: 2 * f(x), "torch", X, U), 2 * slope * U)
            equal(call(module, "torch", X, U), (1 - tanh**2) * U)
        for mode in ("auto", "forward-over-reverse", "reverse-over-forward", "forward-over-forward"):
            H = adhelpers.hessian(lambda x: f(x).sum(), "torch", X, mode=mode)
            torch.testing.assert_close(H, torch.diag(curvature), rtol=1e-12, atol=1e-14)
    graphs = torch.compile(lambda x: x * 2, backend="aot_eager")
    equal(graphs(X), 2 * X)  # what is compiled runs compiled again
    assert torch.compiler.is_compiling() is False
