"""The report as a picture."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from comparing import KINK, X, cubic, magnitude, quickly

import adhelpers
from adhelpers import ComparisonReport
from adhelpers.comparison.shown import plots
from adhelpers.comparison.shown.plots import Cell

NAMES = {"jvp", "vjp", "batched_jacobian"}


def test_plot_is_a_picture(report: ComparisonReport, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    report.plot(tmp_path / "r.png")
    picture = (tmp_path / "r.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > 10_000


def texts(drawn: Any) -> list[str]:
    return [text.get_text() for text in drawn.texts]


def test_the_verdict_stands_above_half_a_matrix_for_each_operation_and_times(report: ComparisonReport) -> None:
    pytest.importorskip("matplotlib")
    head, halves, times = report.plot().subfigs
    assert "5 of 8 results agree." in " ".join(texts(head)[1].split())
    assert [axis.get_title() for axis in halves.axes] == ["value", "jvp", "vjp", "batched_jacobian"]
    for axis in halves.axes:
        assert len(axis.patches) == 1  # of two backends there is one pair
    (axis,) = times.axes
    bottom, top = axis.get_ylim()
    heights = [bar.get_height() for bar in axis.patches if bar.get_height() > 0]
    assert bottom < min(heights) / 1.9  # each bar can be seen
    assert max(heights) < top
    assert len(heights) == 2 * 2 * 4  # as it is and prepared, on two backends


def test_bars_are_seen_where_the_prepared_call_is_the_slower_one(report: ComparisonReport) -> None:
    pytest.importorskip("matplotlib")
    timed = [replace(result, seconds=1.9e-5, prepared_seconds=2.1e-5) for result in report.results]
    (axis,) = replace(report, results=timed).plot().subfigs[2].axes
    assert axis.get_ylim()[0] == 1e-6  # above 1e-5 the paler bar would hardly be seen


def test_each_two_of_three_stand_below_the_diagonal_once() -> None:
    pytest.importorskip("matplotlib")
    finer = adhelpers.backend("finite-difference", order=4)
    found = quickly(cubic, X, backends=["autograd", finer], operations=["jvp"])  # and the reference
    for axis in found.plot().subfigs[1].axes:
        assert sorted((cell.get_x() + 0.5, cell.get_y() + 0.5) for cell in axis.patches) == [(0, 0), (0, 1), (1, 1)]
        assert [label.get_text() for label in axis.get_xticklabels()] == list(found.backends)
        assert len(texts(axis)) == 3


def test_what_agrees_is_green_and_what_differs_red(report: ComparisonReport) -> None:
    colours = pytest.importorskip("matplotlib.colors")
    by_name = {axis.get_title(): axis for axis in report.plot().subfigs[1].axes}
    for operation, axis in by_name.items():
        red, green, _ = colours.to_rgb(axis.patches[0].get_facecolor()[:3])
        assert (red > 2 * green) == (operation in NAMES)
        assert (green > red) == (operation not in NAMES)
    assert texts(by_name["value"]) == ["0"]


def test_cells_hold_the_largest_deviation_of_all_functions_and_the_worst_status() -> None:
    assert Cell("agrees", 1e-3).worse(None) == Cell("agrees", 1e-3)
    assert Cell("agrees", 1e-3).worse(Cell("agrees", 1e-5)) == Cell("agrees", 1e-3)
    assert Cell("agrees", 1e-3).worse(Cell("kink", 1.0)) == Cell("kink", 1.0)
    assert Cell("differs", 1e-9).worse(Cell("kink", 1.0)) == Cell("differs", 1.0)


def test_a_kink_has_a_colour_of_its_own() -> None:
    pytest.importorskip("jax")
    found = quickly(magnitude, KINK, backends=["autograd", "jax"], operations=["jvp"])
    cells = plots.cells(found, "jvp")
    assert cells[frozenset(("autograd", "jax"))].state == "kink"
    assert cells[frozenset(("autograd", "finite-difference"))].state == "agrees"  # the reference, beside them
    assert {cell.state for cell in plots.cells(found, "value").values()} == {"agrees"}


def test_plot_without_times_pairs_or_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    found = quickly(cubic, X[0], backends=["finite-difference"])
    (head,) = found.plot().subfigs
    assert "Nothing was compared" in texts(head)[1]
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=r"pip install 'adhelpers\[plot\]'"):
        found.plot()
