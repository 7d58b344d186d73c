"""The reference names all that is public, and nothing else; the pages themselves are run by the session `docs`."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

import adhelpers
from adhelpers import extend
from adhelpers.command_line import main as cli

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
PAGES = {path.name: path.read_text(encoding="utf-8") for path in sorted(REFERENCE.glob("*.md"))}

ROOMS = ("jax", "torch", "autograd", "finite_difference")
MODULES = ("adhelpers", "adhelpers.scipy", "adhelpers.testing", *(f"adhelpers_plugins.{room}" for room in ROOMS))

BEYOND = {
    "adhelpers.comparison.Deviation": "a ComparisonReport holds it",
    "adhelpers.comparison.Finding": "a ComparisonReport holds it",
    "adhelpers.comparison.Pair": "a ComparisonReport holds it",
    "adhelpers.comparison.Result": "a ComparisonReport holds it",
    "adhelpers.plugins.hookspecs.adhelpers_register_backends": "a plugin implements it",
}
"""What stands in the reference though nobody need name it, and why."""


def documented() -> list[str]:
    """The names that the pages document, in order."""
    directive = re.compile(r"^\.\. auto(?:function|class|exception|data):: ([\w.]+)", flags=re.MULTILINE)
    return sorted(name for text in PAGES.values() for name in directive.findall(text))


def public() -> list[str]:
    """The names that users may name; what `adhelpers.extend` shares with `adhelpers` is documented there."""
    names = [f"{module}.{name}" for module in MODULES for name in importlib.import_module(module).__all__]
    return sorted([*names, *(f"adhelpers.extend.{name}" for name in extend.__all__ if name not in adhelpers.__all__)])


def test_the_reference_documents_each_public_name_once_and_no_other() -> None:
    assert documented() == sorted([*public(), *BEYOND])


@pytest.mark.parametrize("name", extend.__all__)
def test_the_contract_names_all_that_a_plugin_imports(name: str) -> None:
    assert f"`{name}`" in PAGES["contract.md"]
    assert getattr(extend, name) is getattr(adhelpers, name, getattr(extend, name))


@pytest.mark.parametrize("name", BEYOND)
def test_what_stands_beyond_exists(name: str) -> None:
    module, _, attribute = name.rpartition(".")
    assert hasattr(importlib.import_module(module), attribute)


def test_the_reference_has_the_help_of_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    commands = re.search(r"\{([\w,]+)\}", capsys.readouterr().out)[1].split(",")
    assert re.findall(r"^```\{help\} ?(.*)$", PAGES["command-line.md"], flags=re.MULTILINE) == ["", *commands]


@pytest.mark.parametrize("page", sorted(PAGES.keys() - {"index.md"}))
def test_every_page_of_the_reference_is_listed(page: str) -> None:
    assert f"]({page})" in PAGES["index.md"]


@pytest.mark.parametrize("table", ["../design.md#the-promises", "../capabilities.md", "../kinks.md"])
def test_the_tables_are_reached_from_the_reference(table: str) -> None:
    assert f"]({table})" in PAGES["index.md"]
