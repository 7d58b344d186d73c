"""``adhelpers backends``."""

from __future__ import annotations

from importlib import metadata

import numpy as np
import pytest
from commands import Main, row

import adhelpers
from adhelpers import BackendDescription, BackendLoadError
from adhelpers.command_line.main import main as command
from adhelpers.plugins import lookup
from adhelpers.plugins.registry import Registry, Source


def test_backends_shows_name_version_origin_and_capabilities(main: Main) -> None:
    status, output, errors = main("backends")
    assert (status, errors) == (0, "")
    assert row(output, "finite-difference").split()[1:4] == ["numpy", np.__version__, "adhelpers"]
    assert "complex, float32, forward" in row(output, "autograd")
    assert len(output.splitlines()) >= 4 + 4


@pytest.mark.parametrize(("version", "word"), [("1.26.4", "older"), ("3.0", "newer")])
def test_versions_that_were_not_tested_are_told(
    version: str, word: str, monkeypatch: pytest.MonkeyPatch, main: Main
) -> None:
    real = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: version if name == "numpy" else real(name))
    status, output, _ = main("backends")
    assert status == 0
    assert f"numpy {version}, {word} than tested" in row(output, "finite-difference")
    assert "than tested" not in row(output, "autograd")


def test_what_is_disabled_or_failed_is_shown_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failure = BackendLoadError("the entry point 'broken' cannot be loaded")
    monkeypatch.setattr(lookup, "_scanned", Registry(failures={"broken": failure}, disabled=("toy",)))
    assert command(["backends"]) == 0
    output = capsys.readouterr().out
    assert row(output, "broken").split() == ["broken", "-", "-", "failed"]
    assert row(output, "toy").endswith("disabled by ADHELPERS_DISABLE_PLUGINS")
    assert output.endswith("\n\n* the entry point 'broken' cannot be loaded\n")


def test_the_command_reads_what_the_function_returns(main: Main) -> None:
    _, output, _ = main("backends")
    for backend in adhelpers.backends():
        line = row(output, backend.name)
        assert (backend.framework or "-") in line
        assert all(capability.value in line for capability in backend.capabilities)
        assert backend.loads or str(backend.problem) in output


def test_a_framework_that_is_not_installed_is_no_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is one line of the table, which says what to type; a backend that breaks has its reason below."""
    toy = BackendDescription("toy", (), "toy_adhelpers:Toy", framework="toyframework", install="pip install toy")
    broken = BackendDescription("broken", (), "toy_adhelpers:Toy", framework="numpy")
    sources = {name: Source(name, "a") for name in ("toy", "broken")}
    monkeypatch.setattr(lookup, "_scanned", Registry({"toy": toy, "broken": broken}, sources))
    assert command(["backends"]) == 0
    output = capsys.readouterr().out
    assert row(output, "toy").endswith("to install it: pip install toy")
    assert row(output, "broken").endswith("failed")
    assert len([line for line in output.splitlines() if line.startswith("* ")]) == 1
