"""Which way to a batched Jacobian is taken, call by call."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from batches import Backend, every_mode, first

from adhelpers import (
    BatchAxisError,
    BatchMixingError,
    array_namespace,
    batched_jacobian,
)
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
    assert counts == [2, 3 if copies else 1, 1, 1]


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
