"""What is learnt from one call holds for calls of the same kind alone: `f` may do something else for others."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

import adhelpers
from adhelpers import BatchMixingError, Constant, batched_jacobian, jacobian_vector_product, vector_jacobian_product
from conftest import assert_close, lifted, make

MATRIX = np.array([[1.0, 2.0], [2.0, 4.0]])
COFACTORS = np.array([[4.0, -2.0], [-2.0, 1.0]])  # what the derivative of the determinant is


def clean(x: Any) -> Any:
    xp = adhelpers.array_namespace(x)
    return xp.sum(x)


def determinant(x: Any) -> Any:
    """PyTorch's own, whose rules are wrong at a singular matrix."""
    return x.det()


class By:
    """An object of a user's."""

    def __init__(self, function: Any) -> None:
        self.function = function

    def apply(self, x: Any) -> Any:
        return self.function(x)


def called(x: Any, *args: Any) -> Any:
    """One function, whatever it is told to do."""
    if isinstance(x, dict):
        return (determinant if x["kind"] == "determinant" else clean)(x["a"])
    if isinstance(x, list):
        return determinant(x[0])
    if isinstance(x, tuple):
        return clean(x[0])
    (how,) = args
    if isinstance(how, dict):
        how = how["by"][0]
    return how.function(x) if isinstance(how, By) else how(x)


PAIRS = {
    "functions": ((MATRIX, (clean,)), (MATRIX, (determinant,))),
    "objects": ((MATRIX, (By(clean),)), (MATRIX, (By(determinant),))),
    "methods": ((MATRIX, (By(clean).apply,)), (MATRIX, (By(determinant).apply,))),
    "partials": ((MATRIX, (functools.partial(clean),)), (MATRIX, (functools.partial(determinant),))),
    "in containers": ((MATRIX, ({"by": [clean]},)), (MATRIX, ({"by": [determinant]},))),
    "constants": (
        ({"a": MATRIX, "kind": Constant("sum")}, ()),
        ({"a": MATRIX, "kind": Constant("determinant")}, ()),
    ),
    "structures": (((MATRIX,), ()), ([MATRIX], ())),
}


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_a_function_that_calls_a_wrong_rule_is_seen_though_another_did_not(pair: Any) -> None:
    backend = make("torch")
    (x, args), (other, other_args) = pair
    f = functools.partial(called)  # a new one, of which nothing is known
    ones = np.ones_like(MATRIX)

    def along(x: Any) -> Any:
        return (
            {"a": ones, "kind": None}
            if isinstance(x, dict)
            else type(x)((ones,))
            if isinstance(x, (tuple, list))
            else ones
        )

    for _ in range(2):
        pushed = jacobian_vector_product(f, backend, lifted_tree(backend, x), lifted_tree(backend, along(x)), args=args)
        assert_close(backend, pushed, np.asarray(4.0))
    pulled = vector_jacobian_product(f, backend, lifted_tree(backend, x), 1.0, args=args)
    assert_close(backend, adhelpers.tree_leaves(pulled)[0], np.ones((2, 2)))
    for _ in range(2):
        pushed = jacobian_vector_product(
            f, backend, lifted_tree(backend, other), lifted_tree(backend, along(other)), args=other_args
        )
        assert_close(backend, pushed, np.asarray(1.0))  # the sum of the cofactors
    pulled = vector_jacobian_product(f, backend, lifted_tree(backend, other), 1.0, args=other_args)
    assert_close(backend, adhelpers.tree_leaves(pulled)[0], COFACTORS)


def lifted_tree(backend: adhelpers.ADBackend, tree: Any) -> Any:
    return adhelpers.tree_map(lambda leaf: lifted(backend, leaf) if isinstance(leaf, np.ndarray) else leaf, tree)


def test_a_function_that_mixes_the_batch_is_seen_though_another_did_not(backend: adhelpers.ADBackend) -> None:
    x = lifted(backend, np.linspace(0.1, 0.7, 6).reshape(2, 3))
    f = functools.partial(called)
    square = lambda x: x**2  # noqa: E731

    def mean(x: Any) -> Any:
        xp = adhelpers.array_namespace(x)
        return x - xp.mean(x, axis=-1, keepdims=True)

    for _ in range(2):
        assert batched_jacobian(f, backend, x, args=(square,)).shape == (2, 2, 3)
    with pytest.raises(BatchMixingError):
        batched_jacobian(f, backend, x, args=(mean,))


@pytest.mark.parametrize("flags", [(False, True), (np.bool_(False), np.bool_(True)), (np.int64(0), np.int64(1))])
def test_a_flag_counts_by_its_value(backend: adhelpers.ADBackend, flags: Any) -> None:
    x = lifted(backend, np.linspace(0.1, 0.7, 6).reshape(2, 3))

    def f(x: Any, mixes: Any) -> Any:
        xp = adhelpers.array_namespace(x)
        return x - xp.mean(x, axis=-1, keepdims=True) if mixes else x**2

    assert batched_jacobian(f, backend, x, args=(flags[0],)).shape == (2, 2, 3)
    with pytest.raises(BatchMixingError):
        batched_jacobian(f, backend, x, args=(flags[1],))


def test_what_is_learnt_serves_the_next_call_of_its_kind(framework: adhelpers.ADBackend) -> None:
    """The same object's method among `args`, though a method is made anew for each call."""
    x = lifted(framework, np.linspace(0.1, 0.7, 6).reshape(2, 3))
    f = functools.partial(called)
    square = By(lambda x: x**2)
    checked = []
    for _ in range(3):
        with adhelpers.explain() as log:
            batched_jacobian(f, framework, x, args=(square.apply,), mode="reverse")
        checked.append(any(note.topic == "check" for call in log.calls for note in call.notes))
    assert checked == [True, False, False]
