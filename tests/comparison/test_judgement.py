"""Who agrees with whom, and within which tolerance."""

from __future__ import annotations

import numpy as np
import pytest
from comparing import X, cubic, ports, quickly, result, statuses, stopped


@pytest.mark.parametrize("error", [1e-3, 1e-7, 1e-9])
def test_wrong_value_is_found_however_small_against_rounding(error: float) -> None:
    report = quickly(ports(lambda x: (1.0 + error) * cubic(x)), X)
    wrong = result(report, "value", "autograd")
    assert wrong.status == "differs"
    assert wrong.deviation is not None
    assert wrong.deviation.max_rel == pytest.approx(error, rel=1e-2)


def test_derivative_of_the_wrong_conjugation_is_recognised() -> None:
    """The values of abs(z)**2 are real in both; with the conjugate stopped the product with u is conj(z) u."""
    z = X + 1j * X[::-1]
    report = quickly(ports(lambda x: np.conj(stopped(x)) * x, lambda x: np.conj(x) * x), z, operations=["jvp", "vjp"])
    assert statuses(report, "autograd") == {"value": "agrees", "jvp": "differs", "vjp": "differs"}


def test_odd_one_out_of_three_is_named_where_differences_cannot_tell() -> None:
    pytest.importorskip("torch")
    pytest.importorskip("jax")
    wrong = {"jax": cubic, "autograd": lambda x: x**2 * stopped(x) * 1e-7 + cubic(x) * (1 - 1e-7), "torch": cubic}
    report = quickly(wrong, X, operations=["jvp"])
    assert result(report, "value", "autograd").status == "agrees"
    assert [r.backend for r in report.results if r.status == "differs"] == ["autograd"]
    assert result(report, "jvp", "autograd").against in ("jax", "torch")


def test_ill_conditioned_functions_have_wider_tolerances() -> None:
    """x**2 - 1 near 1, in two ways: the difference is rounding of x**2, a million times as large in what is left."""
    x = 1.0 + np.array([3.1e-10, 7.7e-10, 1.3e-9])
    report = quickly(ports(lambda x: x * x - 1.0, lambda x: (x - 1.0) * (x + 1.0)), x, operations=["jvp"])
    assert report.agree, str(report)
    deviation = result(report, "value", "autograd").deviation
    assert deviation is not None
    assert deviation.max_ulp > 1e5


def test_user_tolerance_may_be_wide() -> None:
    assert quickly(ports(lambda x: 1.001 * cubic(x)), X, rtol=1e-2).agree
