"""Operations inside of what a user compiles."""

from __future__ import annotations

from typing import Any

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


class Tenfold(torch.autograd.Function):
    """The cube, with rules that are ten times its derivative, so that one sees whether they are used."""

    @staticmethod
    def forward(x: Any) -> Any:
        return x**3

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return 30 * ctx.saved_tensors[0] ** 2 * g

    @staticmethod
    def jvp(ctx: Any, t: Any) -> Any:
        return 30 * ctx.saved_tensors[0] ** 2 * t


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The graphs that Dynamo makes, which run as they are."""
    graphs: list[Any] = []
    compile_ = torch.compile

    def keep(graph: Any, inputs: Any) -> Any:
        graphs.append(graph)
        return graph

    monkeypatch.setattr(torch, "compile", lambda f, **options: compile_(f, backend=keep, **options))
    torch.compiler.reset()
    return graphs


@pytest.mark.direct
def test_what_the_compiler_gets_wrong_is_not_compiled(eager: list[Any]) -> None:
    backend = adhelpers.backend("torch", compiled=True)
    for f, expected in ((Tenfold.apply, 30 * X**2 * U), (lambda x: Tenfold.apply(x) + x, 30 * X**2 * U + U)):
        for call in (jacobian_vector_product, vector_jacobian_product):
            prepared = adhelpers.prepare(call, f, backend, X, U)
            equal(prepared(0 * X, U), expected - 30 * X**2 * U)  # where the rule makes no difference
            for _ in range(2):
                equal(prepared(X, U), expected)
    eager.clear()
    prepared = adhelpers.prepare(jacobian_vector_product, square, backend, X, U)
    for _ in range(3):
        equal(prepared(X, U), 2 * X * U)
    assert len(eager) == 1


@pytest.mark.direct
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")  # which the compiler looks at
def test_functions_that_a_user_has_compiled() -> None:
    torch.compiler.reset()
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
