"""The report as text. It ends with the verdict, because a terminal shows the end."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from adhelpers.comparison.results import Report
from adhelpers.comparison.shown import parts, tables, words
from adhelpers.comparison.shown.tables import Table


def text(report: Report) -> str:
    """Plain text."""
    told = [part.plain() if isinstance(part, Table) else part for part in _all_but_verdict(report)]
    return "\n\n".join([*told, words.verdict(report)])


def show(report: Report) -> None:
    """Print the report, in colour if possible."""
    for part in _all_but_verdict(report):
        if isinstance(part, Table):
            tables.show(part)
        else:
            sys.stdout.write(f"{part}\n")
        sys.stdout.write("\n")
    tables.show_line(words.verdict(report), good=report.agree)


def _all_but_verdict(report: Report) -> Iterator[Table | str]:
    """All parts of the report except the verdict; Markdown and HTML have more details."""
    yield report.title
    yield from parts.summary(report)
    lines = words.explanations(report)
    if lines:
        yield _list("What does not agree", lines)
    yield from parts.worst_entries(report)
    notes = [*report.notes, *words.legend(report)]
    if notes:
        yield _list("Notes", notes)


def _list(title: str, lines: list[str]) -> str:
    return "\n".join([title, "", *(f"* {line}" for line in lines)])
