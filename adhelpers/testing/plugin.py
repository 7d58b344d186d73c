"""The pytest plugin of `adhelpers conformance`: options, the closing table, and the machine-readable report.

Add ``-p adhelpers.testing.plugin`` to have these in your own test run.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import traceback
from collections.abc import Generator
from typing import Any

import pytest

from adhelpers import AdhelpersError
from adhelpers.plugins import lookup
from adhelpers.testing.running.causes import Why
from adhelpers.testing.running.outcomes import OUT_OF_REACH, Outcome, Outcomes
from adhelpers.testing.running.patience import Patience
from adhelpers.testing.running.record import Record
from adhelpers.testing.scenario import SUITE_VERSION

_PARENT = os.getppid()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add this library's options."""
    group = parser.getgroup("adhelpers")
    group.addoption("--adhelpers-backend", metavar="NAME", help="the backend to test")
    group.addoption("--adhelpers-suite-version", type=int, metavar="N", help="the version of the suite")
    group.addoption(
        "--adhelpers-timeout", type=float, default=60.0, metavar="SECONDS", help="the most time of one scenario"
    )
    group.addoption("--adhelpers-json", metavar="FILE", help="write a machine-readable report")
    group.addoption(
        "--adhelpers-record", metavar="FOLDER", help="for `adhelpers conformance`: the record in case this process dies"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Collect the outcomes, in the one process that receives all reports."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Report(config), "adhelpers-report")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """Refuse a backend that cannot be loaded, with a message of one line."""
    try:
        if config.getoption("adhelpers_backend"):
            lookup.backend(config.getoption("adhelpers_backend"))
    except AdhelpersError as error:
        sys.stderr.write(f"adhelpers: {' '.join(str(error).split())}\n")
        return pytest.ExitCode.USAGE_ERROR
    return None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Name the command's tests by their scenarios in headlines; in lists `_Report` does so."""
    if config.getoption("adhelpers_backend"):
        for item in items:
            item.location = (_name(item.nodeid), None, _name(item.nodeid))


def _name(node: str) -> str:
    """A scenario's name, with its rule, from the name of its test."""
    return node.rpartition("::")[2].partition("[")[2].removesuffix("]") or "declarations"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Watch each scenario of the command for a timeout, unless a debugger is in use."""
    folder = item.config.getoption("adhelpers_record")
    if not folder or item.config.getoption("usepdb") or item.config.getoption("trace"):
        return (yield)
    record, done = Record(folder), threading.Event()
    record.enter(os.getpid(), _name(item.nodeid))
    threading.Thread(target=_watch, args=(item, record, done), daemon=True).start()
    try:
        return (yield)
    finally:
        done.set()
        record.enter(os.getpid(), "")


def _watch(item: pytest.Item, record: Record, done: threading.Event) -> None:
    """End a scenario that waits without computing, or computes for too long."""
    seconds = item.config.getoption("adhelpers_timeout")
    patience = Patience(seconds, seconds)
    while not done.wait(patience.tick):
        record.beat(os.getpid())
        words = patience.ran_out()
        if words:
            record.give_up(os.getpid(), f"it was ended after {seconds:g} s: it {words}; --timeout allows more")
            _show_stacks(item)
            os._exit(1)  # nothing else ends a thread that waits


def _show_stacks(item: pytest.Item) -> None:
    """Print the stack of each thread."""
    capture = item.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled() if capture else contextlib.nullcontext():
        sys.stdout.flush()
        for thread in threading.enumerate():
            frame = sys._current_frames().get(thread.ident or 0)
            if frame is not None and thread is not threading.current_thread():
                sys.stderr.write(f"\nThread {thread.name}:\n{''.join(traceback.format_stack(frame)[-_FRAMES:])}")
        sys.stderr.flush()


_FRAMES = 12
"""The number of calls shown of each thread."""


class _Report:
    """Collects outcomes and prints them."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.backend: str | None = config.getoption("adhelpers_backend")
        folder = config.getoption("adhelpers_record")
        self.record = Record(folder) if folder else None
        self.outcomes: list[Outcome] = []
        self.interrupted = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if self.record and os.getppid() != _PARENT:
            os._exit(1)  # the command was killed
        if self.backend:
            report.nodeid = _name(report.nodeid)
        properties: Any = dict(report.user_properties)
        if "adhelpers" in properties and (report.when == "call" or report.failed):
            backend, rule, scenario = properties["adhelpers"]
            why = properties.get("adhelpers-why")
            self._add(Outcome(backend, rule, scenario, *_outcome(report), why and Why(**why)))
        elif report.failed and self.backend:  # a process of pytest-xdist has died
            report.longrepr = (self.record and self.record.died(report.nodeid)) or "its process died"
            report.location = (report.nodeid, None, report.nodeid)
            self._add(Outcome.died(self.backend, report.nodeid, report.longrepr))

    def _add(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        if self.record:
            self.record.add(outcome)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._nothing_ran():
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _nothing_ran(self) -> bool:
        """Whether no scenario was judged, though the command tests a backend."""
        options = self.config.option
        asked = self.backend and not (options.collectonly or options.showfixtures)
        return bool(asked) and not self._told().judged()

    def pytest_keyboard_interrupt(self) -> None:
        self.interrupted = True

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        told, path = self._told(), self.config.getoption("adhelpers_json")
        for line in told.tables():
            terminalreporter.write_line(line)
        if self._nothing_ran():
            terminalreporter.write_line("no scenario ran: a run that tests nothing fails")
        if path:
            told.write(path)

    def _told(self) -> Outcomes:
        version = int(self.config.getoption("adhelpers_suite_version") or SUITE_VERSION)
        return Outcomes(version, self.outcomes, self.interrupted)


def _outcome(report: pytest.TestReport) -> tuple[str, str]:
    """The outcome of a test, and its reason."""
    if report.passed:
        return "passed", ""
    if report.failed:
        return "failed", report.longreprtext
    if hasattr(report, "wasxfail"):
        return "known failure", report.wasxfail.removeprefix("reason: ")
    reason = report.longrepr[2].removeprefix("Skipped: ") if isinstance(report.longrepr, tuple) else ""
    return (OUT_OF_REACH if reason.startswith(OUT_OF_REACH) else "not declared"), reason
