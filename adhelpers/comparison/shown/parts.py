"""The tables of a report, for every format."""

from __future__ import annotations

from collections.abc import Sequence

from adhelpers.comparison.results import Deviation, Report, Result
from adhelpers.comparison.shown.tables import Table

BAD = frozenset({"differs", "failed", "unsupported", "kink", "unchecked"})
"""How the cells of bad results begin."""
MOST_DETAILED = 60
"""Reports with at most so many results show them one by one."""
CALLS = {
    "first call": "first_seconds",
    "repeated": "seconds",
    "preparing": "prepare_seconds",
    "prepared": "prepared_seconds",
}
"""The columns of the table of times, and the fields of a `Result` that they show."""


def summary(report: Report) -> list[Table]:
    """What agrees, and the times."""
    return [table for table in (deviations(report), times(report)) if table.rows]


def in_detail(report: Report) -> list[Table]:
    """Each result and each pair of backends, if there are not too many."""
    if len(report.results) > MOST_DETAILED:
        return []
    return [table for table in (details(report), pairs(report)) if table.rows]


def deviations(report: Report) -> Table:
    """A row for each operation of each function, a column for each backend."""
    cells: dict[tuple[str, str], dict[str, str]] = {}
    for result in report.results:
        cells.setdefault((result.function, result.operation), {})[result.backend] = _deviation(report, result)
    rows = [[*place, *(row.get(backend, "-") for backend in report.backends)] for place, row in cells.items()]
    title = "What agrees" if report.reference is None else f"Largest relative deviation from {report.reference}"
    return _table(report, title, ["function", "operation", *report.backends], rows)


def times(report: Report) -> Table:
    """A row for each operation on each backend, summed over the functions if there are several."""
    rows = []
    for operation, backend in dict.fromkeys((result.operation, result.backend) for result in report.results):
        row = [_total(report, operation, backend, field) for field in CALLS.values()]
        if any(time is not None for time in row):
            rows.append([operation, backend, *("-" if time is None else seconds(time) for time in row)])
    title = "Time of one call" if has_one_function(report) else "Time of one call, summed over the functions"
    return Table(title, ["operation", "backend", *CALLS], rows, BAD)


def details(report: Report) -> Table:
    """A row for each result."""
    headers = ["function", "operation", "backend", "status", "against", "max abs", "max rel", "max ulp", "worst at"]
    rows = []
    for result in report.results:
        deviation = result.deviation
        row = [result.function, result.operation, result.backend, result.status, result.against or ""]
        rows.append([*row, *_numbers(deviation), deviation.place if deviation else ""])
    return _table(report, "Each result", headers, rows)


def pairs(report: Report) -> Table:
    """A row for each two backends in each operation."""
    headers = ["function", "operation", "backends", "status", "max abs", "max rel", "max ulp", "worst at"]
    rows = [
        [
            pair.function,
            pair.operation,
            f"{pair.first}, {pair.second}",
            "agrees" if pair.agree else "differs",
            *_numbers(pair.deviation),
            pair.deviation.place,
        ]
        for pair in report.pairs
    ]
    return _table(report, "Each two backends", headers, rows)


def worst_entries(report: Report) -> list[Table]:
    """The worst entries of each finding side by side."""
    tables = []
    for finding in report.findings:
        place = finding.operation if has_one_function(report) else f"{finding.operation} of {finding.function}"
        if finding.entries:
            headers = ["place", *finding.backends]
            tables.append(Table(f"The worst entries of {place}", headers, [list(row) for row in finding.entries]))
    return tables


def has_one_function(report: Report) -> bool:
    """Whether the report has one function, which needs no name."""
    return len({result.function for result in report.results}) == 1


def _table(report: Report, title: str, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """A table without empty columns, and without a column for the only function."""
    lone = has_one_function(report)
    kept = [
        i for i, header in enumerate(headers) if any(row[i] for row in rows) and not (lone and header == "function")
    ]
    return Table(title, [headers[i] for i in kept], [[row[i] for i in kept] for row in rows], BAD)


def _deviation(report: Report, result: Result) -> str:
    if result.status == "agrees":
        if result.backend == report.reference:
            return "reference"
        return result.status if result.from_reference is None else size(result.from_reference.max_rel)
    return result.status if result.deviation is None else f"{result.status} {size(result.deviation.max_rel)}"


def _total(report: Report, operation: str, backend: str, field: str) -> float | None:
    """The sum over all functions, or None if one of them has no such time."""
    found = [getattr(r, field) for r in report.results if (r.operation, r.backend) == (operation, backend)]
    return None if not found or None in found else sum(found)


def _numbers(deviation: Deviation | None) -> list[str]:
    if deviation is None:
        return ["", "", ""]
    return [f"{deviation.max_abs:.1e}", f"{deviation.max_rel:.1e}", f"{deviation.max_ulp:.2g}"]


def size(deviation: float) -> str:
    """A deviation by its first digit; 0 if there is none."""
    return f"{deviation:.0e}" if deviation else "0"


def seconds(time: float) -> str:
    """A time in a unit that suits it."""
    for unit, one in (("s", 1.0), ("ms", 1e-3)):
        if time >= one:
            return f"{time / one:.3g} {unit}"
    return f"{time / 1e-6:.3g} µs"
