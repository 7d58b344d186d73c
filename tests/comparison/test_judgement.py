"""Who agrees with whom, and within which tolerance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from comparing import X, cubic, ports, quickly, result, statuses, stopped

from adhelpers import array_namespace
from adhelpers.comparison.judgement import Candidate, Scale, judge, pairwise


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


def candidate(label: str, *entries: float, dtype: type = np.float64) -> Candidate:
    return Candidate(label, {"y": np.array(entries, dtype)}, lambda epsilon: epsilon)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_tolerance_is_two_thirds_of_the_digits_and_some_roundings_of_the_largest_entry(dtype: type) -> None:
    a, b = candidate("a", 1.0, -8.0, dtype=dtype), candidate("b", 2.0, 8.0, dtype=dtype)
    tolerance, epsilon = Scale().tolerance(a.leaves, b.leaves, a.error, b.error), float(np.finfo(dtype).eps)
    assert tolerance.rtol == {"y": pytest.approx(epsilon ** (2 / 3))}
    assert tolerance.atol == {"y": pytest.approx(256 * epsilon * 8.0)}


def test_leaves_of_single_precision_excuse_nothing_in_those_of_double() -> None:
    def right(x: Any, error: float = 0.0) -> Any:
        return {"p": x["a"] ** 2, "q": x["b"] ** 2 * (1.0 + error)}

    x = {"a": X.astype(np.float32), "b": X}
    report = quickly(ports(lambda x: right(x, 3e-6), right), x, operations=["jvp"])
    found = result(report, "value", "autograd")
    assert found.status == "differs"
    assert found.deviation is not None
    assert found.deviation.path == "f(x)['q']"
    assert found.deviation.rtol == pytest.approx(2.0 ** (-52 * 2 / 3))
    assert found.deviation.max_rel == pytest.approx(3e-6, rel=1e-3)
    assert quickly(right, x, operations=["jvp", "vjp", "jacobian"]).agree


def test_wishes_hold_between_exact_results_and_not_below_what_differences_can_tell() -> None:
    a, wish = candidate("a", 1.0), Scale(rtol=1e-14, atol=0.0)
    exact = wish.tolerance(a.leaves, a.leaves, a.error)
    assert (exact.rtol, exact.atol) == ({"y": 1e-14}, {"y": 0.0})
    differences = wish.tolerance(a.leaves, a.leaves, a.error, lambda epsilon: epsilon ** (2 / 3))
    assert differences.rtol == {"y": pytest.approx(2.0 ** (-52 / 3))}


def judged(*candidates: Candidate, reference: Candidate | None = None) -> dict[str, str]:
    scale = Scale(rtol=1e-3, atol=0.0)
    verdicts = judge(candidates, reference, pairwise(candidates, scale), scale)
    return {label: verdict.status for label, verdict in verdicts.items()}


def test_majority_decides_among_exact_results() -> None:
    right, same, wrong = candidate("right", 1.0), candidate("same", 1.0), candidate("wrong", 1.1)
    assert judged(right, same, wrong) == {"right": "agrees", "same": "agrees", "wrong": "differs"}
    assert judged(right, wrong) == {"right": "differs", "wrong": "differs"}
    assert judged(right, wrong, reference=same) == {"right": "agrees", "wrong": "differs"}


def test_results_of_other_structures_are_told_why() -> None:
    one, two = candidate("one", 1.0), candidate("two", 1.0, 2.0)
    assert pairwise([one, two], Scale()) == {("one", "two"): "y has shape (1,), but (2,) on two"}
    verdict = judge([two], one, {}, Scale())["two"]
    assert (verdict.status, verdict.error) == ("differs", "the result y has shape (2,), but (1,) on one")


def test_what_is_alone_is_unchecked() -> None:
    one, two = candidate("one", 1.0), candidate("two", 1.0)
    assert judged(one) == {"one": "unchecked"}
    assert judged(one, reference=one) == {"one": "unchecked"}  # it would be compared with itself
    assert judged(one, reference=two) == {"one": "agrees"}
    assert judged(one, two) == {"one": "agrees", "two": "agrees"}


def test_differences_are_held_to_others_where_there_is_no_reference() -> None:
    differences = Candidate("differences", {"y": np.array([2.0])}, lambda epsilon: epsilon ** (2 / 3))
    assert judged(candidate("exact", 1.0), differences) == {"exact": "differs", "differences": "differs"}
    near = Candidate("differences", {"y": np.array([1.0 + 1e-9])}, lambda epsilon: epsilon ** (2 / 3))
    assert judged(candidate("exact", 1.0), near) == {"exact": "agrees", "differences": "agrees"}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_wrong_hessian_under_a_large_function_does_not_agree(dtype: type) -> None:
    """The Hessian of 5 + sum(x**2) is 2, and a wrong one 4."""
    x = X.astype(dtype)
    wrong = lambda x: 5.0 + (2.0 * x * x - stopped(x * x)).sum()  # noqa: E731
    report = quickly({"autograd": wrong}, x, operations=["hessian"])
    assert report.results[-1].status == "differs"


def test_what_differences_cannot_tell_from_zero_is_unchecked() -> None:
    """Differences of 1e7 + sum(x**2) know its Hessian to some tens."""
    pytest.importorskip("autograd")
    large = lambda x: 1e7 + (x * x).sum()  # noqa: E731
    alone = quickly({"autograd": large}, X, operations=["hessian"])
    assert statuses(alone, "autograd")["hessian"] == "unchecked"
    flat = quickly({"autograd": lambda x: 1e7 + x.sum()}, X, operations=["hessian"])
    assert statuses(flat, "autograd")["hessian"] == "agrees"


def test_a_product_that_differences_lack_is_unchecked() -> None:
    """One infinite entry of the logarithm makes all entries of its pulled cotangent NaN by differences."""

    def log(x: Any, factor: float = 1.0) -> Any:
        found = array_namespace(x).log(x)
        return found + (factor - 1.0) * np.array([0.0, 1.0]) * (x - stopped(x))

    x = np.array([0.0, 2.0])
    with np.errstate(all="ignore"):
        report = quickly({"autograd": lambda x: log(x, 7.0), "finite-difference": log}, x, operations=["vjp"])
    assert statuses(report, "autograd")["vjp"] == "unchecked"
    assert not [note for note in report.notes if note.startswith("vjp") and "at the same places" in note]
    assert any(note.startswith("vjp: ") and "could not be held to finite-difference" in note for note in report.notes)


def test_two_exact_results_vouch_for_one_another_where_differences_cannot() -> None:
    rough = Candidate("differences", {"y": np.array([0.5])}, lambda epsilon: epsilon**0.5)
    one, two, wrong = candidate("one", 2.0), candidate("two", 2.0), candidate("wrong", 2.2)
    scale = Scale(value_size=1e9)
    statuses = lambda *found: {  # noqa: E731
        label: verdict.status for label, verdict in judge(found, rough, pairwise(found, scale), scale).items()
    }
    assert statuses(one) == {"one": "unchecked"}
    assert statuses(one, two) == {"one": "agrees", "two": "agrees"}
    assert statuses(one, two, wrong) == {"one": "agrees", "two": "agrees", "wrong": "differs"}
    assert statuses(one, wrong) == {"one": "differs", "wrong": "differs"}


def test_a_report_that_compared_nothing_does_not_agree() -> None:
    alone = quickly(cubic, X, backends=["finite-difference"])
    assert {r.status for r in alone.results} == {"unchecked"}
    assert not alone.agree
    one = quickly({"autograd": cubic}, X)  # its value is the only one; its derivatives are held to differences
    assert statuses(one, "autograd")["value"] == "unchecked"
    assert statuses(one, "autograd")["jvp"] == "agrees"
    assert one.agree
