"""The function itself as an operation: its values, what it may do, and what passes through it."""

from __future__ import annotations

import itertools
import sys
from collections import namedtuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import adhelpers
from adhelpers import (
    ADBackend,
    DTypeError,
    PreparationMismatchError,
    array_namespace,
    gradient,
    hessian,
    jacobian,
    prepare,
    value,
)
from conftest import assert_close, lifted, make, to_numpy

Pair = namedtuple("Pair", ["one", "other"])  # noqa: PYI024  # what users have
X, U = np.array([1.0, 2.0, -0.5]), np.array([0.5, -1.0, 2.0])
EXAMPLE = Path(__file__).parents[2] / "examples" / "adhelpers-dual" / "src"


@pytest.fixture(params=["jax", "torch", "autograd", "finite-difference", "dual"])
def any_backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ADBackend:
    """Every shipped backend, and the example of a stranger's."""
    if request.param != "dual":
        return make(request.param)
    if not hasattr(np, "vecmat"):
        pytest.skip("the example needs NumPy 2.2, as its pyproject.toml says")
    monkeypatch.syspath_prepend(EXAMPLE)
    from adhelpers_dual.backend import DualBackend

    return DualBackend()


def several(x: Any, factor: float = 1.0) -> Any:
    """Of a dict with an array and a number."""
    xp = array_namespace(x["a"])
    return Pair(factor * xp.sin(x["a"]) * x["b"], [xp.sum(x["a"] ** 2), None])


def several_by_numpy(a: np.ndarray, b: float, factor: float = 1.0) -> Any:
    return Pair(factor * np.sin(a) * b, [np.asarray(np.sum(a**2)), None])


# -- values -------------------------------------------------------------------------------------------


def test_values_have_the_structure_of_f(any_backend: ADBackend) -> None:
    x = {"a": X, "b": 3.0}
    assert_close(any_backend, value(several, any_backend, x), several_by_numpy(X, 3.0))
    assert_close(any_backend, value(several, any_backend, x, args=(2.0,)), several_by_numpy(X, 3.0, 2.0))
    prepared = prepare(value, several, any_backend, x, args=(2.0,))
    assert_close(any_backend, prepared({"a": U, "b": 4.0}, 2.0), several_by_numpy(U, 4.0, 2.0))


def test_the_dtype_is_that_of_f(any_backend: ADBackend, dtype: np.dtype) -> None:
    y = to_numpy(any_backend, value(lambda x: (x**2, x.sum(), 2.0, 1j), any_backend, X.astype(dtype)))
    assert isinstance(y, tuple)
    assert [leaf.dtype for leaf in y] == [dtype, dtype, dtype, np.result_type(dtype, np.complex64)]
    assert [leaf.shape for leaf in y] == [(3,), (), (), ()]


def test_weak_types_of_jax_stay_weak() -> None:
    """So that f promotes as it does where it is differentiated."""
    jnp = pytest.importorskip("jax").numpy
    half = jnp.ones(3, dtype=jnp.float16)
    x = jnp.asarray(2.0)
    y, _ = adhelpers.value_and_jacobian_vector_product(lambda x: x * half, "jax", x, x)
    assert y.dtype == jnp.float16
    for call in (lambda x: value(lambda x: x * half, "jax", x), prepare(value, lambda x: x * half, "jax", x)):
        assert call(x).dtype == jnp.float16


def test_64_bit_data_is_refused_where_jax_narrows_it() -> None:
    pytest.importorskip("jax")
    with pytest.raises(DTypeError, match=r"narrow to float32; use adhelpers.backend\('jax', x64=True\)"):
        value(lambda x: x, "jax", X)


@pytest.mark.parametrize("f", [lambda x: x > 0, lambda x: {"n": 3}], ids=["bool", "int"])
def test_results_without_a_derivative_belong_in_aux(any_backend: ADBackend, f: Any) -> None:
    with pytest.raises(DTypeError, match=r"f\(x\).* return it as aux with has_aux=True"):
        value(f, any_backend, X)
    y, aux = value(lambda x: (x, f(x)), any_backend, X, has_aux=True)
    assert_close(any_backend, y, X)
    leaves, expected = any_backend.flatten(aux)[0], f(X) if isinstance(f(X), np.ndarray) else 3
    assert np.array_equal(np.asarray(leaves[0]), expected)


def test_integers_are_refused(any_backend: ADBackend) -> None:
    with pytest.raises(
        DTypeError, match=r"x is an array of dtype (torch\.)?int64, but only floating and complex leaves"
    ):
        value(lambda x: x, any_backend, np.arange(3))


