"""Tables in each form."""

from __future__ import annotations

import pytest

from adhelpers.comparison.shown import tables


def test_plain_table_is_aligned() -> None:
    assert tables.Table("T", ["a", "name"], [["long cell", "b"], ["", "c"]]).plain().splitlines() == [
        "T",
        "",
        "a          name",
        "---------  ----",
        "long cell  b",
        "           c",
    ]


AWKWARD = tables.Table("<T>", ["a|b"], [["differs 1"], ["x_y <z>\nnext"]], frozenset({"differs"}))


def test_markdown_shows_signs_as_they_are() -> None:
    assert AWKWARD.markdown().splitlines() == ["| a\\|b |", "| --- |", "| differs 1 |", "| x\\_y \\<z> next |"]


def test_html_is_escaped_and_marks_what_is_bad() -> None:
    page = AWKWARD.html()
    assert "<caption>&lt;T&gt;</caption>" in page
    assert "<td class=bad>differs 1</td>" in page
    assert "<td>x_y &lt;z&gt;" in page


def test_a_cell_is_bad_by_its_first_word() -> None:
    assert AWKWARD.is_bad("differs 1e-3")
    assert not AWKWARD.is_bad("agrees though it differs")


def test_table_is_printed_plain_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    tables.show(AWKWARD)
    assert capsys.readouterr().out == f"{AWKWARD.plain()}\n"
