"""The report as text, plain and on a terminal: it ends with the verdict, which is what a terminal shows last."""

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
    """Print it, in colour where that is possible."""
    for part in _all_but_verdict(report):
        if isinstance(part, Table):
            tables.show(part)
        else:
            sys.stdout.write(f"{part}\n")
        sys.stdout.write("\n")
    tables.show_line(words.verdict(report), good=report.agree)


def _all_but_verdict(report: Report) -> Iterator[Table | str]:
    """The report from its beginning to its end; what is more is in Markdown and HTML."""
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
