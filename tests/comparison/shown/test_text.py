"""The report as text and as Markdown."""

from __future__ import annotations

import re

from adhelpers import ComparisonReport


def test_markdown_has_tables_of_one_width_each(report: ComparisonReport) -> None:
    text = report.to_markdown()
    tables = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    assert len(tables) >= 4
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table}) == 1
    assert "What disagrees" in text


def test_text_names_the_place_and_shows_the_entries(report: ComparisonReport) -> None:
    text = str(report)
    assert re.search(r"batched_jacobian on autograd: deviates by .* the worst entry is J\[[01], [01], [012]\]", text)
    assert "the worst entries" in text
    assert "5 of 8 results agree." in text
    assert "\x1b" not in text
