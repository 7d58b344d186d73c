"""What a report says in words."""

from __future__ import annotations

from typing import get_args

import pytest

from adhelpers.comparison.results import Finding, Report, Result, Status
from adhelpers.comparison.shown import words


def report(*statuses: str, **more: object) -> Report:
    """One operation for each status, on backends in turn."""
    names = ("jvp", "vjp", "jacobian", "hessian", "gradient", "laplacian")
    results = [Result("f", names[i], "ab"[i % 2], status) for i, status in enumerate(statuses)]  # type: ignore[arg-type]
    return Report("T", ("a", "b"), tuple(results), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("statuses", "verdict"),
    [
        (["agrees", "agrees"], "2 of 2 results agree."),
        (["differs", "agrees", "differs"], "1 of 3 results agree. a differs in jvp and jacobian."),
        (["failed", "unsupported"], "0 of 2 results agree. a fails in jvp. b lacks a rule in vjp."),
        (["agrees", "unchecked"], "1 of 2 results agree. b has nothing precise enough to be compared with in vjp."),
        (["kink", "agrees"], "1 of 2 results agree. a is at a kink of f in jvp."),
        (["unchecked", "unchecked"], "Nothing was compared: at least two backends must give a result."),
        ([], "Nothing was compared: at least two backends must give a result."),
        (
            ["differs", "failed", "kink", "agrees", "agrees", "failed"],
            "2 of 6 results agree. a differs in jvp. b fails in vjp and laplacian. a is at a kink of f in jacobian.",
        ),
    ],
)
def test_verdict_says_who_does_not_agree_and_where(statuses: list[str], verdict: str) -> None:
    assert words.verdict(report(*statuses)) == verdict


def test_backends_that_do_the_same_are_named_together() -> None:
    results = [Result("f", name, backend, "differs") for name in ("jvp", "vjp") for backend in "abc"]
    agreeing = Result("f", "value", "a", "agrees")
    together = words.verdict(Report("T", ("a", "b", "c"), (agreeing, *results)))
    assert together == "1 of 7 results agree. a, b and c differ in jvp and vjp."


def test_verdict_of_one_backend_says_what_to_do() -> None:
    alone = Report("T", ("a",), (Result("f", "jvp", "a", "unchecked"),))
    assert words.verdict(alone) == "Nothing was compared: a is alone; name or install a second backend."


def test_verdict_of_many_phrases_counts() -> None:
    counted = words.verdict(report("differs", "failed", "kink", "kink", "failed", "agrees"))
    assert counted == "1 of 6 results agree. 1 differs, 2 fail and 2 are at a kink of f."


def test_every_status_has_its_words() -> None:
    assert words.VERBS.keys() == {*get_args(Status)} - {"agrees"}


def test_each_thing_is_said_once() -> None:
    """What two operations share names both; what one backend raises that another does, too, names both."""
    results = [
        Result("f", operation, backend, "failed", error="RuntimeError: no")
        for operation in ("jvp", "vjp")
        for backend in "ab"
    ]
    findings = (
        Finding("f", "value", ("it is twice that of b", "2 entries differ")),
        Finding("f", "jvp", ("it is twice that of b", "on c it breaks")),
    )
    failed = Result("f", "jvp", "c", "differs", error="it breaks")
    made = Report("T", ("a", "b", "c"), (*results, failed), findings=findings)
    assert words.explanations(made) == [
        "jvp and vjp on a and b: RuntimeError: no",
        "jvp on c: it breaks",
        "value and jvp: it is twice that of b",
        "value: 2 entries differ",
    ]


def test_functions_are_named_where_there_are_several() -> None:
    made = Report("T", ("a",), (Result("f", "jvp", "a", "failed", error="no"), Result("g", "jvp", "a", "agrees")))
    assert words.explanations(made) == ["f, jvp on a: no"]


def test_times_are_explained_where_there_are_any() -> None:
    assert words.legend(report("agrees")) == []
    (sentence,) = words.legend(Report("T", ("a",), (Result("f", "jvp", "a", "agrees", seconds=1.0),)))
    assert "preparing is adhelpers.prepare" in sentence
