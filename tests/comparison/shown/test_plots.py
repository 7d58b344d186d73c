"""The report as a picture."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from comparing import X, cubic, quickly

from adhelpers import ComparisonReport


def test_plot_is_a_picture(report: ComparisonReport, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    report.plot(tmp_path / "r.png")
    picture = (tmp_path / "r.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > 10_000
    titles = [axis.get_title() for part in report.plot().subfigs for axis in part.axes]
    assert titles[:4] == ["value", "jvp", "vjp", "batched_jacobian"]


def test_plot_without_times_or_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    found = quickly(cubic, X[0], backends=["finite-difference"])
    assert found.plot().axes
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=r"pip install 'adhelpers\[plot\]'"):
        found.plot()
