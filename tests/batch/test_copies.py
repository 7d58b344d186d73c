"""Copies of the batch side by side: the proof that they are right."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from batches import Backend
from toys import ForwardToy, ReverseToy

from adhelpers import Formulation, array_namespace, batched_jacobian, explain, value_and_batched_jacobian
from adhelpers.batch import copies
from adhelpers.batch.jacobian import BatchedJacobian, BatchRecord
from adhelpers.batch.layout import LAYOUTS
from adhelpers.engine.journal import call_of
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


# -- on toys that prefer copies, two products or one at a time ------------------------------------------

both_modes = pytest.mark.parametrize("mode", ["forward", "reverse"])


class Forward(ForwardToy):
    """Copies are its fastest way."""

    def formulations(self, n: int, m: int, batch: int) -> list[Formulation]:
        ways = [("forward", "replicate"), ("forward", "sweep"), ("reverse", "sweep")]
        return [Formulation(*way) for way in ways]  # type: ignore[arg-type]


class Reverse(ReverseToy):
    """The same in reverse mode."""

    def formulations(self, n: int, m: int, batch: int) -> list[Formulation]:
        ways = [("reverse", "replicate"), ("reverse", "sweep"), ("forward", "sweep")]
        return [Formulation(*way) for way in ways]  # type: ignore[arg-type]


TOYS = {"forward": Forward(), "reverse": Reverse()}
X = numbers(3, 4)


def quadratic(x: Any, *args: Any) -> Any:
    """Three inputs to two outputs, the batch last; the toys' differences of it are exact."""
    return np.stack([x[0] * x[1], x[2] * x[0] - 3.0 * x[1]])


def expected(x: np.ndarray) -> np.ndarray:
    zeros = np.zeros_like(x[0])
    return np.stack([np.stack([x[1], x[0], zeros]), np.stack([x[2], zeros - 3.0, x[0]])])


def problem(
    f: Any, mode: str, *, x: Any = X, axis: Any = -1, args: Any = (), record: Any = None, **options: Any
) -> BatchedJacobian:
    """One Jacobian to compute, on the toy with that mode."""
    backend, has_aux = TOYS[mode], options.pop("has_aux", False)
    flat = LeafwiseFunction(f, Tree.read(backend, x, "x"), args, has_aux=has_aux)
    given = {"holomorphic": False, "chunk_size": None, "check": False, **options}
    return BatchedJacobian(backend, flat, x, LAYOUTS[axis], record=record or BatchRecord(), **given)


def after_calls(given: BatchedJacobian, mode: Any, count: int = 2) -> Any:
    """What copies give after so many calls, or None where they are not taken."""
    for _ in range(count):
        copies.learn(given, copies.kind_of_call(given), mode, given.by_sweep(mode))
    return proved(given, mode)


def proved(given: BatchedJacobian, mode: Any) -> Any:
    """What copies give, or None where they are not taken."""
    return copies.proved(given, copies.kind_of_call(given), mode)


@both_modes
@pytest.mark.parametrize("axis", [-1, 0])
def test_one_product_at_copies_gives_the_jacobian(mode: Any, axis: Any) -> None:
    sizes: list[int] = []

    def f(x: Any) -> Any:
        sizes.append(x.shape[axis])
        return quadratic(x) if axis == -1 else quadratic(x.T).T

    given = problem(f, mode, x=X if axis == -1 else X.T.copy(), axis=axis)
    assert after_calls(given, mode, 1) is None, "nothing was proved at the first call"
    assert after_calls(given, mode, 1) is not None
    sizes.clear()
    y, jacobian, aux = proved(given, mode)
    np.testing.assert_allclose(y, quadratic(X) if axis == -1 else quadratic(X).T)
    np.testing.assert_allclose(jacobian, expected(X) if axis == -1 else np.moveaxis(expected(X), -1, 0), atol=1e-14)
    assert aux == ()
    assert set(sizes) == {4 * (3 if mode == "forward" else 2)}


@both_modes
@pytest.mark.parametrize(
    ("f", "right"),
    [
        (quadratic, True),
        (lambda x: quadratic(x) / x.shape[-1], False),
        (lambda x: quadratic(x) + x.shape[-1], False),
        (lambda x: quadratic(x) if x.shape[-1] == 4 else 1 / 0, False),
        (lambda x: quadratic(x) if x.shape[-1] == 4 else 1.0000001 * quadratic(x), False),
        (lambda x: quadratic(x) if x.shape[-1] == 4 else quadratic(x)[:, :4], False),
        (lambda x: quadratic(x) if x.shape[-1] == 4 else quadratic(x)[:1], False),
        (lambda x: quadratic(x) if x.shape[-1] == 4 else quadratic(x)[0], False),
        (lambda x: quadratic(x) if x.shape[-1] == 4 else (quadratic(x), x), False),
        (lambda x: quadratic(x) if x.shape[-1] == 4 else quadratic(x).astype(np.float32), False),
        (lambda x: x[:2] * np.resize([1.0, 2.0, 3.0], x.shape[-1]), False),
        (lambda x: x[:2] * np.resize([1.0, 2.0], x.shape[-1]), True),
    ],
    ids=[
        "right",
        "scaled",
        "shifted",
        "raising",
        "a little off",
        "another batch",
        "another size",
        "a vector",
        "a pair",
        "narrow",
        "in threes",
        "in pairs",
    ],
)
def test_copies_are_proved(f: Any, right: bool, mode: Any) -> None:
    """A batch of four in copies looks like one of pairs throughout; weights in threes do not fit."""
    assert (after_calls(problem(f, mode), mode) is not None) is right


