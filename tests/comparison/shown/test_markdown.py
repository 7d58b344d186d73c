"""The report as Markdown."""

from __future__ import annotations

import re
from pathlib import Path

from comparing import X, cubic, quickly

from adhelpers import ComparisonReport


def test_tables_have_one_width_each(report: ComparisonReport, tmp_path: Path) -> None:
    text = report.to_markdown(tmp_path / "r.md")
    assert (tmp_path / "r.md").read_text(encoding="utf-8") == text
    tables = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    assert len(tables) >= 4
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table}) == 1


def test_the_verdict_and_what_does_not_agree_come_first_and_the_rest_folds_away(report: ComparisonReport) -> None:
    text = report.to_markdown()
    shown, *folded = text.split("<details>")
    title, verdict, reasons, heading, table, *rest = shown.strip().split("\n\n")
    assert title == r"## Comparison of \<model> \*|&/cubic at x of shape (2, 3), float64"
    assert verdict == r"**5 of 8 results agree. autograd differs in jvp, vjp and batched\_jacobian.**"
    assert reasons.startswith(r"* jvp, vjp and batched\_jacobian: the values of f agree; only derivatives on autograd")
    assert (heading, rest) == ("Largest relative deviation from finite-difference:", [])
    assert table.startswith("| operation | autograd | finite-difference |")
    titles = ["The worst entries", "Times", "Each result, and each two backends", "Notes"]
    assert [part.partition("<summary>")[2].partition("</summary>")[0] for part in folded] == titles
    assert text.count("</details>") == len(folded)


def test_a_report_fits_a_comment(report: ComparisonReport) -> None:
    assert len(report.to_markdown()) < 2**16 / 4  # what GitHub takes is 65,536 characters


def test_what_agrees_without_times_is_short() -> None:
    text = quickly(cubic, X).to_markdown()
    assert "The worst entries" not in text
    assert "Times" not in text
