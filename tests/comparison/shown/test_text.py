"""The report as text."""

from __future__ import annotations

import re

import pytest
from comparing import X, cubic, quickly

from adhelpers import ComparisonReport


def test_text_names_the_place_and_shows_the_entries(report: ComparisonReport) -> None:
    text = str(report)
    assert re.search(r"batched_jacobian: \d+ of 12 entries on autograd differ, by .*; the worst is J\[[01], ", text)
    assert "The worst entries of jvp" in text
    assert "\x1b" not in text


def test_the_title_comes_first_and_the_verdict_last(report: ComparisonReport) -> None:
    first, *_, last = str(report).splitlines()
    assert first == "Comparison of <model> *|&/cubic at x of shape (2, 3), float64"
    assert last == "5 of 8 results agree. autograd differs in jvp, vjp and batched_jacobian."


def test_each_thing_is_said_once_and_in_one_word(report: ComparisonReport) -> None:
    text = str(report)
    bullets = [line for line in text.splitlines() if line.startswith("* ")]
    assert len(bullets) == len({*bullets})
    assert text.count("only derivatives on autograd differ") == 1
    assert text.count(report.title) == 1
    assert not re.search(r"\b(apart|parts?|deviates)\b", text)


def test_what_is_printed_is_the_text(report: ComparisonReport, capsys: pytest.CaptureFixture[str]) -> None:
    report.show()
    assert capsys.readouterr().out == f"{report}\n"


def test_what_agrees_has_no_reasons() -> None:
    text = str(quickly(cubic, X))
    assert "What does not agree" not in text
    assert text.endswith("\n\n8 of 8 results agree.")
