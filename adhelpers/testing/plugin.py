"""What `adhelpers conformance` adds to pytest: its options, the closing table, and the report for machines.

Load it with ``-p adhelpers.testing.plugin`` to have the same in a test run of your own.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import pytest

from adhelpers import ADBackend, Capability, __version__
from adhelpers.comparison.shown.tables import Table
from adhelpers.plugins import lookup
from adhelpers.testing.conformance import OUT_OF_REACH
from adhelpers.testing.operations import implements
from adhelpers.testing.rules import RULES
from adhelpers.testing.scenario import SUITE_VERSION
from adhelpers.testing.suite import scenarios

OUTCOMES = ("passed", "failed", "known failure", "not declared", OUT_OF_REACH)


@dataclass(frozen=True)
class Outcome:
    """What became of a scenario on a backend."""

    backend: str
    rule: str
    scenario: str
    outcome: str
    reason: str


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add this library's options."""
    group = parser.getgroup("adhelpers")
    group.addoption("--adhelpers-backend", metavar="NAME", help="the backend whose conformance is tested")
    group.addoption("--adhelpers-suite-version", type=int, metavar="N", help="the version of the suite")
    group.addoption(
        "--adhelpers-timeout", type=float, default=60.0, metavar="SECONDS", help="how long a scenario may take"
    )
    group.addoption("--adhelpers-json", metavar="FILE", help="write a report for machines")


def pytest_configure(config: pytest.Config) -> None:
    """Watch the run, in the one process that hears of all tests."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Report(config), "adhelpers-report")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Watch each scenario of the command."""
    if not item.config.getoption("adhelpers_backend"):
        return (yield)
    done = threading.Event()
    threading.Thread(target=_watch, args=(item, done), daemon=True).start()
    try:
        return (yield)
    finally:
        done.set()


def _watch(item: pytest.Item, done: threading.Event) -> None:
    """Give up a scenario that waits, or takes too long, but not one that a busy machine is slow with."""
    longest = item.config.getoption("adhelpers_timeout")
    start = before = time.process_time()
    while not done.wait(longest):
        now = time.process_time()
        if now - before < longest / 10:
            _give_up(item, "waits, perhaps for a lock that the backend has not released")
        elif now - start > longest:
            _give_up(item, f"has used {now - start:.0f} s of the processor's time; --timeout allows more")
        before = now


def _give_up(item: pytest.Item, words: str) -> None:
    """Tell where each thread is, and what was found before."""
    report: Any = item.config.pluginmanager.getplugin("adhelpers-report")
    capture = item.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled() if capture else contextlib.nullcontext():
        sys.stderr.write(
            f"\n{item.name} still runs after {item.config.getoption('adhelpers_timeout'):g} s, and {words}\n"
        )
        for thread in threading.enumerate():
            frame = sys._current_frames().get(thread.ident or 0)
            if frame is not None and thread is not threading.current_thread():
                sys.stderr.write(f"\nThread {thread.name}:\n{''.join(traceback.format_stack(frame)[-_FRAMES:])}")
        sys.stderr.flush()
        if report is not None:
            report.interrupted = True
            sys.stdout.write("\n".join(report.tables()) + "\n")
            report.write()
            sys.stdout.flush()
    os._exit(1)  # nothing gentler ends a thread that waits


_FRAMES = 12
"""So many calls are shown of each thread."""


