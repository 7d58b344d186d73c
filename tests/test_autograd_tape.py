"""autograd's backend: one trace, on which tangents and cotangents are replayed."""

from __future__ import annotations

import itertools
import logging
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import optree
import pytest

import adhelpers
from adhelpers import jacobian_vector_product, vector_jacobian_product

pytest.importorskip("autograd")
import autograd
import autograd.numpy as anp
from autograd import builtins
from autograd.extend import defjvp, defvjp, primitive
from autograd.misc.fixed_points import fixed_point
from autograd.tracer import isbox, trace_stack

from adhelpers_plugins.autograd.backend import AutogradBackend

BACKEND = AutogradBackend()
EighResult = type(np.linalg.eigh(np.eye(1)))
SlogdetResult = type(np.linalg.slogdet(np.eye(1)))
PRODUCTS = pytest.mark.parametrize("product", [jacobian_vector_product, vector_jacobian_product])


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def complexes(*shape: int, seed: int = 0) -> np.ndarray:
    return numbers(*shape, seed=seed) + 1j * numbers(*shape, seed=seed + 100)


class Counted:
    """A function between flat tuples, as a backend gets it, that counts its calls."""

    def __init__(self, f: Callable[..., Any]) -> None:
        self.f = f
        self.calls = 0

    def __call__(self, *leaves: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        self.calls += 1
        return self.f(*leaves), ()


@pytest.fixture(autouse=True)
def _no_trace_is_left_open():
    top = trace_stack.top
    yield
    assert trace_stack.top == top


# -- calls of f -----------------------------------------------------------------------------------------


def test_f_runs_once_however_many_vectors_are_replayed():
    x, stack = (numbers(3),), (numbers(7, 3),)
    f = Counted(lambda x: (anp.sin(x) * x,))
    slope = np.cos(x[0]) * x[0] + np.sin(x[0])

    _, pushed, _ = BACKEND.jvp_sweep(f, x, stack)
    assert f.calls == 1
    np.testing.assert_allclose(pushed[0], slope * stack[0])

    _, pullback, _ = BACKEND.vjp(f, x)
    (pulled,) = BACKEND.vjp_sweep(pullback, stack)
    assert f.calls == 2
    np.testing.assert_allclose(pulled, slope * stack[0])

    BACKEND.jvp(f, x, x)
    assert f.calls == 3


@pytest.mark.parametrize(("product", "u"), [(jacobian_vector_product, (4, 3)), (vector_jacobian_product, (3,))])
def test_one_shot_products_call_f_once(product, u):
    calls = []
    product(lambda x: calls.append(0) or anp.sum(x**2, axis=0), "autograd", numbers(4, 3), numbers(*u))
    assert len(calls) == 1


def test_a_reverse_batched_jacobian_calls_f_once():
    calls = []
    adhelpers.batched_jacobian(lambda x: calls.append(0) or x[:2] * x[1:], "autograd", numbers(3, 5), mode="reverse")
    assert len(calls) == 1


# -- the shape of the graph -----------------------------------------------------------------------------


def test_several_arguments_and_outputs():
    a, b, c = numbers(3), numbers(3, seed=1), numbers(seed=2)
    f = Counted(lambda a, b, c: (a * b, c * anp.sum(a), b - c))
    t = numbers(3, seed=3), numbers(3, seed=4), numbers(seed=5)
    u = numbers(3, seed=6), numbers(seed=7), numbers(3, seed=8)
    outputs, pushed, _ = BACKEND.jvp(f, (a, b, c), t)
    _, pullback, _ = BACKEND.vjp(f, (a, b, c))
    for result, expected in (
        (outputs, (a * b, c * a.sum(), b - c)),
        (pushed, (t[0] * b + a * t[1], t[2] * a.sum() + c * t[0].sum(), t[1] - t[2])),
        (pullback(u), (u[0] * b + u[1] * c, u[0] * a + u[2], u[1] * a.sum() - u[2].sum())),
    ):
        for actual, wanted in zip(result, expected, strict=True):
            np.testing.assert_allclose(actual, wanted)


def diamond(x: Any) -> Any:
    left = anp.sin(x)
    return left * (left + x)


# Graph, its derivative in direction t and the pull-back of u, by hand; x has two elements.
GRAPHS: dict[str, tuple[Callable[..., Any], ...]] = {
    "a diamond": (
        lambda x: (diamond(x),),
        lambda x, t: ((2 * np.sin(x) * np.cos(x) + np.cos(x) * x + np.sin(x)) * t,),
        lambda x, u: (2 * np.sin(x) * np.cos(x) + np.cos(x) * x + np.sin(x)) * u,
    ),
    "one box as both arguments": (lambda x: (x * x,), lambda x, t: (2 * x * t,), lambda x, u: 2 * x * u),
    "one box three times": (lambda x: (x + x + x,), lambda x, t: (3 * t,), lambda x, u: 3 * u),
    "the argument itself": (lambda x: (x,), lambda x, t: (t,), lambda x, u: u),
    "one output twice": (
        lambda x: itertools.repeat(x**2, 2),
        lambda x, t: (2 * x * t, 2 * x * t),
        lambda x, u, w: 2 * x * (u + w),
    ),
    "an output and what follows from it": (
        lambda x: (x**2, x, (x**2) ** 2),
        lambda x, t: (2 * x * t, t, 4 * x**3 * t),
        lambda x, u, v, w: 2 * x * u + v + 4 * x**3 * w,
    ),
    "indexed twice": (
        lambda x: (x[0] + x[0], x[1:] * x[1:]),
        lambda x, t: (2 * t[0], 2 * x[1:] * t[1:]),
        lambda x, u, w: np.array([2 * u, 2 * x[1] * w[0]]),
    ),
    "the argument and its elements": (
        lambda x: (x, x[0], x[0], x),
        lambda x, t: (t, t[0], t[0], t),
        lambda x, u, v, w, z: u + z + np.array([v + w, 0.0]),
    ),
    "a constant": (lambda x: (np.ones(3),), lambda x, t: (np.zeros(3),), lambda x, u: np.zeros(2)),
    "a number": (lambda x: (np.float64(2.0),), lambda x, t: (np.zeros(()),), lambda x, u: np.zeros(2)),
    "no output": (lambda x: (), lambda x, t: (), lambda x: np.zeros(2)),
    "what has no derivative": (
        lambda x: (anp.floor(x), anp.sign(x)),
        lambda x, t: (np.zeros(2), np.zeros(2)),
        lambda x, u, w: np.zeros(2),
    ),
    "a constant beside": (
        lambda x: (np.ones(3), anp.exp(x)),
        lambda x, t: (np.zeros(3), np.exp(x) * t),
        lambda x, u, w: np.exp(x) * w,
    ),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_graphs(name):
    f, push, pull = GRAPHS[name]
    f = Counted(lambda x, f=f: tuple(f(x)))
    x, t = numbers(2), numbers(2, seed=1)
    outputs, pushed, _ = BACKEND.jvp(f, (x,), (t,))
    _, pullback, _ = BACKEND.vjp(f, (x,))
    u = tuple(numbers(*y.shape, seed=2 + i) for i, y in enumerate(outputs))
    (pulled,) = pullback(u)
    for actual, expected, y in zip((*pushed, pulled), (*push(x, t), pull(x, *u)), (*outputs, x), strict=True):
        assert (type(actual), actual.shape, actual.dtype) == (np.ndarray, y.shape, y.dtype)
        np.testing.assert_allclose(actual, expected, atol=1e-15)


def test_an_argument_that_nothing_depends_on_has_zeros():
    f = Counted(lambda x, y: (2.0 * x,))
    _, pullback, _ = BACKEND.vjp(f, (numbers(2), np.ones((3, 1), dtype=np.float32)))
    _, pulled = pullback((np.ones(2),))
    assert (pulled.shape, pulled.dtype, pulled.any()) == ((3, 1), np.float32, False)


def test_branches_that_lead_nowhere_need_no_rules():
    """Only what the outputs depend on is replayed."""

    def f(x: Any) -> Any:
        mystery(x)
        return x**2

    x = numbers(3)
    np.testing.assert_allclose(jacobian_vector_product(f, "autograd", x, x), 2 * x**2)
    np.testing.assert_allclose(vector_jacobian_product(f, "autograd", x, x), 2 * x**2)


@PRODUCTS
def test_branches_that_lead_nowhere_are_not_differentiated_by_a_users_rule(product):
    def f(x: Any) -> Any:
        broken_rules(x) * 2.0
        return x**2

    x = numbers(3)
    np.testing.assert_allclose(product(f, "autograd", x, x), 2 * x**2)


@PRODUCTS
def test_deep_traces_of_a_users_primitive_do_not_reach_the_recursion_limit(product):
    def f(x: Any) -> Any:
        for _ in range(2 * sys.getrecursionlimit()):
            x = halved(x)
        return x + 0.0 * x

    assert product(f, "autograd", np.ones(2), np.ones(2)).shape == (2,)


@PRODUCTS
def test_deep_traces_do_not_reach_the_recursion_limit(product):
    depth = 5000
    assert depth > sys.getrecursionlimit()

    def f(x: Any) -> Any:
        for _ in range(depth):
            x = x * 1.0001
        return x

    np.testing.assert_allclose(product(f, "autograd", numbers(2), np.ones(2)), 1.0001**depth)


# -- the pullback ---------------------------------------------------------------------------------------


def test_a_pullback_is_not_changed_by_being_called():
    x = numbers(3)
    _, pullback, _ = BACKEND.vjp(Counted(lambda x: (diamond(x), x + x + x, x[0] + x[0])), (x,))
    cotangents = numbers(3, seed=1), numbers(3, seed=2), numbers(seed=3)
    (first,) = pullback(cotangents)
    kept = first.copy()
    for scale in (0.0, -2.0, 1.0):
        (again,) = pullback(tuple(np.asarray(scale * u) for u in cotangents))
        np.testing.assert_allclose(again, scale * kept)
        again[:] = np.nan
    np.testing.assert_array_equal(first, kept)


def test_a_pullback_is_differentiable_in_its_cotangents():
    x, w = numbers(3), numbers(3, seed=1)
    _, pullback, _ = BACKEND.vjp(Counted(lambda x: (anp.exp(x),)), (x,))
    pushed = jacobian_vector_product(lambda u: pullback((u,))[0] ** 2, "autograd", w, np.ones(3))
    np.testing.assert_allclose(pushed, 2 * np.exp(2 * x) * w)


@pytest.mark.parametrize("shape", [(), (2,)])
def test_a_sum_may_be_indexed_besides(shape):
    """autograd adds gradients of items in place, onto what may be a NumPy scalar."""
    x = numbers(*shape)
    pulled = vector_jacobian_product(lambda x: x * x + x[None], "autograd", x, np.ones((1, *shape)))
    np.testing.assert_allclose(pulled, 2 * x + 1)

    def gradient(x: Any) -> Any:
        return vector_jacobian_product(lambda x: x * x * x + x[None], "autograd", x, np.ones((1, *shape)))

    np.testing.assert_allclose(vector_jacobian_product(gradient, "autograd", x, np.ones(shape)), 6 * x)
    np.testing.assert_allclose(jacobian_vector_product(gradient, "autograd", x, np.ones(shape)), 6 * x)


def test_an_output_twice_may_be_indexed_besides():
    _, pullback, _ = BACKEND.vjp(Counted(lambda x: (x, x, x[None])), (np.asarray(0.5),))
    (pulled,) = pullback((np.asarray(1.0), np.asarray(2.0), np.ones(1)))
    assert pulled == 4.0


# -- memory ---------------------------------------------------------------------------------------------

CONSTANT = np.arange(3.0)

ALIASES = {
    "the argument": lambda x: (x,),
    "the argument twice": lambda x: (x, x),
    "a view": lambda x: (x[1:],),
    "a reshaped view": lambda x: (anp.reshape(x, (3, 1)), x),
    "a transposed view": lambda x: (anp.reshape(x, (1, 3)).T, x[::-1]),
    "a repeated element": lambda x: (anp.sum(x) + anp.zeros(3),),
    "x + x": lambda x: (x + x,),
    "x + x + x": lambda x: (x + x + x,),
    "x[0] + x[0]": lambda x: (x[0] + x[0],),
    "x and x[0]": lambda x: (x, x[0], x),
    "one element three times": lambda x: (x[0], x[0], x[0] * 1.0),
    "what the caller keeps": lambda x: (CONSTANT, CONSTANT[1:]),
}


@pytest.mark.parametrize("name", ALIASES)
def test_results_share_no_memory_and_change_nothing(name):
    f = Counted(ALIASES[name])
    x, t = numbers(3), numbers(3, seed=1)
    outputs, pushed, _ = BACKEND.jvp(f, (x,), (t,))
    values, pullback, _ = BACKEND.vjp(f, (x,))
    u = tuple(numbers(*y.shape, seed=2 + i) for i, y in enumerate(outputs))
    given = (x, t, CONSTANT, *u)
    before = [array.copy() for array in given]
    results = (*outputs, *pushed, *values, *pullback(u), *pullback(u))
    for a, b in itertools.combinations((*given, *results), 2):
        assert not np.shares_memory(a, b)
    for result in results:
        result[...] = np.nan  # also: may be written to
    for array, original in zip(given, before, strict=True):
        np.testing.assert_array_equal(array, original)
    (pulled,) = pullback(u)
    assert np.isfinite(pulled).all()


@PRODUCTS
@pytest.mark.parametrize("wrap", [lambda y: y, anp.real, lambda y: (y, y)])
def test_what_a_users_primitive_keeps_is_not_handed_out(product, wrap):
    x = np.ones(3)
    u = (x, x) if product is vector_jacobian_product and isinstance(wrap(x), tuple) else x
    value_and = f"value_and_{product.__name__}"
    results = optree.tree_leaves(getattr(adhelpers, value_and)(lambda x: wrap(from_a_store(x)), "autograd", x, u))
    for result in results:
        assert not any(np.shares_memory(result, kept) for kept in (x, *STORE.values()))
        result[...] = np.nan
    assert all(np.isfinite(kept).all() for kept in STORE.values())


def test_a_pullback_outlives_changes_of_the_outputs():
    """The rule of exp holds its result."""
    x = numbers(3)
    (y,), pullback, _ = BACKEND.vjp(Counted(lambda x: (anp.exp(x),)), (x,))
    y[:] = np.nan
    np.testing.assert_allclose(pullback((np.ones(3),))[0], np.exp(x))


def test_sweeps_inside_another_trace():
    x, stack = numbers(3), numbers(4, 3, seed=1)

    def pulled(x: Any) -> Any:
        _, pullback, _ = BACKEND.vjp(Counted(lambda x: (x**3,)), (x,))
        return BACKEND.vjp_sweep(pullback, (stack,))[0]

    def pushed(x: Any) -> Any:
        return BACKEND.jvp_sweep(Counted(lambda x: (x**3,)), (x,), (stack,))[1][0]

    for sweep in (pulled, pushed):
        np.testing.assert_allclose(jacobian_vector_product(sweep, "autograd", x, np.ones(3)), 6 * x * stack)
        np.testing.assert_allclose(
            vector_jacobian_product(sweep, "autograd", x, np.ones((4, 3))), np.sum(6 * x * stack, axis=0)
        )


def test_sweeps_of_what_is_constant_and_of_single_precision():
    x, stack = np.ones(3, dtype=np.float32), numbers(2, 3).astype(np.float32)
    _, pushed, _ = BACKEND.jvp_sweep(Counted(lambda x: (np.ones(2), anp.mean(x))), (x,), (stack,))
    assert [(p.shape, p.dtype) for p in pushed] == [((2, 2), np.float64), ((2,), np.float32)]
    assert not pushed[0].any()
    np.testing.assert_allclose(pushed[1], stack.mean(axis=1), rtol=1e-6)


def test_aux_comes_back_free_of_boxes_and_in_its_own_memory():
    x = numbers(3)
    _, _, aux = adhelpers.value_and_vector_jacobian_product(
        lambda x: (2.0 * x, {"x": x, "sin": anp.sin(x), "n": 3}), "autograd", x, x, has_aux=True
    )
    assert type(aux["x"]) is np.ndarray
    assert not np.shares_memory(aux["x"], x)
    np.testing.assert_array_equal(aux["sin"], np.sin(x))
    assert aux["n"] == 3


@pytest.mark.parametrize("name", ["eigh", "tuple", "list", "dict", "nested", "an array of objects", "no array"])
def test_aux_may_be_a_container_of_autograds(name):
    x = np.array([[1.0, 2.0], [3.0, 4.5]])
    values, vectors = np.linalg.eigh(x + x.T)
    make, expected = {
        "eigh": (lambda x: anp.linalg.eigh(x + x.T), EighResult(values, vectors)),
        "tuple": (lambda x: builtins.tuple((x[0], 2.0 * x)), (x[0], 2.0 * x)),
        "list": (lambda x: builtins.list([x[0], 2.0 * x]), [x[0], 2.0 * x]),
        "dict": (lambda x: builtins.dict({"a": x[0], "b": 2.0 * x}), {"a": x[0], "b": 2.0 * x}),
        "nested": (
            lambda x: [builtins.tuple((x[0], builtins.list([x[1]]))), {"split": anp.split(x, 2)}],
            [(x[0], [x[1]]), {"split": [x[:1], x[1:]]}],
        ),
        "an array of objects": (
            lambda x: {"a": np.array([x[0, 0], "text"], dtype=object), "b": np.array(x[1, 1], dtype=object)},
            {"a": np.array([1.0, "text"], dtype=object), "b": np.array(4.5, dtype=object)},
        ),
        "no array": (lambda x: builtins.tuple((x[0], "text", 3)), (x[0], "text", 3)),
    }[name]
    for product in (jacobian_vector_product, vector_jacobian_product):
        _, aux = product(lambda x: (x**2, make(x)), "autograd", x, x, has_aux=True)
        assert_same(aux, expected)
    _, aux = adhelpers.batched_jacobian(lambda x: (x**2, make(x)), "autograd", x, has_aux=True)
    kept, structure = optree.tree_flatten(aux)
    assert structure == optree.tree_structure(expected)
    for leaf in kept:
        assert not any(map(isbox, np.ravel(leaf) if isinstance(leaf, np.ndarray) else [leaf]))


def assert_same(received: Any, expected: Any) -> None:
    """The same containers and leaves, none of them a box."""
    leaves, structure = optree.tree_flatten(received)
    wanted, expected_structure = optree.tree_flatten(expected)
    assert structure == expected_structure
    for a, b in zip(leaves, wanted, strict=True):
        assert type(a) is type(b)
        assert not any(map(isbox, np.ravel(a) if isinstance(a, np.ndarray) else [a]))
        if isinstance(a, np.ndarray) and a.dtype.kind == "f":
            np.testing.assert_allclose(a, b)
        else:
            np.testing.assert_array_equal(a, b)


# -- containers of autograd's own -----------------------------------------------------------------------

SYMMETRIC = np.array([[2.0, 0.3, 0.1], [0.3, 3.0, 0.5], [0.1, 0.5, 5.0]])


def test_eigh_returned_as_it_is():
    """Against perturbation theory."""
    t = numbers(3, 3)
    t = t + t.T
    values, vectors = np.linalg.eigh(SYMMETRIC)
    rotated = vectors.T @ t @ vectors
    mixed = vectors @ (rotated / (values[None, :] - values[:, None] + np.eye(3)) * (1 - np.eye(3)))

    def f(a: Any) -> Any:
        return anp.linalg.eigh(0.5 * (a + a.T))

    y, pushed = adhelpers.value_and_jacobian_vector_product(f, "autograd", SYMMETRIC, t)
    assert_same(y, EighResult(values, vectors))
    assert_same(pushed, EighResult(np.diag(rotated).copy(), mixed))
    u = EighResult(numbers(3, seed=1), numbers(3, 3, seed=2))
    pulled = vector_jacobian_product(f, "autograd", SYMMETRIC, u)
    np.testing.assert_allclose(np.sum(pulled * t), u[0] @ pushed[0] + np.sum(u[1] * pushed[1]))


def test_slogdet_returned_as_it_is():
    def f(a: Any) -> Any:
        return {"of a": anp.linalg.slogdet(a)}

    t, inverse = numbers(3, 3), np.linalg.inv(SYMMETRIC)
    pushed = jacobian_vector_product(f, "autograd", SYMMETRIC, t)["of a"]
    assert type(pushed) is SlogdetResult
    assert pushed.sign == 0.0
    np.testing.assert_allclose(pushed.logabsdet, np.trace(inverse @ t))
    u = {"of a": SlogdetResult(np.float64(3.0), np.float64(2.0))}
    np.testing.assert_allclose(vector_jacobian_product(f, "autograd", SYMMETRIC, u), 2.0 * inverse.T)


CONTAINERS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "tuple": (lambda a, b: builtins.tuple((a, b)), lambda a, b: (a, b)),
    "list": (lambda a, b: builtins.list([a, b]), lambda a, b: [a, b]),
    "dict": (lambda a, b: builtins.dict({"q": a, "p": b}), lambda a, b: {"q": a, "p": b}),
    "nested": (
        lambda a, b: builtins.tuple((a, builtins.dict({"q": builtins.list([b])}))),
        lambda a, b: (a, {"q": [b]}),
    ),
    "within plain ones": (lambda a, b: {"r": [builtins.tuple((a, b)), None]}, lambda a, b: {"r": [(a, b), None]}),
    "around an array": (lambda a, b: (builtins.tuple((a,)), b), lambda a, b: ((a,), b)),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_containers_of_autograds_own(name):
    make, plain = CONTAINERS[name]
    x, t, u, w = numbers(3), numbers(3, seed=1), numbers(3, seed=2), numbers(seed=3)

    def f(x: Any) -> Any:
        return make(anp.sin(x), anp.sum(x**2))

    y, pushed = adhelpers.value_and_jacobian_vector_product(f, "autograd", x, t)
    assert_same(y, plain(np.sin(x), np.asarray(np.sum(x**2))))
    assert_same(pushed, plain(np.cos(x) * t, np.asarray(np.sum(2 * x * t))))
    pulled = vector_jacobian_product(f, "autograd", x, plain(u, w))
    np.testing.assert_allclose(pulled, np.cos(x) * u + 2 * x * w)

    def gradient(x: Any) -> Any:
        return vector_jacobian_product(f, "autograd", x, plain(u, w))

    np.testing.assert_allclose(jacobian_vector_product(gradient, "autograd", x, t), (-np.sin(x) * u + 2 * w) * t)
    np.testing.assert_allclose(vector_jacobian_product(gradient, "autograd", x, t), (-np.sin(x) * u + 2 * w) * t)


def test_an_argument_that_is_a_container_of_an_enclosing_trace():
    x = numbers(3), numbers(3, seed=1)

    def slopes(pair: Any) -> Any:
        return anp.sum(vector_jacobian_product(lambda p: p[0] ** 2 * p[1], "autograd", pair, np.ones(3))[0])

    first, second = autograd.grad(slopes)(x)  # of 2 x y
    np.testing.assert_allclose(first, 2 * x[1])
    np.testing.assert_allclose(second, 2 * x[0])


# -- what is an array -----------------------------------------------------------------------------------


def test_arrays_are_those_without_rules_of_their_own(tmp_path):
    swapped = np.ones(2).astype(np.dtype(float).newbyteorder())
    memory = np.memmap(tmp_path / "numbers", dtype=float, mode="w+", shape=2)
    assert all(map(BACKEND.is_array, [np.ones(2), np.float32(1.0), np.complex128(1.0)]))
    subclasses = [np.ma.masked_array([1.0, 2.0], [True, False]), np.ones((2, 2)).view(np.matrix), np.rec.array([1.0])]
    assert not any(map(BACKEND.is_array, [*subclasses, memory, swapped, 1.0, [1.0], None]))
    seen = []
    jacobian_vector_product(lambda x: seen.append(BACKEND.is_array(x)) or x, "autograd", np.ones(2), np.ones(2))
    assert seen == [True]
    for swapped_or_mapped in (swapped, memory):
        pushed = jacobian_vector_product(lambda x: 2.0 * x, "autograd", swapped_or_mapped, np.ones(2))
        np.testing.assert_array_equal(pushed, 2.0)


@PRODUCTS
def test_subclasses_are_refused(product):
    masked = np.ma.masked_array([1.0, 2.0], [True, False])
    with pytest.raises(TypeError, match="MaskedArray"):
        product(lambda x: x * 2.0, "autograd", masked, np.ones(2))
    with pytest.raises(TypeError, match="MaskedArray"):
        product(lambda x: masked, "autograd", np.ones(2), np.ones(2))


def test_numpy_numbers_keep_their_dtype():
    assert BACKEND.asarray(np.float32(1.5), np.ones(2, dtype=complex)).dtype == np.float32
    y, _ = adhelpers.value_and_jacobian_vector_product(
        lambda x: np.float64(2.0), "autograd", complexes(2), complexes(2)
    )
    assert y.dtype == np.float64


def test_refusing_a_foreign_array_names_the_call_that_converts():
    class Foreign:
        def __dlpack__(self) -> None: ...

    with pytest.raises(TypeError, match=r"numpy\.asarray\(x\)"):
        jacobian_vector_product(lambda x: x, "autograd", Foreign(), np.ones(2))


# -- errors in f ----------------------------------------------------------------------------------------


@PRODUCTS
@pytest.mark.parametrize("error", [ValueError("mine"), KeyboardInterrupt(), KeyError(0)])
def test_errors_in_f_pass_through_and_leave_no_trace_open(product, error):
    def f(x: Any) -> Any:
        def inner(y: Any) -> Any:
            raise error

        return autograd.grad(inner)(x)  # autograd itself leaves its count of traces raised

    before = trace_stack.top
    with pytest.raises(type(error)) as caught:
        product(f, "autograd", np.float64(1.0), np.float64(1.0))
    assert caught.value is error
    assert trace_stack.top == before
    assert product(lambda x: x**2, "autograd", 3.0, 1.0) == 6.0


@primitive
def traces_in_its_rules(x: Any) -> Any:
    return np.asarray(x) * 1.0


def _raise(x: Any) -> Any:
    msg = "in a rule"
    raise ValueError(msg)


defvjp(traces_in_its_rules, lambda ans, x: lambda g: autograd.grad(_raise)(1.0))
defjvp(traces_in_its_rules, lambda g, ans, x: autograd.grad(_raise)(1.0))


@primitive
def traces_in_its_rule_maker(x: Any) -> Any:
    return np.asarray(x) * 1.0


defvjp(traces_in_its_rule_maker, lambda ans, x: autograd.grad(_raise)(1.0))
defjvp(traces_in_its_rule_maker, lambda g, ans, x: autograd.grad(_raise)(1.0))


@PRODUCTS
@pytest.mark.parametrize("f", [traces_in_its_rules, traces_in_its_rule_maker])
def test_errors_in_rules_leave_no_trace_open(product, f):
    with pytest.raises(ValueError, match="in a rule"):
        product(f, "autograd", np.ones(2), np.ones(2))  # the fixture looks at the count


# -- nesting --------------------------------------------------------------------------------------------


def by_autograd(f: Callable[[Any], Any], x: Any) -> Any:
    return autograd.grad(f)(x)


def by_jvp(f: Callable[[Any], Any], x: Any) -> Any:
    return jacobian_vector_product(f, "autograd", x, np.float64(1.0))


def by_vjp(f: Callable[[Any], Any], x: Any) -> Any:
    return vector_jacobian_product(f, "autograd", x, np.float64(1.0))


WAYS = (by_autograd, by_jvp, by_vjp)


@pytest.mark.parametrize(("outer", "inner"), list(itertools.product(WAYS, WAYS)))
def test_no_perturbation_confusion(outer, inner):
    x = np.float64(1.7)
    assert outer(lambda x: x * inner(lambda y: x + y, np.float64(1.0)), x) == 1.0
    np.testing.assert_allclose(outer(lambda x: inner(lambda y: x * y**2, x), x), 4 * x)  # of 2 x y at y = x
    np.testing.assert_allclose(outer(lambda x: inner(anp.sin, x * x), x), -2 * x * np.sin(x**2))


@pytest.mark.parametrize("order", list(itertools.product(WAYS, repeat=3)))
def test_third_derivatives(order):
    a, b, c = order
    x = np.float64(0.6)
    np.testing.assert_allclose(a(lambda x: b(lambda x: c(lambda x: x**5, x), x), x), 60 * x**2)


def test_hessian_products_of_both_kinds():
    x, v = numbers(4), numbers(4, seed=1)

    def gradient(x: Any) -> Any:
        return vector_jacobian_product(lambda x: anp.sum(x**4), "autograd", x, np.float64(1.0))

    def slope(x: Any) -> Any:
        return jacobian_vector_product(lambda x: anp.sum(x**4), "autograd", x, v)

    np.testing.assert_allclose(jacobian_vector_product(gradient, "autograd", x, v), 12 * x**2 * v)
    np.testing.assert_allclose(vector_jacobian_product(gradient, "autograd", x, v), 12 * x**2 * v)
    np.testing.assert_allclose(autograd.grad(slope)(x), 12 * x**2 * v)
    np.testing.assert_allclose(vector_jacobian_product(slope, "autograd", x, np.float64(1.0)), 12 * x**2 * v)


@PRODUCTS
def test_u_is_constant_to_an_outer_derivative_unless_asked(product):
    x = numbers(3)

    def total(x: Any, *, differentiate_u: bool) -> Any:
        return anp.sum(product(lambda y: y**3, "autograd", x, x, differentiate_u=differentiate_u))

    np.testing.assert_allclose(autograd.grad(lambda x: total(x, differentiate_u=False))(x), 6 * x**2)
    np.testing.assert_allclose(autograd.grad(lambda x: total(x, differentiate_u=True))(x), 9 * x**2)


@pytest.mark.parametrize("outer", WAYS)
def test_boxes_of_an_enclosing_trace_are_constants_inside(outer):
    def f(x: Any) -> Any:
        (y, xy), (v, w), aux = adhelpers.value_and_jacobian_vector_product(
            lambda y: ((x, x * y), x), "autograd", np.float64(3.0), np.float64(1.0), has_aux=True
        )
        _, pulled = adhelpers.value_and_vector_jacobian_product(
            lambda y: (x, x * y), "autograd", np.float64(3.0), (np.float64(1.0), np.float64(1.0))
        )
        assert v == 0.0
        return y + 10.0 * xy + 100.0 * w + 1000.0 * pulled + 10000.0 * aux

    np.testing.assert_allclose(outer(f, np.float64(2.0)), 1.0 + 30.0 + 100.0 + 1000.0 + 10000.0)


def test_operations_on_boxes_return_boxes_only_inside():
    seen = []

    def f(x: Any) -> Any:
        seen.append(jacobian_vector_product(lambda y: y**2, "autograd", x, np.ones(2)))
        return seen[0]

    result = vector_jacobian_product(f, "autograd", np.ones(2), np.ones(2))
    assert isbox(seen[0])
    assert type(result) is np.ndarray


# -- dtypes ---------------------------------------------------------------------------------------------


@PRODUCTS
@pytest.mark.parametrize("f", [anp.mean, anp.var, anp.max, anp.std, anp.min, lambda x: anp.log2(x[0]) * x])
def test_single_precision_stays_single(product, f):
    x = np.array([1.5, 0.25, 3.0, 2.0])
    y = f(x)
    u = np.ones_like(x if product is jacobian_vector_product else y)
    expected = product(f, "autograd", x, u)
    single = product(f, "autograd", x.astype(np.float32), u.astype(np.float32))
    assert (single.dtype, single.shape) == (np.float32, expected.shape)
    np.testing.assert_allclose(single, expected, rtol=1e-5)


def test_python_numbers_from_primitives():
    x = numbers(3)
    assert jacobian_vector_product(simulator, "autograd", x, x) == pytest.approx(2 * np.sum(x**2))
    np.testing.assert_allclose(vector_jacobian_product(simulator, "autograd", x, np.float64(1.0)), 2 * x)


@primitive
def simulator(x: Any) -> float:
    """A user's own code outside of NumPy."""
    return float(np.sum(x**2))


defvjp(simulator, lambda ans, x: lambda g: 2 * x * g)
defjvp(simulator, lambda g, ans, x: float(np.sum(2 * x * g)))


# -- missing and wrong rules ----------------------------------------------------------------------------


@primitive
def mystery(x: Any) -> Any:
    """No rule at all."""
    return np.asarray(x) * 2.0


@primitive
def half_known(x: Any, y: Any) -> Any:
    """No rule for the second argument."""
    return np.asarray(x) * y


defvjp(half_known, lambda ans, x, y: lambda g: g * y)
defjvp(half_known, lambda g, ans, x, y: g * y)


@primitive
def forward_only(x: Any) -> Any:
    return np.sin(x)


defjvp(forward_only, lambda g, ans, x: g * anp.cos(x))


@primitive
def broken_rules(x: Any) -> Any:
    return np.asarray(x) * 2.0


@primitive
def halved(x: Any) -> Any:
    return 0.5 * np.asarray(x)


defvjp(halved, lambda ans, x: lambda g: 0.5 * g)
defjvp(halved, lambda g, ans, x: 0.5 * g)

STORE: dict[str, np.ndarray] = {}


@primitive
def from_a_store(x: Any) -> Any:
    """It remembers what it computed, and so do its rules."""
    return STORE.setdefault("value", 2.0 * x)


defvjp(from_a_store, lambda ans, x: lambda g: STORE.setdefault("pulled", 2.0 * g))
defjvp(from_a_store, lambda g, ans, x: STORE.setdefault("pushed", 2.0 * g))


def _broken(*args: Any) -> Any:
    return {}["weights"]


defvjp(broken_rules, _broken)
defjvp(broken_rules, _broken)


def test_a_missing_forward_rule_is_replaced_by_two_pullbacks(caplog):
    matrix, right, t = numbers(3, 3) + 3 * np.eye(3), numbers(3, seed=1), numbers(3, 3, seed=2)
    with caplog.at_level(logging.INFO, logger="adhelpers"):
        pushed = jacobian_vector_product(lambda a: anp.linalg.solve(a, right), "autograd", matrix, t)
    np.testing.assert_allclose(pushed, -np.linalg.solve(matrix, t @ np.linalg.solve(matrix, right)))
    assert "JVP of solve" in caplog.text


def test_a_missing_reverse_rule_is_replaced_by_a_sweep():
    x, u = numbers(3), numbers(3, seed=1)
    np.testing.assert_allclose(vector_jacobian_product(forward_only, "autograd", x, u), np.cos(x) * u)


@PRODUCTS
def test_without_fallback_a_missing_rule_raises_at_once(product):
    backend = AutogradBackend(fallback=False)
    f = (lambda x: anp.linalg.inv(x)) if product is jacobian_vector_product else forward_only
    name = "inv" if product is jacobian_vector_product else "forward_only"
    with pytest.raises(adhelpers.UnsupportedOperationError, match=name):
        product(f, backend, np.eye(2), np.eye(2))


@PRODUCTS
@pytest.mark.parametrize(
    ("f", "name"),
    [
        (mystery, "mystery"),
        (lambda x: half_known(2.0, x), "half_known"),
        (lambda x: half_known(x, anp.sin(x)), "half_known"),
        (lambda x: anp.sort(x, axis=1), "sort"),
    ],
)
def test_no_rule_at_all_names_the_primitive(product, f, name):
    with pytest.raises(adhelpers.UnsupportedOperationError, match=name):
        product(f, "autograd", numbers(2, 2), numbers(2, 2))


@PRODUCTS
@pytest.mark.parametrize("text", ["VJP of sin wrt argnums (0,) not defined", "Gradient of sin not implemented"])
def test_a_users_own_error_is_no_missing_rule(product, text):
    error = NotImplementedError(text)

    def f(x: Any) -> Any:
        raise error

    with pytest.raises(NotImplementedError) as caught:
        product(f, "autograd", np.ones(2), np.ones(2))
    assert caught.value is error


@PRODUCTS
def test_a_key_error_in_a_users_rule_is_no_missing_rule(product):
    with pytest.raises(KeyError, match="weights"):
        product(broken_rules, "autograd", np.ones(2), np.ones(2))


def test_derivatives_of_the_wrong_shape_count_as_missing():
    """autograd's where forgets what it broadcast."""
    strict = AutogradBackend(fallback=False)
    mask, u = np.array([True, False, True]), np.ones(3)

    def scalar(x: Any) -> Any:
        return anp.where(mask, anp.sin(x), 0.0)

    def row(x: Any) -> Any:
        return anp.where(mask, x, np.ones((2, 3)))

    with pytest.raises(adhelpers.UnsupportedOperationError, match="VJP of where .* wrong"):
        vector_jacobian_product(scalar, strict, np.float64(0.0), u)
    with pytest.raises(adhelpers.UnsupportedOperationError, match="JVP of where .* wrong"):
        jacobian_vector_product(row, strict, u, u)
    assert vector_jacobian_product(scalar, "autograd", np.float64(0.0), u) == 2.0


# -- complex numbers ------------------------------------------------------------------------------------

# f and its differential: dy = a dz + b conj(dz), with a and b functions of z. The VJP is then a u + conj(b u).
HOLOMORPHIC_OR_NOT: dict[str, tuple[Callable[..., Any], ...]] = {
    "z**2": (lambda z: z**2, lambda z: 2 * z, lambda z: 0 * z),
    "exp": (anp.exp, np.exp, lambda z: 0 * z),
    "conj": (anp.conj, lambda z: 0 * z, lambda z: 0 * z + 1),
    "z**2 conj(z)": (lambda z: z**2 * anp.conj(z), lambda z: 2 * abs(z) ** 2, lambda z: z**2),
    "z real(z)": (lambda z: z * anp.real(z), lambda z: np.real(z) + z / 2, lambda z: z / 2),
    "z |z|": (lambda z: z * abs(z), lambda z: 1.5 * abs(z), lambda z: z**2 / abs(z) / 2),
}


@pytest.mark.parametrize("name", HOLOMORPHIC_OR_NOT)
def test_complex_functions(name):
    f, a, b = HOLOMORPHIC_OR_NOT[name]
    z, t, u = complexes(4), complexes(4, seed=1), complexes(4, seed=2)
    pushed = jacobian_vector_product(f, "autograd", z, t)
    pulled = vector_jacobian_product(f, "autograd", z, u)
    assert pushed.dtype == pulled.dtype == np.complex128
    np.testing.assert_allclose(pushed, a(z) * t + b(z) * np.conj(t))
    np.testing.assert_allclose(pulled, a(z) * u + np.conj(b(z) * u))


def test_the_convention_at_one_point():
    z, u = np.complex128(1 + 2j), np.complex128(1 + 1j)
    assert vector_jacobian_product(lambda z: z**2, "autograd", z, u) == -2 + 6j


# f and its differential: dy = Re(c dz), with c a function of z. The VJP of a real u is then c u.
COMPLEX_TO_REAL = {
    "real": (anp.real, lambda z: 0 * z + 1),
    "imag": (anp.imag, lambda z: 0 * z - 1j),
    "abs": (abs, lambda z: np.conj(z) / abs(z)),
    "|z|**2": (lambda z: anp.real(z * anp.conj(z)), lambda z: 2 * np.conj(z)),
    "real(z**3)": (lambda z: anp.real(z**3), lambda z: 3 * z**2),
}


@pytest.mark.parametrize("name", COMPLEX_TO_REAL)
def test_complex_to_real(name):
    f, c = COMPLEX_TO_REAL[name]
    z, t, u = complexes(4), complexes(4, seed=1), numbers(4, seed=2)
    pushed = jacobian_vector_product(f, "autograd", z, t)
    pulled = vector_jacobian_product(f, "autograd", z, u)
    assert (pushed.dtype, pulled.dtype) == (np.float64, np.complex128)
    np.testing.assert_allclose(pushed, np.real(c(z) * t))
    np.testing.assert_allclose(pulled, c(z) * u)


# f and its derivative: dy = d dx. The VJP is then Re(d u).
REAL_TO_COMPLEX = {
    "exp(1j x)": (lambda x: anp.exp(1j * x), lambda x: 1j * np.exp(1j * x)),
    "x + 1j x**2": (lambda x: x + 1j * x**2, lambda x: 1 + 2j * x),
    "joined": (lambda x: anp.concatenate([x[:2], 1j * x[2:]]), lambda x: np.array([1, 1, 1j, 1j])),
}


@pytest.mark.parametrize("name", REAL_TO_COMPLEX)
def test_real_to_complex(name):
    f, d = REAL_TO_COMPLEX[name]
    x, t, u = numbers(4), numbers(4, seed=1), complexes(4, seed=2)
    pushed = jacobian_vector_product(f, "autograd", x, t)
    pulled = vector_jacobian_product(f, "autograd", x, u)
    assert (pushed.dtype, pulled.dtype) == (np.complex128, np.float64)
    np.testing.assert_allclose(pushed, d(x) * t)
    np.testing.assert_allclose(pulled, np.real(d(x) * u))


def test_a_real_intermediate_has_real_derivatives():
    """autograd's rules for concatenate and norm leave imaginary parts where the value is real."""
    z, t, u = complexes(3), complexes(3, seed=1), complexes(6, seed=2)

    def joined(z: Any) -> Any:
        return anp.concatenate([anp.real(z), 1j * z])

    np.testing.assert_allclose(vector_jacobian_product(joined, "autograd", z, u), np.real(u[:3]) + 1j * u[3:])

    def scaled(z: Any) -> Any:
        return anp.linalg.norm(z) * z

    norm = np.linalg.norm(z)
    slope = np.real(np.sum(np.conj(z) * t)) / norm
    np.testing.assert_allclose(jacobian_vector_product(scaled, "autograd", z, t), slope * z + norm * t)


# -- threads --------------------------------------------------------------------------------------------


def newton(a: Any) -> Callable[[Any], Any]:
    """One step towards the root of `a`."""
    return lambda x: 0.5 * (x + a / x)


def root(a: Any) -> Any:
    """Differentiated by autograd through traces of its own, which its rules open."""
    return fixed_point(newton, a, anp.ones(3), lambda x, y: anp.max(anp.abs(x - y)), 1e-13)


def in_threads(work: Callable[[int], None]) -> None:
    """Call `work` in eight threads that take turns often; the first error is raised."""
    errors: list[BaseException] = []

    def guarded(k: int) -> None:
        try:
            work(k)
        except BaseException as error:  # noqa: BLE001  # raised below
            errors.append(error)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=guarded, args=(k,)) for k in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    if errors:
        raise errors[0]


def test_threads():
    def work(k: int) -> None:
        x, u = numbers(3, seed=k), numbers(3, seed=k + 50)
        slope = 2 * np.sin(x) * np.cos(x) + np.cos(x) * x + np.sin(x)
        for i in range(50):
            product = (jacobian_vector_product, vector_jacobian_product)[(i + k) % 2]
            np.testing.assert_allclose(product(diamond, "autograd", x, u), slope * u)
            nested = product(lambda x, p=product: p(lambda y: y**3, "autograd", x, u), "autograd", x, u)
            np.testing.assert_allclose(nested, 6 * x * u**2)

    in_threads(work)


def test_threads_with_rules_that_trace():
    def work(k: int) -> None:
        a, u = np.array([2.0, 3.0, 4.0]) + k, numbers(3, seed=k)
        for _ in range(10):
            np.testing.assert_allclose(vector_jacobian_product(root, "autograd", a, u), 0.5 * u / np.sqrt(a))

    in_threads(work)


def test_a_pullback_may_be_shared_by_threads():
    x = numbers(3)
    _, pullback, _ = BACKEND.vjp(Counted(lambda x: (x + x + diamond(x), x[0] * x)), (x,))

    def work(k: int) -> None:
        u = numbers(3, seed=k), numbers(3, seed=k + 50)
        (expected,) = pullback(u)
        for _ in range(50):
            np.testing.assert_array_equal(pullback(u)[0], expected)

    in_threads(work)
