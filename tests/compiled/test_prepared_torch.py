"""Compiled by PyTorch on request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from prepared_calls import BATCH, U, X, cube, lifted, same

import adhelpers
from adhelpers import ADBackend, batched_jacobian, prepare
from adhelpers import jacobian_vector_product as jvp
from adhelpers import vector_jacobian_product as vjp
from conftest import assert_close, make


@pytest.fixture
def graphs(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """The graphs that PyTorch compiles, by a back end that needs no C++ compiler."""
    make("torch")
    import torch

    compile, found = torch.compile, []  # noqa: A001

    def back_end(graph: Any, example: Any) -> Any:
        found.append(graph)
        return graph.forward

    monkeypatch.setattr(torch, "compile", lambda f, **options: compile(f, backend=back_end, **options))
    yield found
    torch._dynamo.reset()


@pytest.fixture
def torch_compiled(graphs: list[Any]) -> ADBackend:
    return adhelpers.backend("torch", compiled=True)


@pytest.mark.parametrize("operation", [jvp, vjp, "forward", "reverse"])
def test_torch_compiles_whole_graphs_for_each_shape(
    graphs: list[Any], torch_compiled: ADBackend, operation: Any
) -> None:
    x, u, short = lifted(torch_compiled, BATCH, BATCH / 7, BATCH[:, :2])

    def expected(x: Any, u: Any) -> Any:
        return 3 * x**2 * u if callable(operation) else 3 * x**2 * np.eye(2)[:, :, None]

    if callable(operation):
        call = prepare(operation, cube, torch_compiled, x, u)
    else:
        of_x = prepare(batched_jacobian, cube, torch_compiled, x, mode=operation)
        call = lambda x, u: of_x(x)  # noqa: E731
    for a, b in ((x, u), (u, x), (short, short), (x, u)):
        assert_close(torch_compiled, call(a, b), expected(a.numpy(), b.numpy()))
    found = len(graphs)  # one for each shape and way to compute it
    assert found == 2 or not callable(operation)
    call(u, x)
    assert len(graphs) == found


def test_torch_compiles_more_functions_than_it_would_count(graphs: list[Any], torch_compiled: ADBackend) -> None:
    x, u = lifted(torch_compiled, X, U)
    calls = [prepare(jvp, lambda x, n=n: x * n, torch_compiled, x, u) for n in range(10)]
    for n, call in enumerate(calls):
        assert_close(torch_compiled, call(x, u), n * U)
    assert len(graphs) == 10


def test_torch_modules_stay_attached(torch_compiled: ADBackend) -> None:
    import torch

    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.GELU(), torch.nn.Linear(4, 2))
    x, u = torch.ones(3), torch.ones(2)
    gradients = []
    for backend in (adhelpers.backend("torch"), torch_compiled):
        call = prepare(vjp, lambda x: model(x), backend, x, u)
        model.zero_grad()
        call(x, u).square().sum().backward()
        gradients.append([parameter.grad for parameter in model.parameters() if parameter.grad is not None])
    torch.testing.assert_close(gradients[0], gradients[1])
    with torch.no_grad():
        for parameter in model.parameters():
            parameter *= 2.0
    torch.testing.assert_close(call(x, u), vjp(lambda x: model(x), "torch", x, u))


def test_torch_containers_numpy_and_aux(torch_compiled: ADBackend) -> None:
    import torch

    def f(x: Any, weights: Any) -> Any:
        return {"y": x["b"] * torch.as_tensor(weights["w"]), "n": None}, {"a": x["a"], "words": ("some", 3)}

    for array in (X, *lifted(torch_compiled, X)):
        x, weights = {"b": lifted(torch_compiled, X)[0], "a": lifted(torch_compiled, U)[0]}, {"w": array}
        call = prepare(jvp, f, torch_compiled, x, x, args=(weights,), has_aux=True)
        for _ in range(2):
            same(torch_compiled, call(x, x, weights), jvp(f, "torch", x, x, args=(weights,), has_aux=True))


def test_torch_transformations_and_errors_leave_nothing_behind(torch_compiled: ADBackend) -> None:
    import torch

    x, u = lifted(torch_compiled, X, U)
    error = ArithmeticError("mine")

    def f(x: Any) -> Any:
        if x.shape == (2,):
            raise error
        return x**3

    call = prepare(jvp, f, torch_compiled, x, u)

    def check() -> None:
        assert_close(torch_compiled, call(x, u), 3 * X**2 * U)

    with pytest.raises(ArithmeticError) as raised:
        call(x[:2], u[:2])
    assert raised.value is error
    check()
    assert_close(torch_compiled, torch.func.vmap(call)(x[None], u[None]), (3 * X**2 * U)[None])
    assert_close(torch_compiled, torch.func.grad(lambda x: call(x, u).sum())(x), 6 * X * U)
    assert_close(torch_compiled, torch.func.jvp(lambda x: call(x, u), (x,), (u,))[1], 6 * X * U * U)
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            check()
    leaf = x.clone().requires_grad_()
    call(leaf, leaf).sum().backward()  # u is a constant
    assert_close(torch_compiled, leaf.grad, 6 * X * X)
    check()


def test_torch_compiles_on_request_alone() -> None:
    backend = make("torch")
    assert not backend.compiles
    assert backend.compile(cube) is cube
    assert adhelpers.backend("torch", compiled=True).compiles


ALIASES: dict[str, tuple[Any, Any]] = {
    "halves": (adhelpers.value, lambda x: (x[:2], x[2:])),
    "a view": (adhelpers.value, lambda x: x.reshape(2, 2).T),
    "twice": (adhelpers.value, lambda x: (lambda y: (y, y, y[:2]))(x.sin())),
    "tangents": (adhelpers.jacobian_vector_product, lambda x: (x[:2], x[2:])),
    "cotangents": (adhelpers.vector_jacobian_product, lambda x: x.reshape(2, 2)),
}


@pytest.mark.parametrize("name", ALIASES)
def test_results_of_compiled_code_share_no_memory(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The compiler leaves out copies, as this back end does, and returns views of what it is given."""
    make("torch")
    import torch

    def without_copies(graph: Any, example: Any) -> Any:
        for node in list(graph.graph.nodes):
            if node.target in ("clone", torch.clone):
                node.replace_all_uses_with(node.args[0])
                graph.graph.erase_node(node)
        graph.recompile()
        return graph.forward

    compile_ = torch.compile
    monkeypatch.setattr(torch, "compile", lambda f, **options: compile_(f, backend=without_copies, **options))
    torch.compiler.reset()
    operation, f = ALIASES[name]
    backend = adhelpers.backend("torch", compiled=True)
    x, u = torch.arange(4.0), torch.ones(4)
    given = [x] if operation is adhelpers.value else [x, u.reshape(2, 2) if name == "cotangents" else u]
    prepared = adhelpers.prepare(operation, f, backend, *given)
    results = adhelpers.tree_leaves(prepared(*given))
    kept = [result.clone() for result in results]
    for k, result in enumerate(results):
        result += 100.0
        for other, before in zip(results[k + 1 :], kept[k + 1 :], strict=True):
            assert torch.equal(other, before)
    assert torch.equal(x, torch.arange(4.0))
    assert torch.equal(u, torch.ones(4))
