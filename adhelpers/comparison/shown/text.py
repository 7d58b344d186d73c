"""The report in words and tables: one list of tables for terminal, Markdown and HTML."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable

from adhelpers.comparison.report import ComparisonReport, Deviation, Finding, Result
from adhelpers.comparison.shown import tables
from adhelpers.comparison.shown.tables import Table

BAD = frozenset({"differs", "failed", "unsupported", "kink", "apart"})
"""How cells begin that are not as they should be."""
MOST_DETAILED = 60
"""Reports with more results are not shown one by one, unless they differ."""


def all_tables(report: ComparisonReport) -> list[Table]:
    """The overview, each result, each pair, and the worst entries side by side."""
    found = [overview(report)]
    if len(report.results) <= MOST_DETAILED:
        found.append(details(report.results))
        if report.pairs:
            found.append(pairs(report))
    return found


def overview(report: ComparisonReport) -> Table:
    """A row for each operation of each function, a column for each backend."""
    cells: dict[tuple[str, str], dict[str, str]] = {}
    for result in report.results:
        cells.setdefault((result.function, result.operation), {})[result.backend] = _summary(result)
    rows = [[*place, *(row.get(backend, "") for backend in report.backends)] for place, row in cells.items()]
    return Table(report.title, ["function", "operation", *report.backends], rows, BAD)


def details(results: Iterable[Result]) -> Table:
    """A row for each result."""
    headers = ["operation", "backend", "status", "against", "max abs", "max rel", "max ulp", "worst at"]
    headers += ["first call", "repeated"]
    rows = []
    for result in results:
        deviation = result.deviation
        row = [result.operation, result.backend, result.status, result.against or "", *_numbers(deviation)]
        rows.append([*row, deviation.place if deviation else "", *map(seconds, (result.first_seconds, result.seconds))])
    return Table("Each result", headers, rows, BAD)


def pairs(report: ComparisonReport) -> Table:
    """A row for each two backends in each operation."""
    headers = ["operation", "backends", "verdict", "max abs", "max rel", "max ulp", "worst at"]
    rows = [
        [
            pair.operation,
            f"{pair.first}, {pair.second}",
            "agree" if pair.agree else "apart",
            *_numbers(pair.deviation),
            pair.deviation.place,
        ]
        for pair in report.pairs
    ]
    return Table("Backends among one another", headers, rows, BAD)


def worst(finding: Finding) -> Table:
    """The worst entries side by side."""
    title = f"{finding.function}, {finding.operation}: the worst entries"
    return Table(title, ["place", *finding.backends], [list(row) for row in finding.entries], BAD)


def remarks(report: ComparisonReport) -> list[str]:
    """A line for each result that does not agree."""
    lines = []
    for result in report.results:
        place = f"{result.function}, {result.operation} on {result.backend}"
        deviation = result.deviation
        if result.status in ("agrees", "kink"):  # the reasons tell of kinks, which are nobody's fault
            continue
        if result.error is not None or deviation is None:
            lines.append(f"{place}: {result.error}")
        else:
            told = f"deviates by {deviation.max_rel:.1e}, more than {deviation.rtol:.1e}"
            lines.append(f"{place}: {told}, from {result.against}; the worst entry is {deviation.place}")
    return lines


def reasons(report: ComparisonReport) -> list[str]:
    """A line for each finding."""
    return [f"{f.function}, {f.operation}: {words}" for f in report.findings for words in f.words]


def conclusion(report: ComparisonReport) -> str:
    """How many results agree."""
    agree = sum(result.status == "agrees" for result in report.results)
    return f"{agree} of {len(report.results)} results agree."


def text(report: ComparisonReport) -> str:
    """Plain text."""
    parts: list[str] = []
    _tell(report, lambda table: parts.append(table.plain()), parts.append)
    return "\n\n".join(parts)


def show(report: ComparisonReport) -> None:
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


def _tell(report: ComparisonReport, table: Callable[[Table], None], paragraph: Callable[[str], None]) -> None:
    """The report from its beginning to its end; where all is well the overview says it, and Markdown has the rest."""
    for one in [overview(report)] if report.agree else all_tables(report):
        table(one)
    lines = [*remarks(report), *reasons(report)]
    if lines:
        paragraph("\n".join(f"* {line}" for line in lines))
    for finding in report.findings:
        if finding.entries:
            table(worst(finding))
    if report.notes:
        paragraph("\n".join(f"* {note}" for note in report.notes))
    paragraph(conclusion(report))


def markdown(report: ComparisonReport) -> str:
    """Markdown, with pipes for tables."""
    parts = [f"## {report.title}"]
    parts += [f"**{conclusion(report)}**"]
    first, *others = all_tables(report)
    parts += [first.markdown(), *map(_section, others)]
    lines = [*remarks(report), *reasons(report)]
    if lines:
        parts.append("### What disagrees\n\n" + "\n".join(f"* {tables.escaped(line)}" for line in lines))
    parts += [_section(table) for table in map(worst, report.findings) if table.rows]
    if report.notes:
        parts.append("### Notes\n\n" + "\n".join(f"* {tables.escaped(note)}" for note in report.notes))
    return "\n\n".join(parts) + "\n"


def _section(table: Table) -> str:
    return f"### {table.title}\n\n{table.markdown()}"


def _summary(result: Result) -> str:
    if result.error is not None and result.deviation is None:
        return result.status
    deviation = result.from_reference if result.status == "agrees" else result.deviation
    words: list[str] = [] if result.status == "agrees" else [result.status]
    words.append("" if deviation is None else f"{deviation.max_rel:.0e}")
    return "  ".join(filter(None, [" ".join(filter(None, words)), seconds(result.seconds)])) or result.status


def _numbers(deviation: Deviation | None) -> list[str]:
    if deviation is None:
        return ["", "", ""]
    return [f"{deviation.max_abs:.1e}", f"{deviation.max_rel:.1e}", f"{deviation.max_ulp:.2g}"]


def seconds(time: float | None) -> str:
    """A time in a unit that suits it."""
    if time is None:
        return ""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if time >= size:
            return f"{time / size:.3g} {unit}"
    return f"{time / 1e-6:.3g} µs"
