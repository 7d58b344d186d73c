"""The command in a folder with functions to compare."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from commands import FUNCTIONS, Main, Refused

from adhelpers.command_line import main as cli


@pytest.fixture
def main(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Main:
    """Run the command in a folder with ``f.py``: exit status, standard output and standard error."""
    pytest.importorskip("autograd")  # some of the functions import it
    (tmp_path / "f.py").write_text(FUNCTIONS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path.copy())  # to which compare adds the folder of its file

    def run(*arguments: str) -> tuple[int, str, str]:
        status = cli.main(arguments)
        return status, *capsys.readouterr()

    return run


@pytest.fixture
def refused(main: Main) -> Refused:
    """Run a command that must exit with 2 and print nothing but one line on standard error, which is returned."""

    def run(*arguments: str) -> str:
        status, output, errors = main(*arguments)
        assert (status, output) == (2, "")
        assert errors.startswith("adhelpers: ")
        assert errors.endswith("\n")
        assert errors.count("\n") == 1
        return errors

    return run
