"""What a terminal shows while something is compared."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys

import pytest

from adhelpers.comparison.shown.progress import on_terminal

SLOW = """
import time
import numpy as np
from adhelpers import compare
def slow(x):
    time.sleep(0.4)
    return x
compare(slow, np.ones(2), backends=["finite-difference"], timing=False, operations=["jvp"])
"""


@pytest.mark.parametrize("rich", [True, False])
def test_work_of_more_than_a_second_shows_progress_on_a_terminal(rich: bool) -> None:
    pty = pytest.importorskip("pty")
    if rich:
        pytest.importorskip("rich")
    script = SLOW if rich else "import sys; sys.modules['rich.console'] = None\n" + SLOW
    ours, theirs = pty.openpty()
    with subprocess.Popen([sys.executable, "-c", script], stdout=theirs, stderr=theirs) as run:
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # Linux says so when the other end is closed
            while part := os.read(ours, 4096):
                shown += part
    os.close(ours)
    assert run.returncode == 0, shown
    assert b"slow: jvp on finite-difference" in shown


def test_nothing_is_told_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with on_terminal(0.0) as tell:
        tell("a step")
    assert capsys.readouterr() == ("", "")


def test_one_line_is_told_without_a_terminal_where_there_is_one_to_tell(capsys: pytest.CaptureFixture[str]) -> None:
    with on_terminal(0.0, "this takes a minute") as tell:
        assert capsys.readouterr() == ("", "")  # what is refused at once takes no time
        tell("a step")
        assert capsys.readouterr() == ("", "adhelpers: this takes a minute\n")  # before the work, not after it
        tell("another")
    assert capsys.readouterr() == ("", "")
    with on_terminal(0.0, "this takes a minute", line_after=60.0) as tell:
        tell("a step")
    assert capsys.readouterr() == ("", "")
