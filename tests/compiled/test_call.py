"""Calls without their arrays: what is a compile-time constant, and what makes a call another one."""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from labels import label
from prepared_calls import U, X, cube, lifted
from toys import ForwardToy

import adhelpers
from adhelpers import ADBackend, prepare
from adhelpers import jacobian_vector_product as jvp
from adhelpers.compiled import call
from adhelpers.compiled.call import Kept
from conftest import assert_close, make

# -- every backend ------------------------------------------------------------------------------------------------


def test_the_order_of_keys_is_that_of_each_call(backend: ADBackend) -> None:
    def f(x: Any, weights: Any) -> Any:
        return {key: value * next(iter(weights.values())) for key, value in x.items()}

    one, other = {"b": X, "a": U}, {"a": U, "b": X}
    v, w = lifted(backend, X, U)
    weights, turned = {"v": v, "w": w}, {"w": w, "v": v}
    call = prepare(jvp, f, backend, one, one, args=(weights,))
    for _ in range(2):
        for x, w in ((one, weights), (other, weights), (one, turned), (other, turned)):
            received = call(x, one, w)
            assert list(received) == list(x)
            assert_close(backend, received["b"], X * (X if w is weights else U))


def test_arguments_may_change(backend: ADBackend) -> None:
    class Box:
        value = 1.0

    def f(x: Any, array: Any, number: Any, word: str, box: Any, numbers: Any) -> Any:
        return x * array * number * len(word) * box.value * sum(numbers)

    x, u = lifted(backend, X, U)
    box, numbers, array = Box(), {1.0}, lifted(backend, X)[0]
    call = prepare(jvp, f, backend, x, u, args=(array, 2.0, "a", box, numbers))

    def check(array: np.ndarray, number: Any, word: str) -> None:
        received = call(x, u, *lifted(backend, array), number, word, box, numbers)
        assert_close(backend, received, U * array * float(number) * len(word) * box.value * sum(numbers))

    check(U, 2.0, "a")
    check(U, 3, "abc")
    check(X, np.float64(0.5), "abc")
    box.value = 7.0  # the same object, and not what it was
    numbers.add(2.0)
    check(X, 2.0, "a")


class Named(float):
    """A number that shows its name alone."""

    def __repr__(self) -> str:
        return "n"


class Scaled(int):
    """A number that equals another of another scale."""

    scale = 1.0


def test_numbers_of_the_users_own_types_are_not_known_by_text_or_value(backend: ADBackend) -> None:
    x, u = lifted(backend, X, U)
    by_text = prepare(jvp, lambda x, n: x * float(n), backend, x, u, args=(Named(2.0),))
    by_value = prepare(jvp, lambda x, n: x * n.scale, backend, x, u, args=(Scaled(1),))
    for factor in (2.0, 3.0, -3.0):
        assert_close(backend, by_text(x, u, Named(factor)), factor * U)
        scaled = Scaled(1)
        scaled.scale = factor
        assert_close(backend, by_value(x, u, scaled), factor * U)


def test_numbers_that_compare_equal_are_not_the_same(backend: ADBackend) -> None:
    x, u = lifted(backend, X, U)
    call = prepare(
        jvp, lambda x, n: x * np.copysign(1.0, n) * (1.0 if type(n) is float else 2.0), backend, x, u, args=(0.0,)
    )
    for number, factor in ((-0.0, -1.0), (0.0, 1.0), (0, 2.0), (False, 2.0), (np.float64(-0.0), -2.0)):
        assert_close(backend, call(x, u, number), factor * U)


def test_numpy_arguments_are_data(backend: ADBackend) -> None:
    x, u = lifted(backend, X, U)
    xp = backend.array_namespace(x)

    def f(x: Any, weights: Any, zero_d: Any, masked: Any) -> Any:
        return x * xp.asarray(weights) * xp.asarray(zero_d) * float(masked.sum())

    weights, zero_d, masked = X.copy(), np.array(2.0), np.ma.masked_array([1.0, 5.0], [0, 1])
    call = prepare(jvp, f, backend, x, u, args=(weights, zero_d, masked))
    weights += 1.0
    zero_d[...] = 3.0
    masked.mask = [0, 0]
    assert_close(backend, call(x, u, weights, zero_d, masked), U * (X + 1.0) * 3.0 * 6.0)


