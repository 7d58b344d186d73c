"""The recipe "Add an operation" of CONTRIBUTING, followed: its module and its test run as they stand there."""

from __future__ import annotations

import re
import sys
import textwrap
import types
from pathlib import Path
from typing import Any

import pytest

import adhelpers
from adhelpers.operations import declaration

PAGE = Path(__file__).parents[2] / "CONTRIBUTING.md"


def blocks(heading: str) -> list[str]:
    section = re.search(rf"^## {heading}\n(.*?)^## ", PAGE.read_text(), flags=re.MULTILINE | re.DOTALL)
    assert section is not None
    found = re.findall(r"^ *```text\n(.*?)^ *```$", section[1], flags=re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(block) for block in found]


def module(name: str, source: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    made = types.ModuleType(name)
    monkeypatch.setitem(sys.modules, name, made)
    exec(compile(source, name, "exec"), made.__dict__)
    return made


def test_an_operation_is_added(backend: adhelpers.ADBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    code, test, *_ = blocks("Add an operation")
    monkeypatch.setattr(declaration, "_DECLARATIONS", dict(declaration.declarations()))
    curvature = module("curvature", code, monkeypatch)
    for name in ("directional_curvature", "value_and_directional_curvature"):
        monkeypatch.setattr(adhelpers, name, getattr(curvature, name), raising=False)
    module("test_curvature", test, monkeypatch).test_it_is_that_of_a_cubic(backend)
