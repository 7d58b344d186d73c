"""The list of what core needs of a namespace: complete, no longer than that, and right for NumPy's."""

from __future__ import annotations

import ast
from pathlib import Path

import array_api_compat.numpy as xp
import numpy as np
import pytest

import adhelpers
from adhelpers.namespaces.needed import NEEDED, NEEDED_BY_SOME, Needed, markdown_table

CORE = Path(adhelpers.__file__).parent
ELSEWHERE = {"testing", "comparison", "namespaces"}
"""The suite and the models of comparisons say for themselves what they call."""


def _is_namespace(node: ast.expr) -> bool:
    """Whether it is what core calls a namespace, or asks a backend for."""
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Attribute) and node.func.attr == "array_namespace"
    return isinstance(node, ast.Name) and node.id == "xp"


def called() -> set[str]:
    """The names that core's source takes from namespaces; docstrings are no source."""
    found = set()
    for path in CORE.rglob("*.py"):
        if path.relative_to(CORE).parts[0] not in ELSEWHERE:
            tree = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            found |= {node.attr for node in tree if isinstance(node, ast.Attribute) and _is_namespace(node.value)}
    return found


def test_the_list_has_what_core_calls() -> None:
    listed = [*(needed.name for needed in NEEDED), *(name.partition(".")[0] for name in NEEDED_BY_SOME)]
    assert sorted(listed) == sorted(called())


@pytest.mark.parametrize("needed", NEEDED, ids=lambda needed: needed.name)
def test_examples_call_what_they_are_about(needed: Needed) -> None:
    class Named:
        """NumPy's namespace, which counts what is taken from it."""

        def __getattr__(self, name: str) -> object:
            taken.append(name)
            return getattr(xp, name)

    taken: list[str] = []
    needed.example(Named(), np.ones((2, 3)), None)
    assert needed.name in taken
    assert needed.signature.endswith(")")


def test_the_table_has_a_row_for_each() -> None:
    rows = markdown_table().splitlines()
    assert rows[:2] == ["| function | what the core needs it for |", "|---|---|"]
    assert [row.split("(")[0] for row in rows[2:]] == [f"| `{needed.name}" for needed in NEEDED]
