"""``adhelpers conformance``: what it refuses, and what it passes on; tests of the suite itself stand elsewhere."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from adhelpers.command_line.main import main
from adhelpers.testing import command


@pytest.fixture
def passed_on(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the suite was run with, which is not run."""
    calls: list[Any] = []

    def run(name: str, **options: Any) -> int:
        calls.append((name, options))
        return 1

    monkeypatch.setattr(command, "run", run)
    return calls


def test_options_are_passed_on_and_the_status_comes_back(passed_on: list[Any], tmp_path: Path) -> None:
    report = str(tmp_path / "r.json")
    arguments = ("--suite-version", "1", "--timeout", "2.5", "--json", report, "-k", "R7", "-x")
    assert main(["conformance", "finite-difference", *arguments]) == 1
    options = {"suite_version": 1, "timeout": 2.5, "json": report, "options": ["-k", "R7", "-x"]}
    assert passed_on == [("finite-difference", options)]


BAD_USAGE = {
    "no name": ((), "the following arguments are required: NAME; `adhelpers conformance --help`"),
    "unknown backend": (("finite-diference",), "no backend is named 'finite-diference' (did you mean 'finite-diff"),
    "unknown version": (("finite-difference", "--suite-version", "99"), "there is no version 99 of the suite; write"),
    "version in words": (("finite-difference", "--suite-version", "new"), "invalid int value: 'new'"),
    "no time": (("finite-difference", "--timeout", "soon"), "a time is a positive number of seconds, but 'soon' was"),
    "no folder": (("finite-difference", "--json", "no/folder/r.json"), "--json 'no/folder/r.json' cannot be written: "),
}


@pytest.mark.parametrize(("arguments", "words"), BAD_USAGE.values(), ids=BAD_USAGE)
def test_bad_usage_exits_with_2_and_runs_nothing(
    passed_on: list[Any], capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    assert main(["conformance", *arguments]) == 2
    assert passed_on == []
    output, errors = capsys.readouterr()
    assert output == ""
    assert words in errors
    assert errors.count("\n") == 1


def test_missing_pytest_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "adhelpers.testing.command", None)
    monkeypatch.delattr("adhelpers.testing.command")
    assert main(["conformance", "finite-difference"]) == 2
    assert "pip install 'adhelpers[testing]'" in capsys.readouterr().err
