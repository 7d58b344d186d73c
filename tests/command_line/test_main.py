"""The command line as a whole: exit status 0 when all agree, 1 when not, 2 for bad usage."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from commands import PAIR, SHAPE, Main, Refused, process

BAD_USAGE = {
    "no command": ((), "required: {backends,compare,conformance,plugin}; `adhelpers --help`"),
    "unknown command": (("compute",), "invalid choice: 'compute' (choose from "),
    "unknown option": (("backends", "--all"), "unrecognized arguments: --all; `adhelpers backends --help`"),
}


@pytest.mark.parametrize(("arguments", "words"), BAD_USAGE.values(), ids=BAD_USAGE)
def test_bad_usage_exits_with_2_and_one_line(refused: Refused, arguments: tuple[str, ...], words: str) -> None:
    assert words in refused(*arguments)


def test_interruption_has_no_traceback(main: Main) -> None:
    Path("interrupts.py").write_text("raise KeyboardInterrupt\n")
    assert main("compare", "interrupts.py:f", *SHAPE) == (130, "", "adhelpers: interrupted\n")


def test_status_of_the_process_is_that_of_the_command(tmp_path: Path) -> None:
    run = process("compare", "f.py", *PAIR, cwd=tmp_path)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == "adhelpers: write FILE.py:function, but 'f.py' was given\n"


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
def test_reader_that_has_seen_enough_is_no_error(unbuffered: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "adhelpers", "compare", "--backends", "finite-difference"]
    environ = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    run = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False, env=environ)
    os.close(writer)
    assert (run.returncode, run.stderr.count("\n")) == (0, 1)  # the line of progress


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_exit_with_0(main: Main, capsys: pytest.CaptureFixture[str], option: str) -> None:
    with pytest.raises(SystemExit) as exited:
        main(option)
    assert exited.value.code == 0
    assert capsys.readouterr().out


def test_neither_the_command_nor_the_report_loads_numpy_before_something_is_compared() -> None:
    script = (
        "import sys, adhelpers.command_line.main, adhelpers.comparison\n"
        "assert not {'numpy', 'rich', 'matplotlib', 'pytest'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
