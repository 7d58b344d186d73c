"""A plugin is written against `adhelpers.extend`, and imports nothing else of `adhelpers`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import adhelpers_plugins

SHIPPED = Path(adhelpers_plugins.__file__).parent
EXAMPLES = Path(__file__).parents[2] / "examples"
SOURCES = sorted([*SHIPPED.rglob("*.py"), *EXAMPLES.glob("adhelpers-*/src/**/*.py")])


def imported_of_core(text: str) -> Iterator[str]:
    """The modules of `adhelpers` that a source imports, wherever the statement stands; docstrings are none."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            inside = node.module == "adhelpers"
            modules = [f"adhelpers.{alias.name}" for alias in node.names] if inside else [str(node.module)]
        else:
            continue
        yield from (module for module in modules if module.split(".")[0] == "adhelpers")


@pytest.mark.parametrize("path", SOURCES, ids=[f"{path.parent.name}/{path.name}" for path in SOURCES])
def test_plugins_import_nothing_of_the_core_but_extend(path: Path) -> None:
    assert set(imported_of_core(path.read_text(encoding="utf-8"))) <= {"adhelpers.extend"}


@pytest.mark.parametrize(
    ("text", "imported"),
    [
        ("import adhelpers", ["adhelpers"]),
        ("from adhelpers import extend, gradient", ["adhelpers.extend", "adhelpers.gradient"]),
        ("def f():\n    from adhelpers.trees.tree import flatten", ["adhelpers.trees.tree"]),
        ("from adhelpers.extend import ADBackend\nimport adhelpers_plugins", ["adhelpers.extend"]),
        ('"""\n>>> import adhelpers\n"""', []),
    ],
)
def test_every_way_to_import_is_seen(text: str, imported: list[str]) -> None:
    assert list(imported_of_core(text)) == imported


def test_there_are_plugins_to_look_at() -> None:
    assert {"jax", "torch", "autograd", "finite_difference", "adhelpers_dual", "adhelpers_mlx"} <= {
        path.parent.name for path in SOURCES
    }
