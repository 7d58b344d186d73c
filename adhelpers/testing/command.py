"""``adhelpers conformance NAME``: the suite under pytest, from any directory, in a process that may crash or hang."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from adhelpers.testing.running.outcomes import Outcome, Outcomes
from adhelpers.testing.running.record import Record
from adhelpers.testing.scenario import SUITE_VERSION

_HERE = Path(__file__).parent
_GRACE = 5.0
"""The seconds that a process has to end."""


def run(
    name: str, *, suite_version: int | None, timeout: float | None, json: str | None, options: Sequence[str]
) -> int:
    """Run the suite for a backend of that name; `options` are pytest's own.

    Returns
    -------
    status
        0 if the backend conforms, 1 if not, 2 if the backend cannot be loaded or pytest did not understand the options.
    """
    json = json and os.path.abspath(json)
    with tempfile.TemporaryDirectory() as folder:
        arguments = [
            str(_HERE / "run.py"),
            # Ignore settings and fixtures of the working directory, and leave no cache there.
            *("-c", os.devnull, "--rootdir", os.getcwd(), "--noconftest", "-p", "no:cacheprovider"),
            *("-p", "adhelpers.testing.plugin", "--adhelpers-backend", name, "--adhelpers-record", folder),
            *("-q", "--no-header", "--tb=short", "-rN"),
        ]
        for option, value in (("suite-version", suite_version), ("timeout", timeout), ("json", json)):
            arguments += [f"--adhelpers-{option}", str(value)] if value is not None else []
        child = subprocess.Popen([sys.executable, "-c", _IN_THE_CHILD.format(path=sys.path), *arguments, *options])
        record = Record(folder)
        try:
            interrupted = _interrupted(child, record, timeout or 60.0, debugged=bool({"--pdb", "--trace"} & {*options}))
        finally:
            child.kill()
            child.wait()
        status = record.status()
        if status is None:
            _tell(record, name, _end(child), suite_version or SUITE_VERSION, json)
    if interrupted:
        raise KeyboardInterrupt
    return 0 if status == pytest.ExitCode.OK else 2 if status == pytest.ExitCode.USAGE_ERROR else 1


_IN_THE_CHILD = """
import sys
sys.path[:] = {path!r}
from adhelpers.testing.command import run_pytest
run_pytest(sys.argv[1:])
"""


def run_pytest(arguments: list[str]) -> None:
    """Run pytest in this process, and write its status to the record; threads may go on after that."""
    status = pytest.main(arguments)
    sys.stdout.flush()
    Record(arguments[arguments.index("--adhelpers-record") + 1]).end(int(status))
    sys.exit(status)


def _interrupted(child: subprocess.Popen[bytes], record: Record, timeout: float, *, debugged: bool) -> bool:
    """Wait for the end of the run; returns whether an interruption ended it, which the child also received."""
    while True:
        try:
            _wait(child, record, timeout)
        except KeyboardInterrupt:
            if not debugged:  # a debugger handles the key itself
                _take_leave(child)
                return True
        else:
            return False


def _wait(child: subprocess.Popen[bytes], record: Record, timeout: float) -> None:
    """Wait for the end of the run, and end a scenario that keeps Python from running, even the watching thread."""
    tick, leave = min(1.0, timeout / 10), _GRACE
    silent: dict[tuple[int, int], float] = {}
    while _runs(child, tick) and leave > 0:
        # Count looks instead of clock time, because this process is stopped and continued with the others.
        beats = [(pid, beat) for pid, beat, _, words in record.running() if not words]
        silent = {beat: silent.get(beat, 0.0) + tick for beat in beats}
        for (pid, _), seconds in silent.items():
            if seconds > 2 * timeout:
                words = f"it has not let Python run for {seconds:g} s: it waits or computes in compiled code"
                record.give_up(pid, words)
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGABRT)  # makes faulthandler show where each thread is
        if record.status() is not None:
            leave -= tick


def _runs(child: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether it still runs after that time."""
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        return True
    return False


def _take_leave(child: subprocess.Popen[bytes]) -> None:
    """Let an interrupted process print its results; ask again, and then end it."""
    for number in (None, signal.SIGINT, signal.SIGABRT):
        if number is not None:
            child.send_signal(number)
        if not _runs(child, _GRACE):
            return


def _end(child: subprocess.Popen[bytes]) -> str:
    if child.returncode < 0:
        return f"the process was ended by {signal.Signals(-child.returncode).name}"
    return f"the process ended by itself, with status {child.returncode}"


def _tell(record: Record, name: str, end: str, version: int, json: str | None) -> None:
    """Print what failed, including the end of the process, and the table so far, if the process did not."""
    dead = [Outcome.died(name, scenario, words or end) for _, _, scenario, words in record.running()]
    told = Outcomes(version, [*record.outcomes(), *dead], interrupted=True)
    lines = [*told.failures(), *told.tables(), *([] if dead else [end])]
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    if json:
        told.write(json)
