"""The report as JSON."""

from __future__ import annotations

import json
from pathlib import Path

from adhelpers import ComparisonReport


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
