"""A sample of each corpus, a minute long; ``nox -s corpora`` runs all of it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from corpora.__main__ import CORPORA

ROOT = Path(__file__).parents[2]

EVERY = {"pytorch": 40, "jax_functions": 59, "autograd_functions": 20}
"""Of so many operators one is taken."""


@pytest.mark.parametrize("name", CORPORA)
def test_a_sample_is_as_its_list_says(name: str, tmp_path: Path) -> None:
    for module in CORPORA[name]:
        pytest.importorskip(module)
    # In a process of its own, as the command is: what PyTorch's database imports is particular about what was imported.
    command = [sys.executable, "-m", "corpora", name, "--every", str(EVERY[name]), "--samples", "1"]
    done = subprocess.run([*command, "--results", str(tmp_path)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{name}: " in done.stdout
    counts = re.findall(rf"{name}: (\d+) cases", done.stdout)
    assert [int(count) > 8 for count in counts] == [True]
