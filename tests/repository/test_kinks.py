"""The page about points without a derivative shows what the backends give now."""

from __future__ import annotations

import importlib.util
import re
import sys
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "docs" / "kinks.py"


def test_the_table_of_kinks_is_what_the_script_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    pinned = dict(re.findall(r"^([\w-]+)==(\S+)", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE))
    for framework in ("jax", "torch", "autograd"):
        pytest.importorskip(framework)
        if metadata.version(framework).partition("+")[0] != pinned[framework]:
            pytest.skip(f"the page is of the versions in constraints.txt, and {framework} is another")
    spec = importlib.util.spec_from_file_location("kinks", SCRIPT)
    kinks = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, kinks)  # dataclasses look their module up
    spec.loader.exec_module(kinks)
    written = [line for line in kinks.PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    assert written == kinks.table(), "run python docs/kinks.py --write"
