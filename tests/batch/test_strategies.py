"""Which way to a batched Jacobian is taken, call by call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pytest
from batches import Backend, every_mode, first
from toys import ForwardToy

from adhelpers import BatchAxisError, BatchMixingError, Formulation, array_namespace, batched_jacobian, explain
from adhelpers.testing.models import like, numbers
from conftest import assert_close


def test_a_repeated_call_runs_f_once_and_skips_the_check(framework: Backend) -> None:
    calls = []

    def f(x: Any) -> Any:
        calls.append(1)
        return x**2 if len(calls) < 3 else array_namespace(x).flip(x, axis=-1)

    batched_jacobian(f, framework, numbers(2, 3))
    assert len(calls) == 1
    calls += [1, 1]
    batched_jacobian(f, framework, numbers(2, 3))  # mixes by now, which goes unnoticed as documented
    with pytest.raises(BatchMixingError):
        batched_jacobian(f, framework, numbers(2, 3), check_batch="always")
    batched_jacobian(f, framework, numbers(2, 3), check_batch=False)
    with pytest.raises(BatchMixingError):
        batched_jacobian(f, framework, numbers(2, 4))


def test_automatic_mode_learns_the_size_of_the_output_and_then_whether_copies_are_allowed(framework: Backend) -> None:
    calls: list[int] = []

    def widens(x: Any) -> Any:
        calls.append(1)
        return array_namespace(x).concat([x, x**2, x**3])

    counts = []
    for _ in range(4):
        batched_jacobian(widens, framework, numbers(2, 3))
        counts.append(len(calls) - sum(counts))
    copies = "replicate" in [way for _, way in framework.formulations(2, 6, 3)]
    assert counts == [3, 3 if copies else 1, 1, 1]  # to see the size, to sweep, and to check


WEIGHTS = np.array([1.0, 2.0, 3.0, 4.0])
LOOKING_AT_THE_BATCH: dict[str, Any] = {
    "at its size": (lambda x: x**3 / x.shape[-1], lambda x: 3 * x**2 / 4),
    "at its size, where there are more": (lambda x: x**3 if x.shape[-1] == 4 else x**2, lambda x: 3 * x**2),
    "of four": (lambda x: x**3 * like(array_namespace(x), WEIGHTS, x), lambda x: 3 * x**2 * WEIGHTS),
    "not at all": (lambda x: x**3 * x.shape[0], lambda x: 9 * x**2),
}
"""Elementwise functions with their derivatives, some of which no copies of a batch may be given to."""


@pytest.mark.parametrize("name", LOOKING_AT_THE_BATCH)
@pytest.mark.parametrize("axis", [-1, 0])
@every_mode
def test_every_repeated_call_is_right(framework: Backend, name: str, mode: Any, axis: Any) -> None:
    """Whatever way is found to be faster meanwhile."""
    f, slope = LOOKING_AT_THE_BATCH[name]
    g = first(f) if axis == 0 else f
    for k in range(4):
        x = np.abs(numbers(3, 4)) + k
        expected = np.eye(3)[:, :, None] * slope(x)
        jacobian = batched_jacobian(g, framework, x if axis == -1 else x.T, mode=mode, batch_axis=axis)
        assert_close(framework, jacobian, expected if axis == -1 else np.moveaxis(expected, -1, 0))


def test_other_arguments_are_other_calls(framework: Backend) -> None:
    """Whatever was learnt of copies with some arguments says nothing of others."""

    def shared(x: Any, share: bool) -> Any:
        return x / x.shape[-1] if share else 1.0 * x

    def repeated(x: Any, times: int) -> Any:
        return array_namespace(x).concat([x[:1]] * times)

    def weighed(x: Any, w: Any) -> Any:
        return x * (w if isinstance(w, float) else like(array_namespace(x), w, x))

    x, eye = numbers(2, 3), np.eye(2)[:, :, None] * np.ones(3)
    for share in (False, False, False, True):
        assert_close(framework, batched_jacobian(shared, framework, x, args=(share,)), eye / (3 if share else 1))
    for times in (2, 2, 2, 3):
        assert batched_jacobian(repeated, framework, x, args=(times,)).shape == (times, 2, 3)
    for w in (2.0, 2.0, 2.0, np.asarray([1.0, 2.0, 3.0])):
        assert_close(framework, batched_jacobian(weighed, framework, x, args=(w,)), eye * w)


def test_a_function_that_changes_is_met_by_its_own_errors(framework: Backend) -> None:
    kind = "copied"
    changed = {"pair": lambda x: (x, x), "flat": lambda x: x[0], "wide": lambda x: array_namespace(x).concat([x, x])}

    def f(x: Any) -> Any:
        if kind == "raising":
            msg = "my own"
            raise KeyError(msg)
        return changed[kind](x) if kind in changed else x**2

    for _ in range(3):
        batched_jacobian(f, framework, numbers(2, 3))
    kind = "raising"
    with pytest.raises(KeyError, match="my own"):
        batched_jacobian(f, framework, numbers(2, 3))
    kind = "pair"
    with pytest.raises(BatchAxisError):
        batched_jacobian(f, framework, numbers(2, 3))
    kind = "flat"
    with pytest.raises(BatchAxisError):
        batched_jacobian(f, framework, numbers(2, 3))
    kind = "wide"
    assert batched_jacobian(f, framework, numbers(2, 3)).shape == (4, 2, 3)


# -- call by call, on a toy that prefers copies -------------------------------------------------------


class Copying(ForwardToy):
    """Copies of the batch are its fastest way."""

    name: ClassVar[str] = "copying"

    def formulations(self, n: int, m: int, batch: int) -> list[Formulation]:
        ways = [("forward", "replicate"), ("forward", "sweep"), ("reverse", "replicate"), ("reverse", "sweep")]
        return [Formulation(*way) for way in ways]  # type: ignore[arg-type]


class Watched:
    """The square, which remembers how large each batch was: the toy calls it three times for each product."""

    def __init__(self, f: Callable[[Any], Any] = lambda x: x * x) -> None:
        self.f = f
        self.batches: list[int] = []

    def __call__(self, x: Any) -> Any:
        self.batches.append(x.shape[-1])
        return self.f(x)

    def seen(self) -> list[int]:
        """What was seen since the last time."""
        batches, self.batches = self.batches, []
        return batches


X = np.asarray([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]])
SQUARED = np.eye(2)[:, :, None] * 2.0 * X
SWEEP, CHECKED = [4] * 6, [4] * 9
"""Two products, and one more for the check."""
COPIES = [8] * 3


def jacobian(f: Any, x: Any = X, **options: Any) -> Any:
    return batched_jacobian(f, Copying(), x, **options)


def test_first_checked_then_proved_then_copied() -> None:
    f = Watched()
    received = []
    for expected in (CHECKED, [*SWEEP, *SWEEP, *COPIES], COPIES, COPIES):
        received.append(jacobian(f))
        assert f.seen() == expected
    for array in received:
        np.testing.assert_allclose(array, SQUARED)


@pytest.mark.parametrize(
    ("f", "jacobian_of"),
    [
        (lambda x: x * x / x.shape[-1], SQUARED / 4.0),
        (lambda x: x * x if x.shape[-1] == 4 else 7.0 * x * x, SQUARED),
    ],
    ids=["its size", "another function for more"],
)
def test_a_function_that_looks_at_its_batch_is_given_no_copies(f: Any, jacobian_of: Any) -> None:
    watched = Watched(f)
    for expected in (CHECKED, [*SWEEP, *SWEEP, *COPIES], SWEEP, SWEEP):
        np.testing.assert_allclose(jacobian(watched), jacobian_of)
        assert watched.seen() == expected


def test_a_chunk_size_disables_copies() -> None:
    f = Watched()
    for expected in (CHECKED, SWEEP, SWEEP, SWEEP):
        np.testing.assert_allclose(jacobian(f, chunk_size=2), SQUARED)
        assert f.seen() == expected


def test_aux_disables_copies() -> None:
    f = Watched(lambda x: (x * x, x))
    for expected in (CHECKED, SWEEP, SWEEP, SWEEP):
        jacobian(f, has_aux=True)
        assert f.seen() == expected


def test_always_checking_never_copies() -> None:
    """The random vector of the check has no copy of its own."""
    f = Watched()
    for _ in range(4):
        jacobian(f, check_batch="always")
        assert f.seen() == CHECKED


def test_unchecked_functions_are_copied_too() -> None:
    f = Watched()
    for expected in (SWEEP, [*SWEEP, *SWEEP, *COPIES], COPIES):
        jacobian(f, check_batch=False)
        assert f.seen() == expected


def test_a_function_seen_unchecked_is_checked_when_it_is_asked_for() -> None:
    f = Watched(lambda x: x * x + x.sum())
    jacobian(f, check_batch=False)
    with pytest.raises(BatchMixingError):
        jacobian(f)
    with pytest.raises(BatchMixingError):
        jacobian(f)


@pytest.mark.parametrize(
    "other", [X[:, :3], X[:1], X.astype(np.float32), X.T.copy()], ids=["batch", "size", "dtype", "T"]
)
def test_another_shape_or_dtype_begins_anew(other: Any) -> None:
    f = Watched()
    for _ in range(3):
        jacobian(f)
    f.seen()
    jacobian(f, other)
    batch = other.shape[-1]
    assert f.seen() == [batch] * 3 * (other.shape[0] + 1)


def test_a_function_of_a_single_call_never_sees_another_batch() -> None:
    """Whoever makes a function for each call pays for no proof."""
    for _ in range(4):
        f = Watched()
        jacobian(f)
        assert f.seen() == CHECKED


def test_copies_that_fail_later_are_given_up() -> None:
    """What `f` takes by then may be another thing; the sweep has the last word, and no copies follow."""
    strict = False

    def f(x: Any) -> Any:
        if strict and x.shape[-1] != 4:
            raise ZeroDivisionError
        return x * x

    watched = Watched(f)
    for _ in range(3):
        jacobian(watched)
    strict = True
    watched.seen()
    np.testing.assert_allclose(jacobian(watched), SQUARED)
    assert watched.seen() == [8, *SWEEP]
    jacobian(watched)
    assert watched.seen() == SWEEP


def test_what_is_decided_is_told() -> None:
    f = Watched()
    topics = []
    for _ in range(3):
        with explain() as log:
            jacobian(f)
        topics.append([(call.operation, note.topic) for call in log.calls for note in call.notes])
    assert ("batched_jacobian", "check") in topics[0]
    assert ("proof of copies", "copies") in topics[1]
    assert ("batched_jacobian", "copies") not in topics[1], "the proof is a part of its own"
    assert topics[2] == [("batched_jacobian", "formulation")]


def test_checking_always_checks_a_function_whose_copies_were_proved() -> None:
    mixes = False

    def f(x: Any) -> Any:
        return x * x + (x.sum() if mixes else 0.0)

    watched = Watched(f)
    for _ in range(3):
        jacobian(watched)
    watched.seen()
    jacobian(watched, check_batch="always")
    assert watched.seen() == CHECKED
    mixes = True
    with pytest.raises(BatchMixingError):
        jacobian(watched, check_batch="always")
