"""The tables of a report."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adhelpers.comparison.results import Deviation, Finding, Pair, Report, Result
from adhelpers.comparison.shown import parts

FAR = Deviation(0.5, 0.25, 1e15, "f(x)", (1,), 2, 0, 1e-10, 0.0)
NEAR = Deviation(0.0, 0.0, 0.0, "f(x)", (0,), 0, 0, 1e-10, 0.0)
RESULTS = (
    Result("f", "value", "a", "agrees", "b", NEAR, NEAR, 0.5, 2e-3, None, 0.25, 1e-5),
    Result("f", "value", "b", "differs", "a", FAR, FAR, 0.125, 3e-3),
    Result("f", "jvp", "a", "failed", error="RuntimeError: no"),
    Result("f", "jvp", "b", "kink", "a", FAR, FAR),
)
REPORT = Report(
    "Title",
    ("a", "b"),
    RESULTS,
    (Pair("f", "value", "a", "b", FAR, agree=False),),
    findings=(Finding("f", "value", ("first", "second"), ("a", "b"), (("f(x)[1]", "1", "2"),)),),
    reference="the truth",
)


def of_two_functions(report: Report) -> Report:
    """The same for a second function."""
    return replace(report, results=(*report.results, *(replace(result, function="g") for result in report.results)))


def test_deviations_have_a_row_for_each_operation_and_a_column_for_each_backend() -> None:
    table = parts.deviations(REPORT)
    assert (table.title, table.headers) == ("Largest relative deviation from the truth", ["operation", "a", "b"])
    assert table.rows == [["value", "0", "differs 2e-01"], ["jvp", "failed", "kink 2e-01"]]


def test_the_reference_deviates_from_nothing() -> None:
    table = parts.deviations(replace(REPORT, reference="a"))
    assert table.rows[0] == ["value", "reference", "differs 2e-01"]


def test_without_a_reference_the_table_says_who_agrees() -> None:
    results = (Result("f", "jvp", "a", "agrees"), Result("f", "vjp", "b", "unchecked"))
    table = parts.deviations(Report("T", ("a", "b"), results))
    assert table.title == "What agrees"
    assert table.rows == [["jvp", "agrees", "-"], ["vjp", "-", "unchecked"]]


def test_times_stand_beside_one_another_and_apart_from_deviations() -> None:
    table = parts.times(REPORT)
    assert table.title == "Time of one call"
    assert table.headers == ["operation", "backend", "first call", "repeated", "preparing", "prepared"]
    assert table.rows == [
        ["value", "a", "500 ms", "2 ms", "250 ms", "10 µs"],
        ["value", "b", "125 ms", "3 ms", "-", "-"],
    ]
    assert parts.times(Report("T", ("a",), (Result("f", "value", "a", "agrees"),))).rows == []


def test_times_of_several_functions_are_summed_if_all_have_them() -> None:
    both = of_two_functions(REPORT)
    assert parts.times(both).title == "Time of one call, summed over the functions"
    assert parts.times(both).rows[0] == ["value", "a", "1 s", "4 ms", "500 ms", "20 µs"]
    *others, last = both.results
    assert (last.function, last.operation, last.backend) == ("g", "jvp", "b")
    lacking = replace(both, results=(*others, last, Result("h", "value", "a", "failed", error="no")))
    assert parts.times(lacking).rows == [["value", "b", "250 ms", "6 ms", "-", "-"]]


def test_details_have_the_numbers_of_each_result_and_no_times() -> None:
    first, second, third, _ = parts.details(REPORT).rows
    assert first == ["value", "a", "agrees", "b", "0.0e+00", "0.0e+00", "0", "f(x)[0]"]
    assert second == ["value", "b", "differs", "a", "5.0e-01", "2.5e-01", "1e+15", "f(x)[1]"]
    assert third == ["jvp", "a", "failed", *[""] * 5]


def test_functions_are_named_where_there_are_several() -> None:
    both = of_two_functions(REPORT)
    for table in (parts.deviations, parts.details, parts.pairs):
        assert "function" not in table(REPORT).headers
        assert table(both).headers[0] == "function"
    assert [table.title for table in parts.worst_entries(both)] == ["The worst entries of value of f"]


def test_columns_that_would_be_empty_are_left_out() -> None:
    results = (Result("f", "value", "a", "failed", error="no"), Result("f", "jvp", "a", "failed", error="no"))
    assert parts.details(Report("T", ("a",), results)).headers == ["operation", "backend", "status"]


def test_pairs_and_worst_entries_are_tables() -> None:
    assert parts.pairs(REPORT).rows == [["value", "a, b", "differs", "5.0e-01", "2.5e-01", "1e+15", "f(x)[1]"]]
    (table,) = parts.worst_entries(REPORT)
    assert (table.title, table.headers) == ("The worst entries of value", ["place", "a", "b"])
    assert table.rows == [["f(x)[1]", "1", "2"]]


def test_long_reports_have_no_details() -> None:
    assert [table.title for table in parts.in_detail(REPORT)] == ["Each result", "Each two backends"]
    assert parts.in_detail(replace(REPORT, results=RESULTS * parts.MOST_DETAILED)) == []


@pytest.mark.parametrize(("time", "words"), [(2.0, "2 s"), (0.0123, "12.3 ms"), (4.56e-5, "45.6 µs"), (0.0, "0 µs")])
def test_times_have_a_unit_that_suits_them(time: float, words: str) -> None:
    assert parts.seconds(time) == words
