"""The derivative at a point, multiplied many times."""

from __future__ import annotations

import copy
import gc
import logging
import pickle
import threading
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import adhelpers
from adhelpers import (
    ADBackend,
    ArgumentError,
    ArgumentTypeError,
    ShapeMismatchError,
    StructureMismatchError,
    UnsupportedOperationError,
    array_namespace,
    linearize,
    linearize_gradient,
)
from conftest import assert_close, lifted, to_numpy

A, P = np.array([0.3, 1.2, -0.7]), np.asarray(1.5)
X = {"a": A, "p": P}
T = {"a": np.array([1.0, -2.0, 0.5]), "p": np.asarray(2.0)}
C = [np.array([0.5, 1.0, -1.0]), np.asarray(3.0)]
PUSHED = [T["p"] * np.sin(A) + P * np.cos(A) * T["a"], np.asarray(2.0 * A @ T["a"])]
PULLED = {"a": C[0] * P * np.cos(A) + C[1] * 2.0 * A, "p": np.asarray(C[0] @ np.sin(A))}


class Counted:
    """How often it is called is counted."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, x: Any) -> Any:
        self.calls += 1
        xp = array_namespace(x["a"])
        return [x["p"] * xp.sin(x["a"]), xp.sum(x["a"] ** 2)]

    def during(self, call: Callable[[], object]) -> int:
        before = self.calls
        call()
        return self.calls - before


def energy(x: Any) -> Any:
    xp = array_namespace(x["a"])
    return x["p"] * xp.sum(x["a"] ** 3)


HESSIAN_TIMES_T = {"a": 6.0 * P * A * T["a"] + 3.0 * A**2 * T["p"], "p": np.asarray(3.0 * A**2 @ T["a"])}


def test_products_and_how_often_f_runs(backend: ADBackend) -> None:
    f, x = Counted(), lifted(backend, X)
    made: list[adhelpers.Linearization] = []
    assert f.during(lambda: made.append(linearize(f, backend, x))) == 1
    (lin,) = made
    assert_close(backend, lin.value, [P * np.sin(A), np.asarray(A @ A)])
    assert lin.aux is None
    u, v = lifted(backend, T), lifted(backend, C)
    assert_close(backend, lin.pull(v), PULLED)
    assert f.during(lambda: lin.pull(v)) == 0  # finite differences have seen all columns by then
    if backend.has_reverse:
        assert f.calls == 1
    pushes = f.during(lambda: lin.push(u))
    assert pushes == {"jax": 0, "autograd": 0, "torch": 1, "finite-difference": 2}[backend.name]
    for _ in range(2):
        assert_close(backend, lin.push(u), PUSHED)
        assert_close(backend, lin.pull(v), PULLED)


def test_sweeps_and_how_often_f_runs(backend: ADBackend) -> None:
    f, x = Counted(), lifted(backend, X)
    lin = linearize(f, backend, x)
    random = np.random.default_rng(0)
    many = {"a": random.standard_normal((5, 3)), "p": random.standard_normal(5)}
    stacks = lifted(backend, many)
    expected = [
        many["p"][:, None] * np.sin(A) + P * np.cos(A) * many["a"],
        2.0 * many["a"] @ A,
    ]
    assert_close(backend, lin.push_many(stacks), expected)
    assert_close(backend, lin.push_many(stacks, chunk_size=2, check="always"), expected)
    repeated = f.during(lambda: lin.push_many(stacks))
    assert repeated == {"jax": 0, "autograd": 0, "torch": 1, "finite-difference": 10}[backend.name]
    cotangents = [random.standard_normal((4, 3)), random.standard_normal(4)]
    pulled = {"a": cotangents[0] * P * np.cos(A) + cotangents[1][:, None] * 2.0 * A, "p": cotangents[0] @ np.sin(A)}
    assert_close(backend, lin.pull_many(lifted(backend, cotangents)), pulled)
    assert f.during(lambda: lin.pull_many(lifted(backend, cotangents), chunk_size=3)) == 0


def test_no_vector_no_leaf_and_no_output(backend: ADBackend) -> None:
    lin = linearize(Counted(), backend, lifted(backend, X))
    none = lin.push_many(lifted(backend, {"a": np.zeros((0, 3)), "p": np.zeros(0)}))
    assert_close(backend, none, [np.zeros((0, 3)), np.zeros(0)])
    nothing = linearize(lambda x: (), backend, lifted(backend, A))
    assert nothing.value == ()
    assert nothing.push(lifted(backend, A)) == ()
    assert_close(backend, nothing.pull(()), np.zeros(3))
    constant = lifted(backend, A)
    pointless = linearize(lambda x: constant, backend, {})
    assert_close(backend, pointless.push({}), np.zeros(3))
    assert pointless.pull(constant) == {}


def test_without_leaves_results_are_in_memory_of_their_own(backend: ADBackend) -> None:
    constant = lifted(backend, A)

    def f(x: Any) -> Any:
        return [constant, constant]

    results = [
        linearize(f, backend, {}).value,
        adhelpers.value_and_jacobian_vector_product(f, backend, {}, {})[0],
        adhelpers.value_and_vector_jacobian_product(f, backend, {}, [constant, constant])[0],
        adhelpers.value_and_jacobian(lambda x: constant, backend, {})[:1],
    ]
    if backend.name != "jax":  # nobody can write to its arrays
        arrays = [to_numpy(backend, constant), *(to_numpy(backend, leaf) for leaves in results for leaf in leaves)]
        for i, array in enumerate(arrays):
            assert not any(np.shares_memory(array, other) for other in arrays[:i])


def test_the_hessian_as_a_linear_map(backend: ADBackend) -> None:
    calls: list[int] = []

    def f(x: Any) -> Any:
        calls.append(1)
        return energy(x)

    hessian = linearize_gradient(f, backend, lifted(backend, X))
    assert_close(backend, hessian.value, np.asarray(P * np.sum(A**3)))
    assert_close(backend, hessian.gradient, {"a": 3.0 * P * A**2, "p": np.asarray(np.sum(A**3))})
    if backend.has_reverse:
        assert len(calls) == 1
    for _ in range(3):
        assert_close(backend, hessian.push(lifted(backend, T)), HESSIAN_TIMES_T, depth=2)
    stacks = {"a": np.stack([T["a"], -T["a"]]), "p": np.stack([T["p"], -T["p"]])}
    expected = {key: np.stack([leaf, -leaf]) for key, leaf in HESSIAN_TIMES_T.items()}
    assert_close(backend, hessian.push_many(lifted(backend, stacks)), expected, depth=2)
    if backend.has_reverse:
        assert len(calls) == 1


def test_aux_and_args(backend: ADBackend) -> None:
    def f(x: Any, scale: float, name: str) -> Any:
        return scale * x**2, {"name": name, "x": x}

    x = lifted(backend, A)
    lin = linearize(f, backend, x, args=(3.0, "three"), has_aux=True)
    assert lin.aux["name"] == "three"
    assert_close(backend, lin.aux["x"], A)
    assert_close(backend, lin.push(x), 6.0 * A**2)
    total = linearize_gradient(lambda x: (array_namespace(x).sum(x**3), "aux"), backend, x, has_aux=True)
    assert total.aux == "aux"
    assert_close(backend, total.push(x), 6.0 * A**2, depth=2)


def test_the_point_stays_where_it_was_and_f_may_work_in_place() -> None:
    def f(x: Any) -> Any:
        x *= 2.0
        return x * x

    x = A.copy()
    lin = linearize(f, "finite-difference", x)
    np.testing.assert_array_equal(x, A)
    x[:] = 100.0
    lin.value[:] = 100.0
    np.testing.assert_allclose(lin.push(np.ones(3)), 8.0 * A, rtol=1e-6)
    np.testing.assert_allclose(lin.pull(np.ones(3)), 8.0 * A, rtol=1e-6)


def test_complex_numbers(backend: ADBackend) -> None:
    z, u = A + 1j * A[::-1], np.array([1.0 - 2.0j, 0.5j, 3.0])
    lin = linearize(lambda z: z**2 * array_namespace(z).conj(z), backend, lifted(backend, z))
    size = 2.0 * np.abs(z) ** 2
    assert_close(backend, lin.push(lifted(backend, u)), size * u + z**2 * np.conj(u))
    assert_close(backend, lin.pull(lifted(backend, u)), size * u + np.conj(z**2 * u))
    stacks = np.stack([u, 1j * u])
    expected = np.stack([size * u + np.conj(z**2 * u), 1j * size * u + np.conj(1j * z**2 * u)])
    assert_close(backend, lin.pull_many(lifted(backend, stacks)), expected)


def test_memory_is_free_when_it_is_dropped(framework: ADBackend) -> None:
    lin = linearize(Counted(), framework, lifted(framework, X))
    lin.push(lifted(framework, T)), lin.pull(lifted(framework, C))
    hessian = linearize_gradient(energy, framework, lifted(framework, X))
    hessian.push(lifted(framework, T))
    references = [weakref.ref(lin), weakref.ref(hessian)]
    gc.disable()
    try:
        del lin, hessian
        assert [reference() for reference in references] == [None, None]
    finally:
        gc.enable()


def test_any_number_of_threads(backend: ADBackend) -> None:
    lin = linearize(Counted(), backend, lifted(backend, X))
    results: list[Any] = [None] * 8

    def work(k: int) -> None:
        results[k] = lin.push(lifted(backend, T)), lin.pull(lifted(backend, C))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for pushed, pulled in results:
        assert_close(backend, pushed, PUSHED)
        assert_close(backend, pulled, PULLED)


def test_a_missing_rule_is_made_good_by_the_other_map(caplog: pytest.LogCaptureFixture) -> None:
    jax = pytest.importorskip("jax")

    @jax.custom_vjp
    def cube(x: Any) -> Any:
        return x**3

    cube.defvjp(lambda x: (x**3, x), lambda x, v: (3.0 * x**2 * v,))
    backend = adhelpers.backend("jax", x64=True)
    with caplog.at_level(logging.INFO, "adhelpers"):
        lin = linearize(cube, backend, A)
        assert_close(backend, lin.push(A), 3.0 * A**3)
        assert_close(backend, lin.pull(A), 3.0 * A**3)
        assert_close(backend, lin.push_many(np.stack([A, 2.0 * A])), np.stack([3.0 * A**3, 6.0 * A**3]))
    assert "lacks a forward rule" in caplog.text

    def looped(x: Any) -> Any:  # which JAX pushes forward only
        return jax.lax.while_loop(lambda state: state[0] < 2, lambda state: (state[0] + 1, state[1] * x), (0, x))[1]

    lin = linearize(looped, backend, A)
    assert_close(backend, lin.push(A), 3.0 * A**3)
    assert_close(backend, lin.pull(A), 3.0 * A**3)
    assert_close(backend, lin.pull_many(np.stack([A, 2.0 * A])), np.stack([3.0 * A**3, 6.0 * A**3]))
    strict = adhelpers.backend("jax", x64=True, fallback=False)
    with pytest.raises(UnsupportedOperationError):
        linearize(looped, strict, A).pull(A)


@pytest.mark.parametrize("fallback", [True, False])
@pytest.mark.parametrize("is_prepared", [True, False])
def test_a_reverse_rule_of_the_users_is_pulled_by(fallback: bool, is_prepared: bool) -> None:
    jax = pytest.importorskip("jax")

    @jax.custom_vjp
    def cube(x: Any) -> Any:
        return x**3

    cube.defvjp(lambda x: (x**3, x), lambda x, v: (3.0 * x**2 * v,))
    backend = adhelpers.backend("jax", x64=True, fallback=fallback)
    make = adhelpers.prepare(linearize, cube, backend, A) if is_prepared else partial(linearize, cube, backend)
    assert_close(backend, make(A).pull(A), 3.0 * A**3)
    lin = make(A)
    assert_close(backend, lin.pull_many(np.stack([A, 2.0 * A])), np.stack([3.0 * A**3, 6.0 * A**3]))
    assert_close(backend, lin.pull(A), 3.0 * A**3)


def test_what_f_raises_passes(backend: ADBackend) -> None:
    error = LookupError("of the user's")

    def f(x: Any) -> Any:
        raise error

    with pytest.raises(LookupError) as caught:
        linearize(f, backend, lifted(backend, A))
    assert caught.value is error


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda lin: lin.push(np.ones(2)), ShapeMismatchError, "u has shape (2,)"),
        (lambda lin: lin.pull({"a": np.ones(3)}), StructureMismatchError, "v is a dict"),
        (lambda lin: lin.push_many(np.ones(3)), ShapeMismatchError, "give U the shape (k, 3)"),
        (lambda lin: lin.pull_many(np.ones((2, 4))), ShapeMismatchError, "give V the shape (k, 3)"),
        (lambda lin: lin.push_many(np.asarray(1.0)), ShapeMismatchError, "U has shape ()"),
        (lambda lin: lin.push(np.ones(3), differentiate_u="no"), ArgumentTypeError, "True or False"),
        (lambda lin: lin.push_many(np.ones((2, 3)), chunk_size=0), ArgumentError, "positive int"),
        (lambda lin: lin.push_many(np.ones((2, 3)), check="yes"), ArgumentError, "'always'"),
        (lambda lin: linearize(np.sin, "finite-difference", A, has_aux=1), ArgumentTypeError, "has_aux"),
        (lambda lin: linearize(3.0, "finite-difference", A), ArgumentTypeError, "callable"),
        (lambda lin: linearize_gradient(np.sin, "finite-difference", A), ShapeMismatchError, "one real number"),
    ],
)
def test_bad_arguments(call: Callable[[Any], object], error: type[Exception], words: str) -> None:
    lin = linearize(np.sin, "finite-difference", A)
    with pytest.raises(error) as caught:
        call(lin)
    assert words in str(caught.value)


def test_stacks_of_several_leaves_have_as_many_vectors() -> None:
    lin = linearize(Counted(), "finite-difference", X)
    with pytest.raises(ShapeMismatchError, match=r"give U\['p'\] the shape \(4,\)"):
        lin.push_many({"a": np.ones((4, 3)), "p": np.ones(2)})


def test_explained(backend: ADBackend) -> None:
    with adhelpers.explain() as log:
        linearize(Counted(), backend, lifted(backend, X))
        linearize_gradient(energy, backend, lifted(backend, X))
    assert [call.operation for call in log.calls] == ["linearize", "linearize_gradient"]


def test_products_are_explained(backend: ADBackend) -> None:
    lin = linearize(lambda x: array_namespace(x).sin(x), backend, A)
    hessian = linearize_gradient(lambda x: array_namespace(x).sum(x**3), backend, A)
    with adhelpers.explain() as log:
        lin.push_many(np.stack([A, A]))
        lin.pull(A)
        hessian.push(A)
    names = ["linearize().push_many", "linearize().pull", "linearize_gradient().push"]
    assert [call.operation for call in log.calls] == names
    assert {call.backend for call in log.calls} == {backend.name}
    assert "2 vectors pushed forward" in str(log)


def test_it_says_what_it_is() -> None:
    lin = linearize(np.sin, "finite-difference", A)
    assert repr(lin) == "<derivative at x of sin by FiniteDifferenceBackend(fallback=True, order=2, relative=False)>"


@pytest.mark.parametrize("make", [linearize, linearize_gradient])
@pytest.mark.parametrize("copied", [pickle.dumps, copy.copy, copy.deepcopy])
def test_it_can_be_neither_copied_nor_pickled(make: Any, copied: Any, backend: ADBackend) -> None:
    lin = make(lambda x: array_namespace(x).sum(x**2), backend, A)
    with pytest.raises(ArgumentTypeError, match=f"cannot be copied or pickled; .* call {make.__name__} again"):
        copied(lin)


def test_its_operator_is_not_pickled_either() -> None:
    pytest.importorskip("scipy")
    operator = linearize(np.sin, "finite-difference", A).operator()
    with pytest.raises(ArgumentTypeError, match="cannot be copied or pickled"):
        pickle.dumps(operator)


def test_a_wrong_sweep_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("jax")
    from adhelpers_plugins.jax.backend import JaxBackend

    def wrong(self: ADBackend, pullback: Any, cotangents: Any) -> Any:
        return tuple(leaf + 1e-3 for leaf in right(self, pullback, cotangents))

    right = JaxBackend.vjp_sweep
    monkeypatch.setattr(JaxBackend, "vjp_sweep", wrong)
    backend = adhelpers.backend("jax", x64=True)
    lin = linearize(lambda x: array_namespace(x).sin(x), backend, A)
    stacks = np.stack([A, 2.0 * A])
    np.testing.assert_allclose(np.asarray(lin.push_many(stacks)), stacks * np.cos(A), rtol=1e-12)
    np.testing.assert_allclose(np.asarray(lin.pull_many(stacks)), stacks * np.cos(A), rtol=1e-12)
    assert np.all(np.abs(np.asarray(lin.pull_many(stacks, check=False)) - stacks * np.cos(A)) < 1e-12)  # remembered


def test_torch_keeps_what_f_closes_over_attached() -> None:
    torch = pytest.importorskip("torch")
    weight = torch.tensor([2.0, 3.0, 4.0], dtype=torch.float64, requires_grad=True)
    lin = linearize(lambda x: weight * x**2, "torch", torch.as_tensor(A))
    lin.pull(torch.ones(3, dtype=torch.float64)).sum().backward()
    np.testing.assert_allclose(weight.grad.numpy(), 2.0 * A)
    weight.grad = None
    lin.push(torch.ones(3, dtype=torch.float64)).sum().backward()
    np.testing.assert_allclose(weight.grad.numpy(), 2.0 * A)


def test_inside_transformations_of_jax() -> None:
    jax = pytest.importorskip("jax")
    backend = adhelpers.backend("jax", x64=True)

    def products(x: Any) -> Any:
        lin = linearize(lambda x: x**3, backend, x)
        return lin.push(x) + lin.pull(x)

    with backend.scope():
        x = jax.numpy.asarray(A)
        for wrap in (jax.jit, jax.vmap, lambda f: jax.jit(jax.vmap(f))):
            np.testing.assert_allclose(np.asarray(wrap(products)(x)), 6.0 * A**3)
    assert to_numpy(backend, linearize(lambda x: x, backend, A).value).dtype == np.float64  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["jax", "finite-difference"])
@pytest.mark.parametrize("method", ["push", "pull"])
def test_a_product_inside_of_jit_leaves_no_tracer_behind(name: str, method: str) -> None:
    jax = pytest.importorskip("jax")

    def looped(x: Any) -> Any:  # which JAX pushes forward only
        return jax.lax.while_loop(lambda state: state[0] < 2, lambda state: (state[0] + 1, state[1] * x), (0, x))[1]

    with adhelpers.backend("jax", x64=True).scope():
        x = jax.numpy.asarray(A)
        for f, expected in (
            (looped, 3.0 * A**3),
            (lambda x: jax.numpy.linalg.solve(jax.numpy.diag(1.0 / x), x), 2 * A**2),
        ):
            product = getattr(linearize(f, name, x), method)
            for run in (jax.jit(product), product, jax.jit(product)):
                np.testing.assert_allclose(np.asarray(run(x)), expected, rtol=1e-8)


def test_a_point_outside_of_transformations_of_torch() -> None:
    torch = pytest.importorskip("torch")
    x, basis = torch.as_tensor(A), torch.eye(3, dtype=torch.float64)
    lin, hessian = linearize(lambda x: x**3, "torch", x), linearize_gradient(lambda x: (x**4).sum(), "torch", x)
    for expected, one, many in (
        (3.0 * A**2, lambda v: lin.push(v, differentiate_u=True), lin.push_many),
        (3.0 * A**2, lambda v: lin.pull(v, differentiate_v=True), lin.pull_many),
        (12.0 * A**2, lambda u: hessian.push(u, differentiate_u=True), hessian.push_many),
    ):
        for received in (
            torch.func.vmap(one)(basis),
            torch.func.vmap(many)(basis[None])[0],
            torch.func.jacfwd(one)(x),
            torch.func.jacrev(one)(x),
            many(basis),
        ):
            np.testing.assert_allclose(received.detach().numpy(), np.diag(expected), rtol=1e-12)


def test_a_rule_that_is_missing_inside_a_transformation_of_torch() -> None:
    torch = pytest.importorskip("torch")

    class Cube(torch.autograd.Function):  # type: ignore[misc]  # the base may be missing
        """No forward rule."""

        generate_vmap_rule = True

        @staticmethod
        def forward(x: Any) -> Any:
            return x**3

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx: Any, v: Any) -> Any:
            return 3.0 * ctx.saved_tensors[0] ** 2 * v

    x = torch.as_tensor(A)
    lin = linearize(Cube.apply, "torch", x)
    torch.func.jacrev(lin.push)(x)
    received = lin.push(x)
    assert not received.requires_grad
    np.testing.assert_allclose(received.numpy(), 3.0 * A**3)
