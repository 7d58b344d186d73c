"""The report that users hold: its data, and each way to show them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from adhelpers import ComparisonReport, compare
from adhelpers.comparison import Result


@pytest.fixture(scope="module")
def small() -> ComparisonReport:
    """Of differences alone, held to themselves."""
    return compare(lambda x: x**2, np.ones(3), backends=["finite-difference"], timing=False)


def test_fields_are_those_that_are_documented(small: ComparisonReport) -> None:
    names = [field.name for field in dataclasses.fields(ComparisonReport)]
    assert names == ["title", "backends", "results", "pairs", "findings", "notes", "reference"]
    documented = [line.strip() for line in str(ComparisonReport.__doc__).splitlines()]
    assert all(name in documented for name in [*names, "agree"])
    assert repr(small).startswith(
        "ComparisonReport(title='Comparison of <lambda> at x of shape (3,), float64', backends="
    )
    assert dataclasses.replace(small) == small


def test_nothing_can_be_set(small: ComparisonReport) -> None:
    for name in ("title", "remark"):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(small, name, "another")


def test_show_prints_what_str_returns(small: ComparisonReport, capsys: pytest.CaptureFixture[str]) -> None:
    small.show()
    assert capsys.readouterr().out == f"{small}\n"


@pytest.mark.parametrize("form", ["to_html", "to_json"])
def test_files_hold_what_is_returned(small: ComparisonReport, form: str, tmp_path: Path) -> None:
    write = getattr(small, form)
    assert write(tmp_path / "report") == write(str(tmp_path / "again")) == write()
    for name in ("report", "again"):
        assert (tmp_path / name).read_text(encoding="utf-8") == write()


def test_a_report_may_be_made_by_hand() -> None:
    """As a test of somebody's own presentation would."""
    results = (Result("f", "value", "a", "failed", error="RuntimeError: no"),)
    made = ComparisonReport("By hand", ("a",), results)
    assert (made.pairs, made.findings, made.notes, made.reference) == ((), (), (), None)
    assert "* value on a: RuntimeError: no" in str(made)
