"""The examples in README.md and in the pages of docs/ are tests: each page is a program, run in a folder of its own.

The blocks of a page run in order, in one namespace:

* ``python``: where there are prompts, what is printed must be what stands below them;
* ``sh``, what a reader types: every line but those of `NOT_RUN`;
* ``console``, what a reader sees: a file shown by ``cat`` is written. What stands below another command, if anything
  does, must be what it prints, ``...`` being anything; one that fails ends with the line ``[exit status N]``.

With pytest-xdist the blocks of a page must stay together: ``--dist loadfile``.
"""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser

collect_ignore_glob = [
    "docs/*.py",  # scripts, which make pages and pictures
    "adhelpers/command_line/skeleton/*",  # of what `adhelpers plugin new` writes
]

NOT_RUN = {
    r"\bpip install\b": "it installs; the sessions of nox do that, `build` in an empty environment",
    r"\bpip wheel\b": "so does this",
    r"\bnox\b": "it runs these very tests",
}
"""Which commands are not run, and why."""

OUTPUT = doctest.OutputChecker()


def run_lines(example: Example) -> str | None:
    """Run a block of ``sh``; what is wrong, if anything."""
    for command in example.parsed.replace("\\\n", " ").splitlines():
        status, output = run(command)
        if status:
            return f"$ {command}\n{output}\nended with exit status {status}"
    return None


def run_session(example: Example) -> str | None:
    """Run a block of ``console``; what is wrong, if anything."""
    for part in re.split(r"^\$ ", example.parsed, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        if command.startswith("cat ") and shown.strip():
            Path(command.removeprefix("cat ")).write_text(shown.rstrip() + "\n", encoding="utf-8")
            continue
        status, output = run(command)
        failed = re.search(r"^\[exit status (\d+)\]\n*\Z", shown, flags=re.MULTILINE)
        if status != (int(failed[1]) if failed else 0):
            return f"$ {command}\n{output}\nended with exit status {status}"
        shown = shown[: failed.start()] if failed else shown
        flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
        if shown.strip() and not OUTPUT.check_output(shown.strip(), output.strip(), flags):
            return f"$ {command}\n{output}\nwas printed, where the page has\n\n{shown}"
    return None


def run(command: str) -> tuple[int, str]:
    """The exit status of one command and what it prints; nothing of one that is not to be run."""
    if any(re.search(pattern, command) for pattern in NOT_RUN):
        return 0, ""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", command],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    return done.returncode, done.stdout


def enter(namespace: dict[str, Any]) -> None:
    """Begin a page: in an empty folder, but for the environment that a reader has made."""
    patch = pytest.MonkeyPatch()
    folder = tempfile.TemporaryDirectory()
    patch.chdir(folder.name)
    patch.syspath_prepend(folder.name)
    Path(".venv").symlink_to(sys.prefix)
    namespace["_page"] = patch, folder


def leave(namespace: dict[str, Any]) -> None:
    """End a page, and forget the modules in its folder."""
    patch, folder = namespace["_page"]
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(folder.name):
            del sys.modules[name]
    patch.undo()
    folder.cleanup()


pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(), CodeBlockParser("sh", run_lines), CodeBlockParser("console", run_session)],
    patterns=["README.md", "docs/*.md", "docs/*/*.md"],
    # The README of an example is run where that is installed; tests/test_plugin_guide.py follows the guide.
    excludes=["*/*/README.md", "docs/plugins.md"],
    setup=enter,
    teardown=leave,
).pytest()
