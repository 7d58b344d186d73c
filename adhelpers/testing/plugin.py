"""What `adhelpers conformance` adds to pytest: its options, the closing table, and the report for machines.

Load it with ``-p adhelpers.testing.plugin`` to have the same in a test run of your own.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from typing import Any

import pytest

from adhelpers import __version__, registry, tables
from adhelpers.contract import ADBackend, Capability
from adhelpers.testing.conformance import OUT_OF_REACH
from adhelpers.testing.operations import implements
from adhelpers.testing.scenario import RULES, SUITE_VERSION

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
    group.addoption("--adhelpers-json", metavar="FILE", help="write a report for machines")


def pytest_configure(config: pytest.Config) -> None:
    """Watch the run, in the one process that hears of all tests."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Report(config), "adhelpers-report")


class _Report:
    """Collects outcomes and tells them."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.outcomes: list[Outcome] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        place: Any = dict(report.user_properties).get("adhelpers")
        if place is not None and (report.when == "call" or report.failed):
            backend, rule, scenario = place
            self.outcomes.append(Outcome(backend, rule, scenario, *_outcome(report)))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        ran = any(outcome.outcome in ("passed", "failed", "known failure") for outcome in self.outcomes)
        if not ran and self.config.getoption("adhelpers_backend") and not self.config.option.collectonly:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        backends = list(dict.fromkeys(outcome.backend for outcome in self.outcomes))
        for name in backends:
            terminalreporter.write_line(f"\n{self._table(name)}")
            known = [o for o in self.outcomes if o.backend == name and o.outcome == "known failure"]
            for outcome in known:
                terminalreporter.write_line(f"* known failure {outcome.scenario}: {outcome.reason}")
        if not self.outcomes and self.config.getoption("adhelpers_backend"):
            terminalreporter.write_line("no scenario ran: a run that tests nothing is a failure")
        path = self.config.getoption("adhelpers_json")
        if path:
            with open(path, "w", encoding="utf-8") as file:
                json.dump({name: self._report(name) for name in backends}, file, indent=1)

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
        return tables.plain(title, ["rule", "", *OUTCOMES], rows)

    def _report(self, name: str) -> dict[str, Any]:
        description = registry.current().descriptions.get(name)
        return {
            "adhelpers": __version__,
            "suite_version": self._version(),
            "framework": description and description.framework,
            "framework_version": description and description.framework_version,
            "capabilities": capabilities(registry.backend(name)) if description else None,
            "rules": {rule: dict(counter) for rule, counter in self._counts(name).items()},
            "scenarios": [asdict(outcome) for outcome in self.outcomes if outcome.backend == name],
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
