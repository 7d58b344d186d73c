"""The page about points without a derivative shows what the backends give now."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "docs" / "kinks.py"


def test_the_table_of_kinks_is_what_the_script_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    for framework in ("jax", "torch", "autograd"):
        pytest.importorskip(framework)
    spec = importlib.util.spec_from_file_location("kinks", SCRIPT)
    kinks = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, kinks)  # dataclasses look their module up
    spec.loader.exec_module(kinks)
    written = [line for line in kinks.PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    assert written == kinks.table(), "run python docs/kinks.py --write"
