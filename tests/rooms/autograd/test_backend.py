"""What goes in and comes out: memory, containers, dtypes, and what is an array."""

from __future__ import annotations

import itertools
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
from autograd.tracer import isbox
from autograd_functions import PRODUCTS, Counted, complexes, numbers

from adhelpers_plugins.autograd.backend import AutogradBackend

BACKEND = AutogradBackend()


EighResult = type(np.linalg.eigh(np.eye(1)))
SlogdetResult = type(np.linalg.slogdet(np.eye(1)))


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


STORE: dict[str, np.ndarray] = {}


@primitive
def from_a_store(x: Any) -> Any:
    """It remembers what it computed, and so do its rules."""
    return STORE.setdefault("value", 2.0 * x)


defvjp(from_a_store, lambda ans, x: lambda g: STORE.setdefault("pulled", 2.0 * g))
defjvp(from_a_store, lambda g, ans, x: STORE.setdefault("pushed", 2.0 * g))


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
