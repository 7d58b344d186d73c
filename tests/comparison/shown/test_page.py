"""The report as a page."""

from __future__ import annotations

import re
from pathlib import Path

from adhelpers import ComparisonReport
from adhelpers.comparison.results import Report, Result
from adhelpers.comparison.shown import page


def test_html_is_one_page_that_fetches_nothing(report: ComparisonReport, tmp_path: Path) -> None:
    html = report.to_html(tmp_path / "r.html")
    assert (tmp_path / "r.html").read_text(encoding="utf-8") == html
    assert not re.search(r"https?:|//|<script|<link|<img|url\(|@import|src=", html)
    assert "&lt;model&gt; *|&amp;" in html
    assert "<model>" not in html
    assert html.count("<table>") == html.count("</table>") >= 4
    assert "only derivatives on autograd differ" in html


def test_page_of_what_agrees_has_no_lists() -> None:
    html = page.html(Report("<T>", ("a",), (Result("f", "value", "a", "agrees"),)))
    assert "<title>&lt;T&gt;</title>" in html
    assert '<p class="good">1 of 1 results agree.</p>' in html
    assert "<h2>" not in html
