"""What every form of a report is made of."""

from __future__ import annotations

import pytest

from adhelpers.comparison.results import Deviation, Finding, Report, Result
from adhelpers.comparison.shown import parts

FAR = Deviation(0.5, 0.25, 1e15, "f(x)", (1,), 2, 0, 1e-10, 0.0)
NEAR = Deviation(0.0, 0.0, 0.0, "f(x)", (0,), 0, 0, 1e-10, 0.0)
RESULTS = (
    Result("f", "value", "a", "agrees", "b", NEAR, NEAR, 0.5, 2e-3),
    Result("f", "value", "b", "differs", "a", FAR, FAR),
    Result("f", "jvp", "a", "failed", error="RuntimeError: no"),
    Result("f", "jvp", "b", "kink", "a", FAR, FAR),
)
REPORT = Report(
    "Title",
    ("a", "b"),
    RESULTS,
    findings=(Finding("f", "value", ("first", "second"), ("a", "b"), (("f(x)[1]", "1", "2"),)),),
)


def test_overview_has_a_row_for_each_operation_and_a_column_for_each_backend() -> None:
    table = parts.overview(REPORT)
    assert table.headers == ["function", "operation", "a", "b"]
    assert table.rows == [["f", "value", "0e+00  2 ms", "differs 2e-01"], ["f", "jvp", "failed", "kink 2e-01"]]


def test_details_have_the_numbers_of_each_result() -> None:
    first, second, third, _ = parts.details(RESULTS).rows
    assert first[-3:] == ["f(x)[0]", "500 ms", "2 ms"]
    assert second == ["value", "b", "differs", "a", "5.0e-01", "2.5e-01", "1e+15", "f(x)[1]", "", ""]
    assert third == ["jvp", "a", "failed", *[""] * 7]


def test_remarks_are_about_what_is_somebodys_fault() -> None:
    assert parts.remarks(REPORT) == [
        "f, value on b: deviates by 2.5e-01, more than 1.0e-10, from a; the worst entry is f(x)[1]",
        "f, jvp on a: RuntimeError: no",
    ]
    assert parts.reasons(REPORT) == ["f, value: first", "f, value: second"]
    assert parts.conclusion(REPORT) == "1 of 4 results agree."


def test_worst_entries_are_a_table() -> None:
    table = parts.worst(REPORT.findings[0])
    assert (table.title, table.headers) == ("f, value: the worst entries", ["place", "a", "b"])
    assert table.rows == [["f(x)[1]", "1", "2"]]


def test_long_reports_have_the_overview_alone() -> None:
    titles = [table.title for table in parts.all_tables(REPORT)]
    assert titles == ["Title", "Each result"]
    long = Report("Title", ("a", "b"), RESULTS * parts.MOST_DETAILED)
    assert [table.title for table in parts.all_tables(long)] == ["Title"]


@pytest.mark.parametrize(
    ("time", "words"), [(None, ""), (2.0, "2 s"), (0.0123, "12.3 ms"), (4.56e-5, "45.6 µs"), (0.0, "0 µs")]
)
def test_times_have_a_unit_that_suits_them(time: float | None, words: str) -> None:
    assert parts.seconds(time) == words
