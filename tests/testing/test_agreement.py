"""Agreement of backends, pinned in a test."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from comparing import PAIR, X, cubic, ports, stopped

import adhelpers
from adhelpers import ComparisonReport
from adhelpers.testing import assert_backends_agree
from adhelpers_plugins.finite_difference import FiniteDifferenceBackend


def test_agreement_is_asserted() -> None:
    assert isinstance(assert_backends_agree(cubic, X, backends=PAIR), ComparisonReport)
    with pytest.raises(AssertionError, match=r"the backends do not agree\n\nComparison of <lambda>/cubic") as raised:
        assert_backends_agree(ports(lambda x: x**2 * stopped(x)), X)
    assert "only derivatives on autograd differ" in str(raised.value)


# -- with NumPy alone ----------------------------------------------------------------------------------------

POINT = np.array([[0.5, 1.5, -2.0], [1.0, 0.25, 3.0]])


class Doubling(FiniteDifferenceBackend):
    """A factor of two."""

    name = "doubling"

    def jvp(self, f: Any, x: Any, u: Any) -> Any:
        outputs, tangents, aux = super().jvp(f, x, u)
        return outputs, tuple(2.0 * tangent for tangent in tangents), aux


def sine(x: Any) -> Any:
    return adhelpers.array_namespace(x).sin(x)


def test_agreement_gives_the_report() -> None:
    backends = ["finite-difference", FiniteDifferenceBackend(order=4)]
    report = assert_backends_agree(sine, POINT, backends=backends, operations=["jvp"])
    assert isinstance(report, ComparisonReport)
    assert report.agree


def test_a_backend_alone_does_not_agree() -> None:
    """A test that compares a reference with itself would pass whatever `f` is."""
    with pytest.raises(AssertionError, match="Nothing was compared: finite-difference is alone"):
        assert_backends_agree(sine, POINT, backends=["finite-difference"], operations=["jvp"])


def test_a_difference_is_an_assertion_error_with_the_report() -> None:
    backends = [FiniteDifferenceBackend(order=4), Doubling()]
    with pytest.raises(AssertionError, match="^the backends do not agree\n\n") as raised:
        assert_backends_agree(sine, POINT, backends=backends, operations=["jvp"])
    assert "doubling" in str(raised.value)


def test_tolerances_are_passed_on() -> None:
    assert_backends_agree(sine, POINT, backends=[Doubling()], operations=["jvp"], rtol=10.0, atol=10.0)
