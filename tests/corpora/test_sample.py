"""A sample of each corpus, a minute long; ``nox -s corpora`` runs all of it."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path

import pytest

from corpora import expected, running
from corpora.__main__ import CORPORA

EVERY = {"pytorch": 40, "jax_functions": 59, "autograd_functions": 20}
"""Of so many operators one is taken."""


@pytest.mark.parametrize("name", CORPORA)
def test_a_sample_is_as_its_list_says(name: str, tmp_path: Path) -> None:
    for module in CORPORA[name]:
        pytest.importorskip(module)
    operators = importlib.import_module(f"corpora.{name}").operators()[:: EVERY[name]]
    results = running.run(name, operators, 1, tmp_path / "results.jsonl", lambda words: None)
    assert len({result["operator"] for result in results}) > len(operators) // 3
    assert expected.faults(results, expected.read(name), complete=False) == []
    # What was run is not run again.
    again = running.run(name, operators, 1, tmp_path / "results.jsonl", lambda words: pytest.fail("it ran again"))
    assert again == results
