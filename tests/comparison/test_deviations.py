"""How far results are apart, in numbers worked out by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
from comparing import X, cubic, ports, quickly, result

from adhelpers.comparison.deviations import (
    BLOCK,
    IncomparableError,
    Tolerance,
    epsilon,
    is_finite,
    largest,
    measure,
    require_comparable,
)


def test_deviation_is_zero_where_results_are_the_same() -> None:
    deviation = result(quickly(cubic, X), "value", "autograd").deviation
    assert deviation is not None
    assert (deviation.max_abs, deviation.max_rel, deviation.max_ulp, deviation.differing) == (0.0, 0.0, 0.0, 0)


def test_units_in_the_last_place_are_counted() -> None:
    for dtype in (np.float32, np.float64):
        a = np.array([1.0, 3.0, 1e-3], dtype)
        b = np.nextafter(np.nextafter(a, np.inf, dtype=dtype), np.inf, dtype=dtype)
        deviation = measure({"y": a}, {"y": b}, Tolerance({"y": 0.0}, {"y": 0.0})).deviation
        assert deviation.max_ulp == pytest.approx(2.0)
        assert deviation.differing == 3


def test_worst_place_is_found_beyond_the_first_block() -> None:
    a = np.ones((3, BLOCK // 2, 2))
    b = a.copy()
    b[2, 17, 1] += 1e-3
    b[1, 3, 0] += 1e-4
    seen = measure(
        {"p": np.zeros(0), "q": a}, {"p": np.zeros(0), "q": b}, Tolerance({"p": 1e-6, "q": 1e-6}, {"p": 0.0, "q": 0.0})
    )
    assert seen.places == (("q", (2, 17, 1)), ("q", (1, 3, 0)))
    assert (seen.deviation.path, seen.deviation.index, seen.deviation.differing) == ("q", (2, 17, 1), 2)


def test_result_of_another_shape_or_structure_differs() -> None:
    for wrong, words in (
        (lambda x: cubic(x)[:1], "has shape (1, 3)"),
        (lambda x: [cubic(x)], "has the leaves f(x)[0]"),
    ):
        found = result(quickly(ports(wrong), X), "value", "autograd")
        assert found.status == "differs"
        assert found.error is not None
        assert words in found.error


def test_nan_in_one_place_alone_differs() -> None:
    report = quickly(ports(lambda x: cubic(x) * np.array([[1.0, 1.0, np.nan], [1.0] * 3])), X)
    wrong = result(report, "value", "autograd")
    assert wrong.status == "differs"
    assert wrong.deviation is not None
    assert (wrong.deviation.place, wrong.deviation.max_abs) == ("f(x)[0, 2]", np.inf)
    json.loads(report.to_json(), parse_constant=pytest.fail)  # it is strict JSON


def test_results_whose_entries_do_not_correspond_are_refused() -> None:
    a = {"y": np.ones(2)}
    with pytest.raises(IncomparableError, match=r"^y has shape \(2,\), but \(3,\) on jax$"):
        require_comparable(a, {"y": np.ones(3)}, "jax")
    with pytest.raises(IncomparableError, match="^has the leaves y, but jax has none$"):
        require_comparable(a, {}, "jax")


def test_sizes_are_of_finite_entries() -> None:
    assert largest(np.array([1.0, -3.0, np.nan, np.inf])) == 3.0
    assert largest(np.array([3.0 + 4.0j])) == 5.0
    assert largest(np.zeros(0)) == 0.0
    assert is_finite(np.ones(2 * BLOCK))
    assert not is_finite(np.append(np.ones(2 * BLOCK), np.nan))


def test_epsilon_is_that_of_the_dtype() -> None:
    assert epsilon(np.dtype(np.float32)) == 2.0**-23
    assert epsilon(np.dtype(np.complex128)) == 2.0**-52
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    assert epsilon(np.dtype(bfloat16)) == 2.0**-7
