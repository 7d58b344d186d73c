"""Tables in each form."""

from __future__ import annotations

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