def test_an_object_among_the_arguments_may_change() -> None:
    jax = pytest.importorskip("jax")

    class Model:
        k = 1.0

        def __call__(self, x: Any) -> Any:
            return self.k * x

    model, x = Model(), jax.numpy.ones(3)
    push = adhelpers.prepare(adhelpers.jacobian_vector_product, lambda x, m: m(x), "jax", x, x, args=(model,))
    model.k = 5.0
    np.testing.assert_allclose(push(x, x, model), 5.0)


# -- constants ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (1.0, 1.0, True),
        (1.0, 1, False),
        (1, True, False),
        (0.0, -0.0, False),
        (np.nan, float("nan"), True),
        (1.0, np.float64(1.0), False),
        (np.float32(0.1), np.float32(0.1), True),
        (np.float32(0.1), np.float64(0.1), False),
        (complex(1.0, 0.0), complex(1.0, -0.0), False),
        ("a", "a", True),
        ("a", b"a", False),
        (None, None, True),
        (int, int, True),
        (int, float, False),
        (abs, abs, True),
        (lifted, lifted, True),
        (lifted, cube, False),
    ],
    ids=label,
)
def test_constants_are_the_same_by_type_and_value(one: Any, other: Any, same: bool) -> None:
    assert (Kept.of(one) == Kept.of(other)) is same


@pytest.mark.parametrize("value", [1.0, 1, "a", None, int, lifted, np.float32(1.0), ...], ids=label)
def test_what_is_fixed_cannot_differ(value: Any) -> None:
    assert not Kept.of(value).may_differ


@pytest.mark.parametrize("value", [object(), {1}, [].append, np.random.default_rng(0)], ids=lambda v: type(v).__name__)
def test_what_may_change_unseen_may_differ(value: Any) -> None:
    assert Kept.of(value).may_differ


@pytest.mark.parametrize("value", [len, math.sin], ids=label)
def test_functions_that_are_built_in_are_fixed(value: Any) -> None:
    assert not Kept.of(value).may_differ


WORDS = np.asarray(["a"] * 3000)
OTHER_WORDS = np.where(np.arange(3000) == 1500, "b", WORDS)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (WORDS, OTHER_WORDS),
        (np.ma.asarray([1.0]), np.ma.asarray([1.000000004])),
        (np.ma.arange(3000.0), np.ma.arange(3000.0) + (np.arange(3000) == 1500)),
    ],
    ids=["words", "masked", "many"],
)
def test_arrays_that_are_no_data_are_told_apart(one: Any, other: Any) -> None:
    received, expected = Kept.of(one), Kept.of(other)
    assert received != expected or received.may_differ


def test_another_array_of_words_is_another_constant(jax: ModuleType) -> None:
    x = jax.numpy.ones(2)

    def f(x: Any, words: Any) -> Any:
        return x * float((words == "b").sum() + 1)

    push = prepare(jvp, f, "jax", x, x, args=(WORDS,))
    np.testing.assert_array_equal(push(x, x, OTHER_WORDS), [2.0, 2.0])


# -- split and join -----------------------------------------------------------------------------------

TOY = ForwardToy()
POINT = {"b": np.ones(2), "a": [np.asarray(3.0)]}


