"""Why results disagree: what the report says of faults that were made on purpose."""

from __future__ import annotations

import numpy as np
import pytest
from comparing import X, cubic, ports, quickly, result, statuses, stopped

from adhelpers.comparison.diagnosis import differences


def test_wrong_derivative_alone_is_said_to_be_that() -> None:
    report = quickly(ports(lambda x: x**2 * stopped(x)), X)
    assert statuses(report, "autograd") == {
        "value": "agrees",
        "jvp": "differs",
        "vjp": "differs",
        "batched_jacobian": "differs",
    }
    assert all("the values of f agree; only derivatives on autograd differ" in f.words for f in report.findings)
    jacobian = result(report, "batched_jacobian", "autograd").deviation
    assert jacobian is not None
    assert jacobian.max_abs == pytest.approx(4.0, rel=1e-4)  # 2 x**2 instead of 3 x**2, at x = 2


def test_stopped_gradient_gives_zeros() -> None:
    report = quickly(ports(lambda x: cubic(stopped(x)) + 0.0 * x), X)
    assert any("is zero, as if a gradient was stopped" in words for f in report.findings for words in f.words)


def test_complex_conjugate_is_recognised() -> None:
    z = X + 1j * X[::-1]
    report = quickly(ports(lambda x: np.conj(x) ** 2, lambda x: x**2), z)
    assert statuses(report, "autograd")["value"] == "differs"
    assert any("is the complex conjugate of that of" in words for words in report.findings[0].words)


@pytest.mark.parametrize(("factor", "words"), [(-1.0, "is the negative of that of"), (2.0, "is 2 times that of")])
def test_simple_factors_are_recognised(factor: float, words: str) -> None:
    report = quickly(ports(lambda x: factor * cubic(x)), X)
    assert all(any(words in sentence for sentence in finding.words) for finding in report.findings)


def test_user_tolerance_that_is_too_tight_is_said_to_be_rounding() -> None:
    x = np.random.default_rng(0).standard_normal(100)
    report = quickly(ports(lambda x: (x * 1.1) * x * x, lambda x: 1.1 * (x * x * x)), x, rtol=0.0, atol=0.0)
    assert result(report, "value", "autograd").status == "differs"
    assert any("has the size of rounding" in words for words in report.findings[0].words)
    assert quickly(ports(lambda x: (x * 1.1) * x * x, lambda x: 1.1 * (x * x * x)), x).agree


def test_single_precision_in_double_is_suspected() -> None:
    report = quickly(ports(lambda x: float(np.float32(0.1)) * x, lambda x: 0.1 * x), X)
    assert not report.agree
    assert any("rounding in single precision" in words for words in report.findings[0].words)


def test_worst_entries_stand_side_by_side_in_full_precision() -> None:
    double, single = {"y": np.array([0.1, 2.0])}, {"y": np.array([0.1], np.float32)}
    rows = differences.entries([("y", (0,)), ("y", (1,)), ("z", ())], [double, single])
    assert rows == (
        ("y[0]", "0.10000000000000001", "0.100000001"),
        ("y[1]", "2", "-"),
        ("z", "-", "-"),
    )
