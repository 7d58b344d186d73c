"""Copies of the batch side by side: the proof that they are right."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from batches import Backend
from toys import ForwardToy, ReverseToy

from adhelpers import (
    array_namespace,
    batched_jacobian,
    value_and_batched_jacobian,
)
from adhelpers.batch import copies
from adhelpers.batch.jacobian import BatchedJacobian, BatchRecord
from adhelpers.batch.layout import LAYOUTS
from adhelpers.engine.journal import Explanation, call_of
from adhelpers.testing.models import numbers
from adhelpers.trees.leafwise import LeafwiseFunction
from adhelpers.trees.tree import Tree
from conftest import assert_close, to_numpy


def test_copies_are_proved_by_values_and_derivatives_where_nothing_is_zero(framework: Backend) -> None:
    def value_only(x: Any) -> Any:
        return x**2 + x.shape[-1]

    def zero_at_zero(x: Any) -> Any:
        return x**2 / x.shape[-1]

    for k in range(4):
        y, _ = value_and_batched_jacobian(value_only, framework, numbers(2, 3) + k)
        assert_close(framework, y, (numbers(2, 3) + k) ** 2 + 3)
    for x in (np.zeros((2, 3)), np.zeros((2, 3)), np.zeros((2, 3)), np.full((2, 3), 3.0)):
        assert_close(framework, batched_jacobian(zero_at_zero, framework, x), np.eye(2)[:, :, None] * 2 * x / 3)


def test_a_small_row_proves_nothing_by_the_size_of_another(framework: Backend) -> None:
    def f(x: Any) -> Any:
        return array_namespace(x).concat([x[:1], 1e-4 * x[1:] / x.shape[-1]])

    for _ in range(4):
        jacobian = to_numpy(framework, batched_jacobian(f, framework, numbers(2, 3).astype(np.float32)))
        np.testing.assert_allclose(
            jacobian[1, 1], 1e-4 / 3, rtol=1e-1 if framework.name == "finite-difference" else 1e-5
        )


# -- which calls may be given copies ------------------------------------------------------------------


class Called:
    """A function of a batch, as far as its call goes."""

    def __init__(self, *args: Any, has_aux: bool = False) -> None:
        self.args = args
        self.has_aux = has_aux


@pytest.mark.parametrize("args", [(3,), (True,), ("a",), (None,), ([1.0],), (np.ones(2), 3)], ids=repr)
def test_what_an_argument_may_decide_is_not_copied(args: Any) -> None:
    """A size, a flag, a word: what `f` does with them may depend on how many points there are."""
    assert copies.kind_of_call(Called(*args)) is None


def test_functions_with_aux_are_not_copied() -> None:
    assert copies.kind_of_call(Called(has_aux=True)) is None


def test_numbers_and_arrays_of_one_shape_make_one_kind_of_call() -> None:
    kinds = [
        copies.kind_of_call(Called(*args))
        for args in (
            (),
            (1.0,),
            (2.0,),
            (1.0j,),
            (np.ones(2),),
            (np.zeros(2),),
            (np.ones(3),),
            (np.ones(2, np.float32),),
            (np.float64(1.0),),
        )
    ]
    assert None not in kinds
    assert kinds[1] == kinds[2]
    assert kinds[4] == kinds[5]
    assert len(set(kinds)) == 7


# -- one product at copies ----------------------------------------------------------------------------


TOYS = {"forward": ForwardToy(), "reverse": ReverseToy()}


def problem(f: Any, x: np.ndarray, mode: str, axis: Any = -1) -> BatchedJacobian:
    """Of two outputs, on the toy with that mode."""
    backend = TOYS[mode]
    flat = LeafwiseFunction(f, Tree.read(backend, x, "x"), (), has_aux=False)
    record = BatchRecord(output_size=2)
    return BatchedJacobian(backend, flat, x, LAYOUTS[axis], False, None, record, False)


def quadratic(x: Any) -> Any:
    """Three inputs to two outputs, the batch last; the toys' differences of it are exact."""
    return np.stack([x[0] * x[1], x[2] * x[0] - 3.0 * x[1]])


def expected(x: np.ndarray) -> np.ndarray:
    zeros = np.zeros_like(x[0])
    return np.stack([np.stack([x[1], x[0], zeros]), np.stack([x[2], zeros - 3.0, x[0]])])


@pytest.mark.parametrize("axis", [-1, 0])
@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_one_product_at_copies_gives_the_jacobian(mode: Any, axis: Any) -> None:
    x, sizes = numbers(3, 4), []

    def f(x: Any) -> Any:
        sizes.append(x.shape[axis])
        return quadratic(x) if axis == -1 else quadratic(x.T).T

    given = problem(f, x if axis == -1 else x.T.copy(), mode, axis)
    y, jacobian, aux = copies.by_copies(given, mode)
    np.testing.assert_allclose(y, quadratic(x) if axis == -1 else quadratic(x).T)
    np.testing.assert_allclose(jacobian, expected(x) if axis == -1 else np.moveaxis(expected(x), -1, 0), atol=1e-14)
    assert aux == ()
    assert set(sizes) == {4 * (3 if mode == "forward" else 2)}


@pytest.mark.parametrize(
    "f",
    [
        lambda x: quadratic(x)[:, :4],
        lambda x: quadratic(x)[:1],
        lambda x: quadratic(x) * (1.0 + 1j),
        lambda x: quadratic(x)[0],
    ],
    ids=["another batch", "another size", "complex", "a vector"],
)
@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_what_are_no_copies_is_an_error(f: Any, mode: Any) -> None:
    with pytest.raises(ValueError, match=r"not copies of its result|real or the imaginary part"):
        copies.by_copies(problem(f, numbers(3, 4), mode), mode)


@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.parametrize(
    ("f", "right"),
    [
        (quadratic, True),
        (lambda x: quadratic(x) / x.shape[-1], False),
        (lambda x: quadratic(x) + x.shape[-1], False),
        (lambda x: quadratic(x) if x.shape[-1] == 4 else 1 / 0, False),
        (lambda x: quadratic(x) if x.shape[-1] == 4 else 1.0000001 * quadratic(x), False),
        (lambda x: x[:2] * np.resize([1.0, 2.0, 3.0], x.shape[-1]), False),
        (lambda x: x[:2] * np.resize([1.0, 2.0], x.shape[-1]), True),
    ],
    ids=["right", "scaled", "shifted", "raising", "a little off", "in threes", "in pairs"],
)
def test_copies_are_proved(f: Any, right: bool, mode: Any) -> None:
    """A batch of four in copies looks like one of pairs throughout; weights in threes do not fit."""
    assert copies.are_right(problem(f, numbers(3, 4), mode), mode) is right


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_the_proof_is_not_at_the_point_itself(mode: Any) -> None:
    """Where all is zero, another size of batch may give the same by chance."""
    assert not copies.are_right(problem(lambda x: x * x / x.shape[-1], np.zeros((2, 3)), mode), mode)


def test_the_verdict_is_told() -> None:
    log = Explanation()
    with call_of("batched_jacobian", quadratic, "toy", log):
        copies.are_right(problem(quadratic, numbers(3, 4), "forward"), "forward")
        copies.are_right(problem(lambda x: quadratic(x) / x.shape[-1], numbers(3, 4), "forward"), "forward")
    words = [note.words for note in log.calls[0].notes if note.topic == "copies"]
    assert words == [
        "copies of the batch are proved: close to x they give the same",
        "copies of the batch are not used: close to x they give another result",
    ]
