"""The report as a page."""

from __future__ import annotations

import re
from pathlib import Path

from adhelpers import ComparisonReport
from adhelpers.comparison.results import Finding, Report, Result
from adhelpers.comparison.shown import page


def test_html_is_one_page_that_fetches_nothing(report: ComparisonReport, tmp_path: Path) -> None:
    html = report.to_html(tmp_path / "r.html")
    assert (tmp_path / "r.html").read_text(encoding="utf-8") == html
    assert not re.search(r"https?:|//|<script|<link|<img|url\(|@import|src=", html)
    assert "&lt;model&gt; *|&amp;" in html
    assert "<model>" not in html
    assert html.count("<table>") == html.count("</table>") >= 4


def test_the_verdict_comes_first_then_what_does_not_agree_then_tables(report: ComparisonReport) -> None:
    html = report.to_html()
    order = [
        "<h1>",
        '<p class="verdict bad">5 of 8 results agree.',
        "<h2>What does not agree",
        "The worst entries of jvp",
        "Largest relative deviation",
        "Time of one call",
        "<details>",
        "Each result",
        "<h2>Notes",
    ]
    places = [html.index(part) for part in order]
    assert places == sorted(places)


def test_the_page_has_one_title(report: ComparisonReport) -> None:
    assert report.to_html().count("Comparison of") == 2  # in the head for the browser, and in the heading


def test_no_column_is_empty_and_times_have_their_own(report: ComparisonReport) -> None:
    for table in re.findall(r"<table>.*?</table>", report.to_html(), flags=re.DOTALL):
        head, *rows = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in re.findall(r"<tr>.*?</tr>", table)]
        for i, name in enumerate(head):
            assert name
            assert any(row[i] for row in rows)
        assert not [cell for row in rows for cell in row if re.search(r"\de[-+]\d.* [µm]?s$", cell)]


def test_many_tables_of_worst_entries_are_folded_away() -> None:
    result, entries = Result("f", "jvp", "a", "differs", "b"), (("f(x)", "1", "2"),)
    findings = [Finding("f", f"operation {i}", ("no",), ("a", "b"), entries) for i in range(page.MOST_OPEN + 1)]
    few, many = (page.html(Report("T", ("a", "b"), (result,), (), tuple(found))) for found in (findings[1:], findings))
    assert "<summary>The worst entries</summary>" in many
    assert "<summary>The worst entries</summary>" not in few


def test_page_of_what_agrees_has_no_lists() -> None:
    html = page.html(Report("<T>", ("a",), (Result("f", "value", "a", "agrees"),)))
    assert "<title>&lt;T&gt;</title>" in html
    assert '<p class="verdict good">1 of 1 results agree.</p>' in html
    assert "<h2>" not in html