def test_a_call_is_split_in_arrays_and_the_rest_and_joined_again() -> None:
    u, args = {"a": [np.asarray(1.0)], "b": np.zeros(2)}, ((np.arange(3), "word"), 2.5, None)
    parts, arrays = call.split(TOY, {"x": POINT, "u": u}, args)
    assert [part.name for part in parts] == ["x", "u", "args[0]", "args[1]", "args[2]"]
    assert len(arrays) == 5
    x, v, (numbers, word), number, nothing = call.join(parts, arrays)
    np.testing.assert_array_equal(x["b"], POINT["b"])
    np.testing.assert_array_equal(v["b"], u["b"])
    np.testing.assert_array_equal(numbers, np.arange(3))
    assert (word, number, nothing) == ("word", 2.5, None)
    assert list(x) == ["b", "a"]
    assert list(v) == ["a", "b"]


def test_joined_with_other_arrays() -> None:
    parts, arrays = call.split(TOY, {"x": POINT}, ((np.ones(1), 7),))
    x, (array, seven) = call.join(parts, tuple(range(len(arrays))))
    assert sorted([x["b"], x["a"][0], array]) == [0, 1, 2]
    assert seven == 7


@pytest.mark.parametrize("data", [np.arange(3), np.ones(2, bool), np.ones(2, np.float32), np.ones(2, complex)], ids=str)
def test_arrays_among_the_arguments_are_data(data: Any) -> None:
    parts, arrays = call.split(TOY, {"x": np.ones(1)}, (data,))
    assert arrays[1] is data
    assert parts[1].leaves == (None,)


@pytest.mark.parametrize("constant", [np.float64(2.0), np.int64(3), np.bool_(True)], ids=label)
def test_scalars_of_numpys_are_constants(constant: Any) -> None:
    """They may be sizes."""
    backend = make("jax")
    with backend.scope():
        parts, arrays = call.split(backend, {"x": 1.0}, (constant,))
    assert len(arrays) == 1
    assert parts[1].leaves == (Kept.of(constant),)


# -- differences --------------------------------------------------------------------------------------


def described(x: Any, *args: Any) -> Any:
    parts, arrays = call.split(TOY, {"x": x}, args)
    return call.describe(TOY, parts, arrays)


@pytest.mark.parametrize(
    ("expected", "given", "lines"),
    [
        ((np.ones(2), 3), (np.zeros(2), 3), []),
        (
            (np.ones(2),),
            (np.ones(3),),
            ["x: prepared with float64[2], but float64[3] was given"],
        ),
        (
            ({"a": np.ones(2)},),
            ({"a": np.ones(2, np.float32)},),
            ["x['a']: prepared with float64[2], but float32[2] was given"],
        ),
        ((np.ones(2), 3), (np.ones(2), 4), ["args[0]: prepared with 3, but 4 was given"]),
        ((np.ones(2), 3), (np.ones(2), "3"), ["args[0]: prepared with 3, but '3' was given"]),
        ((np.ones(2), [3]), (np.ones(2), [3, 5]), ["args[0][1]: prepared with nothing, but 5 was given"]),
        ((np.ones(2), [3, 5]), (np.ones(2), [3]), ["args[0][1]: prepared with 5, but nothing was given"]),
        (
            (np.ones(2), [3]),
            (np.ones(2), (3,)),
            ["args[0]: prepared with the containers PyTreeSpec([*]", "but PyTreeSpec((*,)"],
        ),
        ((np.ones(2), 3), (np.ones(2),), ["args[0]: prepared with 3, but nothing", "prepared with 2 arguments, but 1"]),
    ],
    ids=str,
)
def test_each_leaf_that_differs_has_a_line(expected: Any, given: Any, lines: list[str]) -> None:
    before, now = described(*expected), described(*given)
    if not lines:
        assert before == now
        return
    words = "\n".join(call.differences(before, now))
    assert all(line in words for line in lines)


def test_where_a_tracer_lies_is_no_difference() -> None:
    parts, ((shape, dtype, _),) = described(np.ones(2))

    def lying(device: object) -> Any:
        return parts, ((shape, dtype, device),)

    assert call.differences(lying(None), lying("here")) == call.differences(lying("here"), lying(None)) == []
    assert call.differences(lying("there"), lying("here")) == [
        "x: prepared with float64[2] on there, but float64[2] on here was given"
    ]
