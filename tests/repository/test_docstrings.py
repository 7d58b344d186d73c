"""What docstrings of the operations say: of every parameter, and of the same parameter the same."""

from __future__ import annotations

import inspect
import re
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest

from adhelpers import prepare
from adhelpers.operations.declaration import declarations

OPERATIONS = list(declarations())
EVERY = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.__name__)

DIFFERING = ("f", "x", "u", "mode")
"""Parameters of which each operation says something else."""


def section(operation: Callable[..., Any], title: str) -> str:
    """The text below a heading."""
    words = inspect.getdoc(operation) or ""
    found = re.search(rf"^{title}\n-+\n(.*?)(?=^\w[^\n]*\n---|\Z)", words, flags=re.MULTILINE | re.DOTALL)
    return found[1] if found else ""


def described(operation: Callable[..., Any]) -> dict[str, str]:
    """The words about each parameter; several that stand together have the same."""
    entries = re.findall(r"^(\S[^\n]*)\n((?:[ ]+[^\n]*\n?|\n)*)", section(operation, "Parameters"), flags=re.MULTILINE)
    return {name.strip("*"): words.strip() for names, words in entries for name in names.split(", ")}


@EVERY
def test_every_parameter_is_described_and_no_other(operation: Callable[..., Any]) -> None:
    assert described(operation).keys() == inspect.signature(operation).parameters.keys()
    assert all(described(operation).values())


def test_every_parameter_of_prepare_is_described() -> None:
    assert described(prepare).keys() == inspect.signature(prepare).parameters.keys()


@EVERY
def test_what_is_referred_to_is_the_operation_without_the_value(operation: Callable[..., Any]) -> None:
    """So that `help` sends nobody further than to the next name."""
    referred = {words for words in described(operation).values() if words.startswith("As in")}
    plain = operation.__name__.removeprefix("value_and_")
    assert referred == ({f"As in `{plain}`."} if plain != operation.__name__ else set())


def test_the_same_parameter_has_the_same_words_everywhere() -> None:
    words: dict[str, set[str]] = defaultdict(set)
    for operation in OPERATIONS:
        for name, description in described(operation).items():
            if not description.startswith("As in") and name not in DIFFERING:
                # What comes with aux is called v, J or H.
                words[name].add(re.sub(r"``\([vJH], aux\)``", "``(v, aux)``", description))
    assert {"backend", "args", "has_aux", "chunk_size", "batch_axis", "differentiate_u", "holomorphic"} <= words.keys()
    assert {name: found for name, found in words.items() if len(found) > 1} == {}


@EVERY
def test_what_comes_with_aux_has_the_name_of_the_result(operation: Callable[..., Any]) -> None:
    results = re.findall(r"^\(?(?:y, )?([vJH])\b", section(operation, "Returns"), flags=re.MULTILINE)
    assert len(set(results)) == 1
    words = described(operation)["has_aux"]
    assert words.startswith("As in") or f"``({results[0]}, aux)``" in words


@EVERY
@pytest.mark.parametrize("title", ["Returns", "Examples"])
def test_every_docstring_has_its_sections(operation: Callable[..., Any], title: str) -> None:
    assert section(operation, title).strip()


@EVERY
def test_errors_are_listed_by_the_operation_without_the_value(operation: Callable[..., Any]) -> None:
    plain = not operation.__name__.startswith("value_and_")
    assert bool(section(operation, "Raises").strip()) == plain