@both_modes
def test_the_proof_is_not_at_the_point_itself(mode: Any) -> None:
    """Where all is zero, another size of batch may give the same by chance."""
    given = problem(lambda x: x * x / x.shape[-1], mode, x=np.zeros((2, 3)))
    assert after_calls(given, mode) is None


@both_modes
def test_complex_outputs_of_real_points_are_not_copied_in_reverse_mode(mode: Any) -> None:
    """One pullback would give half of them; forward mode gives all."""
    given = problem(lambda x: (1.0 + 2.0j) * x, mode)
    result = after_calls(given, mode)
    if mode == "reverse":
        assert result is None
    elif result is not None:
        np.testing.assert_allclose(result[1], (1.0 + 2.0j) * np.eye(3)[:, :, None] * np.ones(4))


@pytest.mark.parametrize("args", [(3,), (True,), ("a",), (None,), ([1.0],), (np.ones(2), 3)], ids=repr)
def test_what_an_argument_may_decide_is_not_copied(args: Any) -> None:
    """A size, a flag, a word: what `f` does with them may depend on how many points there are."""
    assert after_calls(problem(quadratic, "forward", args=args), "forward", 3) is None


@pytest.mark.parametrize("options", [{"has_aux": True}, {"chunk_size": 2}, {"check": True}], ids=repr)
def test_options_that_rule_copies_out(options: Any) -> None:
    f = (lambda x: (quadratic(x), x)) if "has_aux" in options else quadratic
    assert after_calls(problem(f, "forward", **options), "forward", 3) is None


@pytest.mark.parametrize(
    ("first", "other", "same"),
    [
        ((), (), True),
        ((1.0,), (2.0,), True),
        ((1.0,), (1.0j,), False),
        ((1.0,), (), False),
        ((1.0,), (1.0, 1.0), False),
        ((np.ones(2),), (np.zeros(2),), True),
        ((np.ones(2),), (np.ones(3),), False),
        ((np.ones(2),), (np.ones(2, np.float32),), False),
        ((np.ones(2),), (1.0,), False),
        ((np.float64(1.0),), (np.float64(2.0),), True),
    ],
    ids=repr,
)
def test_a_proof_is_for_calls_of_one_kind(first: Any, other: Any, same: bool) -> None:
    """Numbers, and arrays of one shape and dtype, change what `f` computes but not which `f` it is."""
    record = BatchRecord()
    assert after_calls(problem(quadratic, "forward", args=first, record=record), "forward") is not None
    received = proved(problem(quadratic, "forward", args=other, record=record), "forward")
    assert (received is not None) is same


def test_copies_that_fail_are_given_up() -> None:
    broken = False

    def f(x: Any) -> Any:
        if broken:
            raise ZeroDivisionError
        return quadratic(x)

    given = problem(f, "forward")
    assert after_calls(given, "forward") is not None
    broken = True
    assert proved(given, "forward") is None
    broken = False
    assert proved(given, "forward") is None, "once is enough"
    assert after_calls(given, "forward") is None


def test_where_a_sweep_is_faster_nothing_is_proved() -> None:
    sizes = []

    def f(x: Any) -> Any:
        sizes.append(x.shape[-1])
        return quadratic(x)

    given = problem(f, "forward")
    given.backend = ForwardToy()
    assert after_calls(given, "forward", 3) is None
    assert set(sizes) == {4}


def test_the_verdict_is_told() -> None:
    with explain() as log, call_of("batched_jacobian", quadratic, "toy"):
        after_calls(problem(quadratic, "forward"), "forward")
        after_calls(problem(lambda x: quadratic(x) / x.shape[-1], "forward"), "forward")
    told = [(call.operation, note.words) for call in log.calls for note in call.notes]
    assert [note for note in told if note[0] == "batched_jacobian" and "copies" in note[1]] == [
        ("batched_jacobian", "one product at copies of the batch, in forward mode")
    ]
    assert [words for operation, words in told if operation == "proof of copies" and "close to x" in words] == [
        "proved: they give the same close to x",
        "not used: they give another result close to x",
    ]
