"""The report as text: plain, on a terminal, and as Markdown."""

from __future__ import annotations

import sys
from collections.abc import Callable

from adhelpers.comparison.results import Report
from adhelpers.comparison.shown import parts, tables
from adhelpers.comparison.shown.tables import Table


def text(report: Report) -> str:
    """Plain text."""
    told: list[str] = []
    _tell(report, lambda table: told.append(table.plain()), told.append)
    return "\n\n".join(told)


def show(report: Report) -> None:
    """Print it, in colour where that is possible."""
    first = True

    def paragraph(words: str) -> None:
        nonlocal first
        sys.stdout.write(("" if first else "\n") + words + "\n")
        first = False

    def table(one: Table) -> None:
        nonlocal first
        if not first:
            sys.stdout.write("\n")
        tables.show(one)
        first = False

    _tell(report, table, paragraph)


def _tell(report: Report, table: Callable[[Table], None], paragraph: Callable[[str], None]) -> None:
    """The report from its beginning to its end; where all is well the overview says it, and Markdown has the rest."""
    for one in [parts.overview(report)] if report.agree else parts.all_tables(report):
        table(one)
    lines = [*parts.remarks(report), *parts.reasons(report)]
    if lines:
        paragraph("\n".join(f"* {line}" for line in lines))
    for finding in report.findings:
        if finding.entries:
            table(parts.worst(finding))
    if report.notes:
        paragraph("\n".join(f"* {note}" for note in report.notes))
    paragraph(parts.conclusion(report))


def markdown(report: Report) -> str:
    """Markdown, with pipes for tables."""
    first, *others = parts.all_tables(report)
    told = [f"## {report.title}", f"**{parts.conclusion(report)}**", first.markdown(), *map(_section, others)]
    lines = [*parts.remarks(report), *parts.reasons(report)]
    if lines:
        told.append("### What disagrees\n\n" + "\n".join(f"* {tables.escaped(line)}" for line in lines))
    told += [_section(table) for table in map(parts.worst, report.findings) if table.rows]
    if report.notes:
        told.append("### Notes\n\n" + "\n".join(f"* {tables.escaped(note)}" for note in report.notes))
    return "\n\n".join(told) + "\n"


def _section(table: Table) -> str:
    return f"### {table.title}\n\n{table.markdown()}"
