"""Results, pairs and findings: each difference is named with its place.

What must be reported follows from how the functions were made to differ, with derivatives worked out by hand.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from comparing import KINK, PAIR, TREE, X, cubic, magnitude, ports, quickly, relu, result, statuses, tree_model

import adhelpers
from adhelpers.comparison.diagnosis.findings import Findings, exact
from adhelpers.comparison.judgement import Candidate, Scale
from adhelpers.comparison.participants import Outcome, Participant
from adhelpers.comparison.task import Task, Timed


def test_wrong_value_is_named_with_its_place() -> None:
    report = quickly(ports(lambda x: cubic(x) + np.eye(2, 3, 1)), X)
    assert not report.agree
    wrong = result(report, "value", "autograd")
    assert wrong.status == "differs"
    assert wrong.deviation is not None
    assert wrong.deviation.place in ("f(x)[0, 1]", "f(x)[1, 2]")
    assert wrong.deviation.max_abs == pytest.approx(1.0)
    assert wrong.deviation.differing == 2
    assert set(statuses(report, "finite-difference").values()) == {"agrees"}
    assert statuses(report, "autograd") == {
        "value": "differs",
        "jvp": "agrees",
        "vjp": "agrees",
        "batched_jacobian": "agrees",
    }
    (finding,) = report.findings
    assert ("f(x)[0, 1]", "0", "-1") in finding.entries  # (-1)**3 + 1, beside what is right


def test_one_wrong_element_of_a_nested_leaf_is_named() -> None:
    def wrong(x: Any) -> Any:
        y = tree_model(x)
        mask = np.zeros((2, 3))
        mask[1, 2] = 1e-2
        y["layers"][1] = y["layers"][1] + mask * x["w"]
        return y

    report = quickly(ports(wrong, tree_model), TREE)
    for operation, place in (("value", "f(x)['layers'][1][1, 2]"), ("jvp", "f(x)['layers'][1][1, 2]")):
        found = result(report, operation, "autograd")
        assert found.status == "differs"
        assert found.deviation is not None
        assert (found.deviation.place, found.deviation.differing) == (place, 1)
    pulled = result(report, "vjp", "autograd")
    assert pulled.deviation is not None
    assert pulled.deviation.place == "x['w'][1, 2]"


def test_pairs_hold_every_two_backends() -> None:
    report = quickly(ports(lambda x: 1.5 * cubic(x)), X)
    pair = next(p for p in report.pairs if p.operation == "value")
    assert (pair.first, pair.second, pair.agree) == (*PAIR, False)
    assert pair.deviation.max_abs == pytest.approx(4.0)  # half of 2**3
    assert pair.deviation.max_rel == pytest.approx(1 / 3)


def test_tolerances_are_stated() -> None:
    notes = "\n".join(quickly(cubic, X).notes)
    assert "reference: finite-difference" in notes
    assert re.search(r"jvp: tolerance to finite-difference rtol \d.*atol \d", notes)
    assert "rounding x changes it by" in notes


def test_nans_at_the_same_places_agree() -> None:
    def f(x: Any) -> Any:
        return x * np.array([1.0, np.nan, 1.0])

    report = quickly(f, X)
    assert report.agree
    assert any("value: 2 entries are NaN at the same places" in note for note in report.notes)


def test_reference_at_a_kink_blames_nobody() -> None:
    report = quickly(relu, KINK)
    assert report.agree
    assert {f.operation for f in report.findings} == {"jvp", "vjp", "batched_jacobian"}
    assert all("x lies at a kink" in finding.words[0] for finding in report.findings)


@pytest.mark.parametrize("framework", ["jax"])
def test_conventions_at_a_kink_are_no_error_of_one_framework(framework: str) -> None:
    pytest.importorskip(framework)
    report = quickly(magnitude, KINK, backends=["autograd", framework])
    assert not report.agree
    for operation in ("jvp", "vjp", "batched_jacobian"):
        assert {r.status for r in report.results if r.operation == operation} == {"kink"}
    assert not [r for r in report.results if r.status == "differs"]
    assert "x lies at a kink, where f has no derivative: one-sided differences disagree" in str(report)


def test_backends_with_the_same_wrong_result_are_named_together() -> None:
    """Two are wrong in one way, and one in another: a line for each way, about the worst of it."""
    wrong = (("one", 2.0), ("two", 2.0), ("three", 3.0), ("four", 1.0))
    candidates = [Candidate(label, {"f(x)": np.array([number])}, exact) for label, number in wrong]
    timed = {c.label: Timed(Outcome(c.leaves, None)) for c in candidates}  # type: ignore[arg-type]
    backend = adhelpers.backend("finite-difference")
    found = Findings(Task("f", tuple(Participant(c.label, backend, np.sin) for c in candidates), np.ones(1)))
    standard = Candidate("the truth", {"f(x)": np.array([1.0])}, exact)
    found.add("value", timed, standard, Scale(), lambda: None)
    (finding,) = found.findings
    assert [words for words in finding.words if "times" in words] == [
        "the result on one and two is 2 times that of the truth",
        "the result on three is 3 times that of the truth",
    ]
