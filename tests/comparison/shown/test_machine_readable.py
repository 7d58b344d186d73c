"""The report as JSON."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from adhelpers import ComparisonReport
from adhelpers.comparison.results import Deviation, Report, Result
from adhelpers.comparison.shown import machine_readable


def test_json_has_what_a_machine_needs(report: ComparisonReport, tmp_path: Path) -> None:
    text = report.to_json(tmp_path / "r.json")
    assert (tmp_path / "r.json").read_text(encoding="utf-8") == text
    read = json.loads(text)
    assert read["agree"] is False
    assert len(read["results"]) == len(report.results) == 8
    needed = {"function", "operation", "backend", "status", "max_abs", "max_rel", "max_ulp", "seconds", "error"}
    for found in read["results"]:
        assert needed | {"path", "index", "against", "from_reference", "first_seconds"} <= found.keys()
    assert {found["status"] for found in read["results"]} == {"agrees", "differs"}
    assert len(read["pairs"]) == 4
    assert read["findings"]
    assert read["notes"]


def test_what_is_not_finite_or_not_there_is_null() -> None:
    infinite = Deviation(math.inf, math.nan, 1.0, "f(x)", (0,), 1, 0, 1e-3, 0.0)
    results = (Result("f", "value", "a", "differs", "b", infinite), Result("f", "jvp", "a", "failed", error="no"))
    read = json.loads(machine_readable.to_json(Report("T", ("a",), results)), parse_constant=pytest.fail)
    first, second = read["results"]
    assert (first["max_abs"], first["max_rel"], first["max_ulp"], first["index"]) == (None, None, 1.0, [0])
    assert (second["max_abs"], second["path"], second["error"], second["from_reference"]) == (None, None, "no", None)
