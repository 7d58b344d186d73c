"""The report as a page."""

from __future__ import annotations

import re
from pathlib import Path

from adhelpers import ComparisonReport


def test_html_is_one_page_that_fetches_nothing(report: ComparisonReport, tmp_path: Path) -> None:
    page = report.to_html(tmp_path / "r.html")
    assert (tmp_path / "r.html").read_text(encoding="utf-8") == page
    assert not re.search(r"https?:|//|<script|<link|<img|url\(|@import|src=", page)
    assert "&lt;model&gt; *|&amp;" in page
    assert "<model>" not in page
    assert page.count("<table>") == page.count("</table>") >= 4
    assert "only derivatives on autograd differ" in page
