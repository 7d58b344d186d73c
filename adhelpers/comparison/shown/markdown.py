"""The report as Markdown, for a pull request: the verdict and what does not agree, with the numbers folded."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from adhelpers.comparison.results import Report
from adhelpers.comparison.shown import parts, words
from adhelpers.comparison.shown.tables import Table, escaped


def markdown(report: Report) -> str:
    """The whole report."""
    told = [f"## {escaped(report.title)}", f"**{escaped(words.verdict(report))}**"]
    lines = words.explanations(report)
    if lines:
        told.append(_list(lines))
    first, *others = parts.summary(report)
    told.append(_section(first))
    told += _folded("The worst entries", parts.worst_entries(report))
    told += _folded("Times", others)
    told += _folded("Each result, and each two backends", parts.in_detail(report))
    notes = [*report.notes, *words.legend(report)]
    if notes:
        told.append(_fold("Notes", _list(notes)))
    return "\n\n".join(told) + "\n"


def _section(table: Table) -> str:
    return f"{escaped(table.title)}:\n\n{table.markdown()}"


def _folded(title: str, tables: Sequence[Table]) -> list[str]:
    return [_fold(title, "\n\n".join(map(_section, tables)))] if tables else []


def _fold(title: str, content: str) -> str:
    return f"<details>\n<summary>{escape(title)}</summary>\n\n{content}\n\n</details>"


def _list(lines: Sequence[str]) -> str:
    return "\n".join(f"* {escaped(line)}" for line in lines)
