"""What is asked for, and what came of one evaluation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from adhelpers import AdhelpersError, ArgumentError, ArgumentTypeError, UnsupportedOperationError
from adhelpers.comparison.task import Failure, Settings


def test_missing_rules_are_unsupported() -> None:
    autograd = pytest.importorskip("autograd")
    from comparing import X, ports, quickly, statuses

    @autograd.extend.primitive
    def opaque(x: Any) -> Any:
        return x**3

    report = quickly(ports(opaque), X)
    assert statuses(report, "autograd") == {
        "value": "agrees",
        "jvp": "unsupported",
        "vjp": "unsupported",
        "batched_jacobian": "unsupported",
    }


def test_failures_are_told_by_their_type() -> None:
    unsupported = Failure.of(UnsupportedOperationError("no rule for it"))
    assert (unsupported.status, unsupported.words) == ("unsupported", "no rule for it")
    failed = Failure.of(ZeroDivisionError("division by zero"))
    assert (failed.status, failed.words) == ("failed", "ZeroDivisionError: division by zero")


@pytest.mark.parametrize(
    ("operations", "asked"),
    [
        (None, ("jvp", "vjp", "batched_jacobian")),
        ("vjp", ("vjp",)),
        (["value", "jvp"], ("value", "jvp")),
        (["hessian", "jacobian_vector_product", "jvp"], ("hessian", "jvp")),
    ],
)
def test_operations_that_are_asked_for(operations: Any, asked: tuple[str, ...]) -> None:
    assert Settings(operations).asked == asked


def test_options_may_be_numbers_of_numpy() -> None:
    Settings(None, np.int64(0), np.float32(1e-3), np.float64(0.0), seed=np.int64(3))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        (
            {"operations": 3},
            ArgumentTypeError,
            "jacobian, laplacian, second_derivative, but 3 was given",
        ),
        ({"operations": "value_and_hessian"}, ArgumentError, "but value_and_hessian was given"),
        ({"operations": ()}, ArgumentError, "but none was given"),
        ({"operations": [["jvp"]]}, ArgumentError, "but ['jvp'] was given"),
        ({"rtol": np.array([1.0, 2.0])}, ArgumentTypeError, "rtol is array([1., 2.]), but must be a number from 0"),
        ({"batch_axis": np.array([0, 1])}, ArgumentError, "batch_axis is array([0, 1]); write -1 for the batch last"),
        ({"batch_axis": -1.0}, ArgumentError, "batch_axis is -1.0; write -1 for the batch last"),
        ({"batch_axis": True}, ArgumentError, "batch_axis is True; write -1 for the batch last, or 0"),
        ({"atol": float("nan")}, ArgumentError, "atol is nan, but must be a number from 0 upwards, or None"),
        ({"rtol": "small"}, ArgumentTypeError, "rtol is 'small', but must be a number from 0 upwards, or None"),
        ({"seed": -1}, ArgumentError, "seed is -1, but must be an integer from 0 upwards"),
        ({"seed": 0.5}, ArgumentTypeError, "seed is 0.5, but must be an integer from 0 upwards"),
    ],
)
def test_options_that_cannot_be_are_refused(options: Any, error: type[AdhelpersError], words: str) -> None:
    with pytest.raises(error) as raised:
        Settings(**options)
    assert words in str(raised.value)
