"""Operations inside of what a user compiles."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from torch_functions import U, X, cube_with_rules, equal, square

import adhelpers
from adhelpers import (
    batched_jacobian,
    jacobian_vector_product,
    vector_jacobian_product,
)

torch = pytest.importorskip("torch")

compilation = pytest.importorskip("adhelpers_plugins.torch.compilation")

pytestmark = [
    pytest.mark.usefixtures("levels_known"),
    pytest.mark.filterwarnings("ignore:(Dynamo cannot trace|Graph break for an) optree:UserWarning"),
    pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning"),  # which the compiler looks at
]


Tenfold = cube_with_rules(30)
"""Its rules are ten times its derivative, so that one sees whether they are used."""


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
    equal(prepared(X, U), 2 * X * U)
    graphs = len(eager)
    assert graphs == 1 or (graphs and not compilation.KNOWN)
    for _ in range(2):
        equal(prepared(X, U), 2 * X * U)
    assert len(eager) == graphs


def cubes(x: Any) -> Any:
    torch._dynamo.graph_break()
    y = x**3
    torch._dynamo.graph_break()
    return y


HESSIAN_MODES = ("forward-over-reverse", "reverse-over-forward", "reverse-over-reverse", "forward-over-forward")
OPERATIONS = {
    "jvp": (lambda f, b, x: jacobian_vector_product(f, b, x, U), 3 * X**2 * U),
    "vjp": (lambda f, b, x: vector_jacobian_product(f, "torch", x, U), 3 * X**2 * U),
    "structure": (lambda f, b, x: jacobian_vector_product(lambda t: f(t["a"]), None, {"a": x}, {"a": U}), 3 * X**2 * U),
    "forward": (lambda f, b, x: batched_jacobian(f, b, x[None], mode="forward"), 3 * X[None, None] ** 2),
    "reverse": (lambda f, b, x: batched_jacobian(f, b, x[None], mode="reverse"), 3 * X[None, None] ** 2),
    "nested": (
        lambda f, b, x: jacobian_vector_product(lambda z: vector_jacobian_product(f, b, z, U), b, x, U),
        6 * X * U * U,
    ),
    "jacobian": (lambda f, b, x: adhelpers.jacobian(f, b, x), torch.diag(3 * X**2)),
    **{
        mode: (lambda f, b, x, mode=mode: adhelpers.hessian(lambda z: f(z).sum(), b, x, mode=mode), torch.diag(6 * X))
        for mode in HESSIAN_MODES
    },
}


@pytest.mark.parametrize("compiler", ["eager", "aot_eager"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_compile_without_a_break(name: str, compiler: str) -> None:
    call, expected = OPERATIONS[name]
    backend = adhelpers.backend("torch")
    torch.compiler.reset()
    # Where PyTorch does not trace a transformation as a whole, the graph is broken.
    compiled = torch.compile(lambda x: call(lambda z: z**3, backend, x), fullgraph=compilation.KNOWN, backend=compiler)
    for _ in range(2):
        equal(compiled(X), expected)
    equal(call(lambda z: z**3, backend, X), expected)  # and nothing is left behind


@pytest.mark.parametrize("compiler", ["eager", "aot_eager"])
@pytest.mark.parametrize("name", sorted(OPERATIONS.keys() - {"structure"}))  # which Dynamo itself cannot keep
def test_functions_that_break_the_graph(name: str, compiler: str) -> None:
    call, expected = OPERATIONS[name]
    backend = adhelpers.backend("torch")
    torch.compiler.reset()
    compiled = torch.compile(lambda x: call(cubes, backend, x), backend=compiler)
    for _ in range(2):
        equal(compiled(X), expected)


FIRST = """
import torch, adhelpers

def square(x):
    return (x**2).sum()

def broken(x):
    torch._dynamo.graph_break()
    return square(x)

x = torch.ones(2)
counted = torch._dynamo.utils.counters["frames"]
for f in (square, broken):
    slope = torch.compile(lambda x, f=f: adhelpers.gradient(f, None, x), backend="eager")
    before = counted["total"]
    assert (slope(x) == 2).all()
print(counted["total"] - before)
slope = torch.compile(adhelpers.gradient, backend="eager", fullgraph=True)
assert (slope(square, adhelpers.backend("torch"), x) == 2).all()
"""


@pytest.mark.direct  # once: it is a process of its own
def test_the_first_call_of_a_process_may_stand_in_what_is_compiled() -> None:
    """And what breaks a graph is not traced again in each function of the core between the operation and `f`.

    An operation may also be what is compiled.
    """
    command = [sys.executable, "-W", "error::UserWarning", "-c", FIRST]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 6 or not compilation.KNOWN


@pytest.mark.parametrize("is_known", [True, False])
def test_what_is_traced_as_a_whole_or_not_at_all(is_known: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compilation, "KNOWN", is_known and compilation.KNOWN)
    compiling: list[bool] = []

    def push(f: Any, x: Any) -> Any:
        return torch.func.vjp(lambda z: seen(f, z), x)[1](U)[0]

    def seen(f: Any, z: Any) -> Any:
        compiling.append(torch.compiler.is_dynamo_compiling())
        return f(z)

    whole = compilation.traced_whole(push)
    for f, is_traced in ((lambda z: z**3, compilation.KNOWN), (cubes, False)):
        torch.compiler.reset()
        equal(torch.compile(lambda x, f=f: whole(f, x), backend="aot_eager")(X), 3 * X**2 * U)
        assert compiling[-1] is is_traced


@pytest.mark.parametrize("infinite", [float("inf"), float("nan")])
def test_a_number_that_is_not_finite_hides_no_other(infinite: float) -> None:
    right = torch.tensor([infinite, 5.0, 1e-3], dtype=torch.float64)
    assert compilation._close(right.clone(), right)
    assert compilation._close(right + torch.tensor([0.0, 1e-12, 1e-12], dtype=torch.float64), right)
    assert not compilation._close(right + torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64), right)
    assert not compilation._close(torch.tensor([1.0, 5.0, 1e-3], dtype=torch.float64), right)
    assert compilation._close(torch.ones(0), torch.ones(0))
