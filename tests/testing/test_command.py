"""The suite by its command, from any directory: how it ends, and what it passes on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from strangers import Install, python
from toy_suite import FEW, TOY, WRONG, conformance, toy


def test_a_stranger_that_conforms_exits_with_0(install: Install, tmp_path: Path) -> None:
    toy(install, TOY)
    done = conformance(tmp_path, *FEW)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Conformance of 'toy' with adhelpers" in done.stdout
    assert "* known failure calls/jvp: differences need f at two points more, or four" in done.stdout
    assert list((tmp_path / "empty").iterdir()) == []


def test_a_reader_that_stops_reading_does_not_make_a_failure_a_success(install: Install, tmp_path: Path) -> None:
    toy(install, WRONG)
    (tmp_path / "empty").mkdir()
    script = f"{sys.executable} -m adhelpers conformance toy -k R7 | head -1; exit ${{PIPESTATUS[0]}}"
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    done = subprocess.run(["bash", "-c", script], env=environ, cwd=tmp_path / "empty", capture_output=True, check=False)
    assert done.returncode == 1


BAD_USAGE = {
    "unknown": (("--no-such-option",), "toy", "--no-such-option"),
    "not found": ((), "tyo", "no backend is named 'tyo' (did you mean 'toy'?)"),
    "too new": (("--suite-version", "99"), "toy", "there is no version 99 of the suite"),
    "no number": (("--suite-version", "x"), "toy", "invalid int value"),
}


@pytest.mark.parametrize(("arguments", "name", "words"), BAD_USAGE.values(), ids=BAD_USAGE)
def test_bad_usage_exits_with_2(
    install: Install, tmp_path: Path, arguments: tuple[str, ...], name: str, words: str
) -> None:
    toy(install, TOY)
    done = conformance(tmp_path, *arguments, name=name)
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stderr.startswith(("adhelpers:", "ERROR: usage:")) or "pytest" in done.stderr


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (
            "import a_missing_framework",
            "backend 'toy' (entry point 'toy' of distribution 'toy-adhelpers') cannot be loaded",
        ),
        (f"{TOY}    def __post_init__(self):\n        raise RuntimeError('no licence')", "no licence"),
        (f"{TOY}    licence: str\n", "of distribution 'toy-adhelpers') cannot be loaded: TypeError"),
        (TOY.replace('name = "toy"', 'name = "other"'), "has the name 'other', but is described as 'toy'"),
        (f"{TOY}    capabilities = [Capability.FORWARD]\n", "write a frozenset of adhelpers.Capability members"),
        (f"{TOY}    known_failures = None\n", "write a dict of scenario names and reasons"),
    ],
)
def test_a_backend_that_cannot_be_loaded_exits_with_2_and_one_line(
    install: Install, tmp_path: Path, source: str, words: str
) -> None:
    toy(install, source)
    done = conformance(tmp_path)
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_the_directory_where_it_is_typed_does_not_matter(install: Install, tmp_path: Path) -> None:
    toy(install, TOY)
    folder = tmp_path / "somebodys"
    folder.mkdir()
    (folder / "conftest.py").write_text("raise RuntimeError('not mine')")
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n")
    assert conformance(tmp_path, *FEW, cwd=folder).returncode == 0


def test_pytests_options_pass_through(install: Install, tmp_path: Path) -> None:
    toy(install, WRONG)
    done = conformance(tmp_path, "-k", "R7-sine", "-x", "-v")
    assert "1 failed" in done.stdout
    assert "stopping after 1 failures" in done.stdout
    listed = conformance(tmp_path, *FEW, "--collect-only")
    assert listed.returncode == 0
    assert "sine/transpose" in listed.stdout


def test_a_report_that_cannot_be_written_is_said_before_the_run(install: Install, tmp_path: Path) -> None:
    toy(install, TOY)
    done = conformance(tmp_path, *FEW, "--json", str(tmp_path / "no" / "folder.json"))
    assert done.returncode == 2
    assert "no/folder.json" in done.stderr
    assert done.stdout == ""


def test_broken_plugins_disturb_nobody_elses_conformance(install: Install, tmp_path: Path) -> None:
    toy(install, TOY)
    install("broken-distribution", "broken-entry", broken_module="raise RuntimeError('boom')")
    assert conformance(tmp_path, *FEW).returncode == 0
    listed = python(tmp_path, "-m", "adhelpers", "backends")
    assert listed.returncode == 0
    (line,) = [line for line in listed.stdout.splitlines() if line.startswith("toy ")]
    assert line.split()[2] == "toy-adhelpers"
    assert "broken-distribution" in listed.stdout
    broken = conformance(tmp_path, name="broken-entry")
    assert broken.returncode == 2
    assert "plugin 'broken-entry' (entry point 'broken-entry' of distribution 'broken-distribution')" in broken.stderr


def test_without_pytest_the_message_says_what_to_install(install: Install, tmp_path: Path) -> None:
    toy(install, TOY)
    (tmp_path / "pytest.py").write_text("raise ModuleNotFoundError(\"No module named 'pytest'\")")
    done = conformance(tmp_path)
    assert done.returncode == 2
    assert done.stderr.endswith("pip install 'adhelpers[testing]'\n")
