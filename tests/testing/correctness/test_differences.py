"""Derivatives by differences: right to the digits that they promise, and silent where they know nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from adhelpers.testing.correctness import differences


def of(f: Any, x: Any, t: Any) -> differences.Estimate:
    return differences.along(lambda leaves: (np.asarray(f(*leaves)),), (np.asarray(x),), (np.asarray(t),))


@pytest.mark.parametrize(
    ("f", "slope", "x"),
    [
        (np.sin, np.cos, [0.3, -2.0, 14.0]),
        (np.exp, np.exp, [0.0, 3.0, -5.0]),
        (lambda x: x**5, lambda x: 5 * x**4, [1.0, 0.0, -3.0]),
        (np.log, lambda x: 1 / x, [0.5, 0.9, 7.0]),
        (lambda z: z**2 * np.conj(z), None, [1.0 + 2.0j, -0.3j]),
    ],
)
def test_an_estimate_is_right_within_its_error(f: Any, slope: Any, x: Any) -> None:
    x = np.asarray(x)
    t = np.linspace(0.5, -2.0, x.size) * (1.0 + 0.5j if np.iscomplexobj(x) else 1.0)
    expected = slope(x) * t if slope else 2 * np.abs(x) ** 2 * t + x**2 * np.conj(t)
    estimate = of(f, x, t)
    assert np.all(np.abs(estimate.values[0] - expected) <= 10 * estimate.errors[0])
    assert np.all(estimate.errors[0] < 1e-7 * np.maximum(1.0, np.abs(expected)))
    assert estimate.judge((expected,)) == ""
    for wrong in (expected + 1e-4 * np.max(np.abs(expected)), np.full_like(expected, np.nan), expected[:1]):
        assert estimate.judge((wrong,)) not in ("", "?")


def test_of_the_wrong_entry_it_says_what_is_right() -> None:
    words = of(np.sin, [0.3, 0.0], [1.0, 2.0]).judge((np.array([np.cos(0.3), 0.5]),))
    assert words.startswith("result 0 at [1] is 0.5, but 2")
    assert of(np.sin, [0.3], [1.0]).judge((np.ones((1, 1)),)) == "result 0 has shape (1, 1), not (1,)"


def test_where_nothing_is_known_nothing_is_judged() -> None:
    staircase = of(lambda x: np.round(x, 3), [0.3004], [1.0])
    assert staircase.judge((np.zeros(1),)) == staircase.judge((np.ones(1),)) == "?"
    edge = of(np.sqrt, [0.0, 4.0], [1.0, 1.0])
    assert edge.judge((np.array([np.inf, 0.25]),)) == "?"
    assert edge.judge((np.array([np.inf, 0.5]),)) == "result 0 at [1] is 0.5, but 0.25 is right"
    assert edge.judge((np.array([np.inf, np.nan]),)) == "?"


def test_of_a_phase_that_turns_too_fast_nothing_is_known() -> None:
    """However far the steps go round."""
    assert of(lambda x: np.sin(1e7 * x), [1.0], [1.0]).judge((1e7 * np.cos([1e7]),)) == "?"
    assert of(np.sin, [1e6], [1.0]).judge((np.cos([1e6]),)) == ""


def test_rounding_of_large_values_is_part_of_the_error() -> None:
    estimate = of(lambda x: 1e12 + x**2, [3.0], [1.0])
    assert estimate.errors[0][0] > 1e-5
    assert abs(estimate.values[0][0] - 6.0) <= estimate.errors[0][0]


@pytest.mark.parametrize(
    ("f", "x", "expected"),
    [
        (np.abs, 0.0, True),
        (lambda x: np.maximum(x, 1.0), 1.0, True),
        (np.sign, 0.0, True),
        (np.sqrt, 0.0, True),
        (np.abs, 1.0, False),
        (lambda x: x**2, 0.0, False),
        (lambda x: x * np.abs(x), 0.0, False),
        (np.sin, 1.0, False),
    ],
)
def test_a_kink_is_told_from_a_bend(f: Any, x: float, expected: bool) -> None:
    with np.errstate(invalid="ignore"):
        found = differences.has_kink(lambda leaves: (np.asarray(f(leaves[0])),), (np.array([x]),), (np.array([1.0]),))
    assert found is expected


def test_a_small_entry_beside_a_large_one_is_judged_by_its_own_rounding() -> None:
    offsets = np.array([1e10, 0.0])
    beside = of(lambda x: offsets + x**2, [0.7, 1.3], [1.0, 0.1])
    assert beside.judge((np.array([1.4, 0.26]),)) == "?"  # of the first entry nothing is known
    assert beside.judge((np.array([1.4, 0.13]),)).startswith("result 0 at [1] is 0.13, but 0.26")


@pytest.mark.parametrize("seed", range(50))
def test_no_right_derivative_is_blamed_for_rounding(seed: int) -> None:
    random = np.random.default_rng(seed)
    scales = 10.0 ** random.uniform(-8, 8, (4, 1)) * 10.0 ** random.uniform(-3, 3, (1, 3))
    A = random.standard_normal((4, 3)) * scales
    x, t, offset = random.standard_normal(3), random.standard_normal(3), 10.0 ** random.uniform(-5, 12, 4)
    slope = A @ (np.cos(x) * t)
    assert of(lambda x: A @ np.sin(x) + offset, x, t).judge((slope,)) in ("", "?")
    assert of(lambda x: np.cumsum(A @ np.sin(x)), x, t).judge((np.cumsum(slope),)) in ("", "?")
