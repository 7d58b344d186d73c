"""The benchmarks run: every contender is right on the smallest case, and the report is written."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ALL = {"products", "batched", "curvature", "maps", "views", "rules", "growth", "memory", "importing", "safety"}


@pytest.mark.parametrize(
    ("framework", "sections"),
    [
        ("jax", {"products", "batched", "curvature", "maps", "views", "rules"}),  # it compiles, which takes long
        ("torch", {"products", "batched", "curvature", "maps", "views", "rules", "safety"}),
        ("autograd", ALL),
    ],
)
def test_contenders_are_right_and_the_report_is_written(framework: str, sections: set[str], tmp_path: Path) -> None:
    for module in (framework, "matplotlib"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    options = ["--smoke", "--backends", framework, "--only", ",".join(sorted(sections)), "--output", str(tmp_path)]
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks", *options], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    report = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["sections"]
    assert set(report) == sections
    for section in report.values():
        for outcome in section["outcomes"]:
            assert not outcome["wrong"]
            assert not outcome["refused"]
    page = (tmp_path / "results.md").read_text(encoding="utf-8")
    for picture in tmp_path.glob("*.png"):
        assert f"({picture.name})" in page
    assert page.count(".png") == len(list(tmp_path.glob("*.png"))) > 0


def test_what_is_not_there_to_measure_is_told() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--only", "speed"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 2
    assert "speed: choose from products, batched," in run.stderr
