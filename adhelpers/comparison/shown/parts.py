"""What every form of a report is made of: its tables, and its lines of words."""

from __future__ import annotations

from collections.abc import Iterable

from adhelpers.comparison.results import Deviation, Finding, Report, Result
from adhelpers.comparison.shown.tables import Table

BAD = frozenset({"differs", "failed", "unsupported", "kink", "apart"})
"""How cells begin that are not as they should be."""
MOST_DETAILED = 60
"""Results are shown one by one in reports with up to so many."""


def all_tables(report: Report) -> list[Table]:
    """The overview; then each result and each pair, if there are not too many."""
    found = [overview(report)]
    if len(report.results) <= MOST_DETAILED:
        found.append(details(report.results))
        if report.pairs:
            found.append(pairs(report))
    return found


def overview(report: Report) -> Table:
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


def pairs(report: Report) -> Table:
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


def remarks(report: Report) -> list[str]:
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


def reasons(report: Report) -> list[str]:
    """A line for each finding."""
    return [f"{f.function}, {f.operation}: {words}" for f in report.findings for words in f.words]


def conclusion(report: Report) -> str:
    """How many results agree."""
    agree = sum(result.status == "agrees" for result in report.results)
    return f"{agree} of {len(report.results)} results agree."


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
