"""Derivatives by mpmath, against closed forms that it does not use."""

from __future__ import annotations

import math

import numpy as np
import pytest

from corpora import exact


def found(name: str) -> dict[tuple[str, float], tuple[float, float, float]]:
    """The value and both derivatives, by what a function is called with and its point."""
    points = exact.points(f"somewhere.{name}", lambda *given: given)
    return {(label, float(x[0])): (slopes(0), slopes(1), slopes(2)) for label, _, x, slopes in points}


ODD = np.arange(1.0, 14.0, 2.0)
PSI = -np.euler_gamma - 2.0 * math.log(2.0) + float(np.sum(2.0 / ODD))
TRIGAMMA = math.pi**2 / 2.0 - 4.0 * float(np.sum(1.0 / ODD**2))
"""Of 7.5 (Abramowitz & Stegun 1964, 6.3.4 and 6.4.4)."""


@pytest.mark.parametrize(
    ("name", "point", "expected"),
    [
        ("sin", 1.4, (math.sin(1.4), math.cos(1.4), -math.sin(1.4))),
        ("expit", 0.0, (0.5, 0.25, 0.0)),
        ("gammaln", 7.5, (math.lgamma(7.5), PSI, TRIGAMMA)),
        ("i0", 0.0, (1.0, 0.0, 0.5)),
        ("i1", 0.0, (0.0, 0.5, 0.0)),
        (
            "erf",
            0.3,
            (math.erf(0.3), 2 / math.sqrt(math.pi) * math.exp(-0.09), -1.2 / math.sqrt(math.pi) * math.exp(-0.09)),
        ),
    ],
)
def test_they_are_those_of_the_function(name: str, point: float, expected: tuple[float, float, float]) -> None:
    np.testing.assert_allclose(found(name)["x", point], expected, rtol=1e-12, atol=1e-15)


def test_a_parameter_is_kept() -> None:
    value, slope, curvature = found("xlogy")["0.7, x", 1.4]
    np.testing.assert_allclose((value, slope, curvature), (0.7 * math.log(1.4), 0.5, -0.7 / 1.96), rtol=1e-12)
    assert {label for label, _ in found("polygamma")} == {"1, x", "3, x"}


def test_only_where_there_are_real_derivatives() -> None:
    assert min(x for _, x in found("log")) > 0.0
    assert 0.0 not in {x for _, x in found("i0e")}  # a kink
    assert {x for _, x in found("erfinv")} == {-0.7, -0.05, 0.0, 1e-5, 0.05, 0.3, 0.7, 0.95}
    assert found("no_such_function") == {}