def test_the_owner_of_x_is_found(backend: ADBackend) -> None:
    if backend.name in ("autograd", "finite-difference"):
        pytest.skip("NumPy's arrays are claimed by none")
    with backend.scope():
        assert_close(backend, value(lambda x: x**3, None, lifted(backend, X)), X**3)


# -- calls --------------------------------------------------------------------------------------------


def test_f_runs_once_and_without_derivatives(any_backend: ADBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def f(x: Any) -> Any:
        calls.append(1)
        return x**3

    def never(*_: Any, **__: Any) -> Any:
        raise AssertionError("nothing is differentiated")

    for name in ("jvp", "vjp", "jvp_sweep"):
        monkeypatch.setattr(type(any_backend), name, never)
    for name in ("jvp", "vjp", "linearize"):
        if any_backend.name == "jax":
            monkeypatch.setattr(sys.modules["jax"], name, never)
    assert_close(any_backend, value(f, any_backend, X), X**3)
    assert len(calls) == 1
    prepared = prepare(value, f, any_backend, lifted(any_backend, X))
    assert len(calls) == 2
    prepared(lifted(any_backend, U))
    assert len(calls) == 2 + (not any_backend.compiles)


def test_errors_of_f_are_the_same_object(any_backend: ADBackend) -> None:
    error = LookupError("mine")

    def fails(x: Any) -> Any:
        raise error

    with pytest.raises(LookupError) as caught:
        value(fails, any_backend, X)
    assert caught.value is error


def test_every_call_is_explained(any_backend: ADBackend) -> None:
    with adhelpers.explain() as log:
        value(lambda x: -x, any_backend, X)
    (call,) = log.calls
    assert (call.operation, call.backend) == ("value", any_backend.name)


# -- purity (R8) --------------------------------------------------------------------------------------


def test_f_may_work_in_place(any_backend: ADBackend) -> None:
    def f(x: Any) -> Any:
        x *= 2.0
        return x

    x = lifted(any_backend, X)
    assert_close(any_backend, value(f, any_backend, x), 2 * X)
    np.testing.assert_array_equal(any_backend.to_numpy(x), X)


def test_results_share_no_memory(any_backend: ADBackend) -> None:
    if any_backend.name == "jax":
        pytest.skip("JAX arrays cannot be written to")
    x, held, given = lifted(any_backend, X.copy()), lifted(any_backend, U.copy()), X.copy()
    for f in (lambda x: ([x, x], x), lambda x: (held, held), lambda x: (x[1:], [x, held])):
        results = [value(f, any_backend, point, has_aux=True) for point in (x, given)]
        leaves = [*map(any_backend.to_numpy, any_backend.flatten((results, x, held))[0]), given]
        assert not [1 for a, b in itertools.combinations(leaves, 2) if np.shares_memory(a, b)]


# -- nesting (R12, R15) -------------------------------------------------------------------------------


def test_derivatives_pass_through_it(any_backend: ADBackend) -> None:
    J = jacobian(lambda x: value(lambda x: x**3, any_backend, x), any_backend, X)
    assert_close(any_backend, J, np.diag(3 * X**2))
    H = hessian(lambda x: value(lambda x: array_namespace(x).sum(x**3), any_backend, x), any_backend, X)
    assert_close(any_backend, H, np.diag(6 * X), depth=2)


def test_derivatives_pass_through_it_by_what_f_closes_over(any_backend: ADBackend) -> None:
    def f(w: Any) -> Any:
        y, aux = value(lambda x: (w**2 * x, w**3 * x), any_backend, lifted(any_backend, U), has_aux=True)
        return array_namespace(w).sum(y + aux)

    assert_close(any_backend, gradient(f, any_backend, X), (2 * X + 3 * X**2) * U)


def test_differences_pass_through_values_of_frameworks(framework: ADBackend) -> None:
    x = lifted(framework, X)
    with framework.scope():
        J = jacobian(lambda x: value(lambda x: x**3, framework, x), "finite-difference", x)
    np.testing.assert_allclose(framework.to_numpy(J), np.diag(3 * X**2), rtol=1e-8, atol=1e-8)


def test_derivatives_work_inside_it(any_backend: ADBackend) -> None:
    f = lambda x: gradient(lambda x: array_namespace(x).sum(x**3), any_backend, x)  # noqa: E731
    assert_close(any_backend, value(f, any_backend, X), 3 * X**2)
    assert_close(any_backend, prepare(value, f, any_backend, X)(U), 3 * U**2)


def test_backward_reaches_x_and_parameters() -> None:
    torch = pytest.importorskip("torch")
    x, w = torch.tensor(X, requires_grad=True), torch.nn.Parameter(torch.tensor(U))
    y, aux = value(lambda x: (w * x**2, w), "torch", x, has_aux=True)
    (y.sum() + aux.sum()).backward()
    np.testing.assert_allclose(x.grad, 2 * U * X)
    np.testing.assert_allclose(w.grad, X**2 + 1.0)
    with torch.no_grad():
        assert not value(lambda x: w * x**2, "torch", x).requires_grad
    assert not value(lambda x: x**2, "torch", torch.tensor(X)).requires_grad


def test_inside_transformations_of_torch() -> None:
    torch = pytest.importorskip("torch")
    x = torch.tensor(X)

    def f(x: Any) -> Any:
        return value(lambda x: (x**3).sum(), "torch", x)

    np.testing.assert_allclose(torch.func.grad(f)(x), 3 * X**2)
    np.testing.assert_allclose(torch.func.jvp(f, (x,), (torch.tensor(U),))[1], 3 * X**2 @ U)
    np.testing.assert_allclose(torch.func.vmap(torch.func.hessian(f))(x[None]), np.diag(6 * X)[None])


def test_inside_transformations_of_jax() -> None:
    jax = pytest.importorskip("jax")

    def f(x: Any) -> Any:
        return value(lambda x: (x**3).sum(), None, x)

    x = jax.numpy.asarray(X)
    np.testing.assert_allclose(jax.jit(jax.grad(f))(x), 3 * X**2, rtol=1e-6)
    np.testing.assert_allclose(jax.vmap(jax.hessian(f))(x[None]), np.diag(6 * X)[None], rtol=1e-6)


def test_inside_transformations_of_autograd() -> None:
    autograd = pytest.importorskip("autograd")
    f = lambda x: value(lambda x: (x**3).sum(), "autograd", x)  # noqa: E731
    np.testing.assert_allclose(autograd.grad(f)(X), 3 * X**2)
    np.testing.assert_allclose(autograd.hessian(f)(X), np.diag(6 * X))


# -- compiled -----------------------------------------------------------------------------------------


def test_prepared(any_backend: ADBackend) -> None:
    x = lifted(any_backend, X)
    f = lambda x, a: (a * x**3, {"square": x**2, "word": "aux"})  # noqa: E731
    strict = prepare(value, f, any_backend, x, args=(2.0,), has_aux=True, strict=True)
    for _ in range(3):
        y, aux = strict(x, 2.0)
        assert_close(any_backend, y, 2 * X**3)
        assert_close(any_backend, aux.pop("square"), X**2)
        assert aux == {"word": "aux"}
    with pytest.raises(PreparationMismatchError, match=r"x: prepared with .*float64\[3\]"):
        strict(x[:2], 2.0)
    assert "value" in repr(strict)
    with pytest.raises(TypeError, match="value takes no u; leave it out"):
        prepare(value, f, any_backend, x, x)


def test_every_call_compiled() -> None:
    pytest.importorskip("jax")
    backend, calls = adhelpers.backend("jax", jit=True, x64=True), []

    def f(x: Any) -> Any:
        calls.append(1)
        return x["a"] ** 3, {"n": 2}

    for _ in range(3):
        y, aux = value(f, backend, {"a": X}, has_aux=True)
        assert_close(backend, y, X**3)
        assert aux == {"n": 2}
    assert len(calls) == 1


@pytest.mark.parametrize("compiler", ["eager", "aot_eager"])
def test_inside_what_torch_compiles(compiler: str) -> None:
    torch = pytest.importorskip("torch")
    run = torch.compile(lambda x: value(lambda x: (x, x, x.mul_(2.0)), "torch", x), fullgraph=True, backend=compiler)
    x = torch.tensor(X)
    received = run(x)
    for leaf in received:
        np.testing.assert_array_equal(leaf, 2 * X)
    np.testing.assert_array_equal(x, X)
    assert len({leaf.data_ptr() for leaf in (*received, x)}) == 4


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")  # which the compiler looks at
def test_compiled_by_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    graphs: list[Any] = []
    compile_ = torch.compile

    def keep(graph: Any, inputs: Any) -> Any:
        graphs.append(graph)
        return graph

    monkeypatch.setattr(torch, "compile", lambda f, **options: compile_(f, backend=keep, **options))
    torch.compiler.reset()
    x = torch.tensor(X)
    u, backend = torch.tensor(U), adhelpers.backend("torch", compiled=True)
    prepared = prepare(value, lambda x, a: (x, a * x.mul_(2.0)), backend, x, args=(u,))
    for factor in (u, 2.0 * u):
        one, other = prepared(x, factor)
        np.testing.assert_array_equal(one, 2 * X)
        np.testing.assert_array_equal(other, factor.numpy() * 2 * X)
        assert one.data_ptr() != x.data_ptr()
    np.testing.assert_array_equal(x, X)
    assert len(graphs) == 1