class _Report:
    """Collects outcomes and tells them."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.outcomes: list[Outcome] = []
        self.interrupted = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        place: Any = dict(report.user_properties).get("adhelpers")
        if place is not None and (report.when == "call" or report.failed):
            backend, rule, scenario = place
            self.outcomes.append(Outcome(backend, rule, scenario, *_outcome(report)))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._nothing_ran():
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _nothing_ran(self) -> bool:
        """Whether no scenario was judged, though the command was to test a backend."""
        judged = (o for o in self.outcomes if o.rule in RULES and o.outcome in ("passed", "failed", "known failure"))
        options = self.config.option
        asked = self.config.getoption("adhelpers_backend") and not (options.collectonly or options.showfixtures)
        return bool(asked) and not any(judged)

    def pytest_keyboard_interrupt(self) -> None:
        self.interrupted = True

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for line in self.tables():
            terminalreporter.write_line(line)
        if self._nothing_ran():
            terminalreporter.write_line("no scenario ran: a run that tests nothing is a failure")
        self.write()

    def tables(self) -> Iterator[str]:
        """A table for each backend, and its known failures."""
        for name in self._backends():
            yield f"\n{self._table(name)}"
            known = [o for o in self._outcomes_of(name) if o.outcome == "known failure"]
            yield from (f"* known failure {outcome.scenario}: {outcome.reason}" for outcome in known)

    def write(self) -> None:
        """Write the report for machines, if one is wanted."""
        path, backends = self.config.getoption("adhelpers_json"), self._backends()
        if path and backends:
            with open(path, "w", encoding="utf-8") as file:
                json.dump({name: self._report(name) for name in backends}, file, indent=1)

    def _backends(self) -> list[str]:
        return list(dict.fromkeys(outcome.backend for outcome in self.outcomes))

    def _outcomes_of(self, name: str) -> list[Outcome]:
        """In the order of the suite, whichever of several processes was done first."""
        places = {scenario.name: i for i, scenario in enumerate(scenarios(self._version()))}
        own = [outcome for outcome in self.outcomes if outcome.backend == name]
        return sorted(own, key=lambda outcome: places.get(outcome.scenario, -1))

    def _counts(self, name: str) -> dict[str, Counter[str]]:
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for outcome in self.outcomes:
            if outcome.backend == name:
                counts[outcome.rule][outcome.outcome] += 1
        return counts

    def _table(self, name: str) -> str:
        counts = self._counts(name)
        order = [rule for rule in ("declarations", *RULES) if rule in counts]
        rows = [[rule, RULES.get(rule, ("",))[0], *(_number(counts[rule][o]) for o in OUTCOMES)] for rule in order]
        total: Counter[str] = sum(counts.values(), Counter())
        rows.append(["all", "", *(_number(total[outcome]) for outcome in OUTCOMES)])
        title = f"Conformance of {name!r} with adhelpers {__version__}, suite version {self._version()}"
        if self.interrupted:
            title += " (INTERRUPTED: not all scenarios ran)"
        return Table(title, ["rule", "", *OUTCOMES], rows).plain()

    def _report(self, name: str) -> dict[str, Any]:
        description = lookup.current().descriptions.get(name)
        own = self._outcomes_of(name)
        complete = len(own) > len(scenarios(self._version()))  # these, and the declarations
        return {
            "adhelpers": __version__,
            "suite_version": self._version(),
            "framework": description and description.framework,
            "framework_version": description and description.framework_version,
            "capabilities": capabilities(lookup.backend(name)) if description else None,
            "complete": complete,
            "conforms": complete and not any(o.outcome == "failed" for o in own),
            "rules": {rule: dict(counter) for rule, counter in self._counts(name).items()},
            "scenarios": [asdict(outcome) for outcome in own],
        }

    def _version(self) -> int:
        return int(self.config.getoption("adhelpers_suite_version") or SUITE_VERSION)


def capabilities(backend: ADBackend) -> dict[str, str]:
    """How a backend comes by each capability: ``"native"``, ``"derived"``, ``"yes"`` or ``"no"``."""
    found = {}
    for capability in Capability:
        declared = capability in backend.capabilities
        found[capability.value] = "yes" if declared else "no"
    for capability, method in ((Capability.FORWARD, "jvp"), (Capability.REVERSE, "vjp")):
        if capability in backend.capabilities:
            found[capability.value] = "native" if implements(backend, method) else "derived"
    return found


def _number(count: int) -> str:
    return str(count) if count else "-"


def _outcome(report: pytest.TestReport) -> tuple[str, str]:
    """What became of a test, and why."""
    if report.passed:
        return "passed", ""
    if report.failed:
        return "failed", report.longreprtext
    if hasattr(report, "wasxfail"):
        return "known failure", report.wasxfail.removeprefix("reason: ")
    reason = report.longrepr[2].removeprefix("Skipped: ") if isinstance(report.longrepr, tuple) else ""
    return (OUT_OF_REACH if reason.startswith(OUT_OF_REACH) else "not declared"), reason
