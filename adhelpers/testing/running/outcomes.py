"""The outcome of each scenario, and how it is shown: a table for each backend, failures by cause, a report."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from adhelpers import ADBackend, Capability, __version__
from adhelpers.comparison.shown.tables import Table
from adhelpers.plugins import lookup
from adhelpers.testing.operations import implements
from adhelpers.testing.rules import RULES
from adhelpers.testing.running.causes import Why
from adhelpers.testing.subject import HANGS
from adhelpers.testing.suite import scenarios

OUT_OF_REACH = "too inexact"
"""The start of the reason of a scenario that was not judged, although its capabilities are declared."""

OUTCOMES = ("passed", "failed", "known failure", "not declared", OUT_OF_REACH)


@dataclass(frozen=True)
class Outcome:
    """The outcome of a scenario on a backend, and why it failed."""

    backend: str
    rule: str
    scenario: str
    outcome: str
    reason: str
    why: Why | None = None

    @classmethod
    def died(cls, backend: str, name: str, words: str) -> Outcome:
        """The outcome of a scenario during which the process ended; `name` is the name of its test."""
        rule, _, scenario = name.partition("-")
        return cls(backend, rule, scenario or rule, "failed", words, Why(HANGS, words.strip().partition("\n")[0]))

    @property
    def name(self) -> str:
        """The name of its test, for ``-k``."""
        return self.scenario if self.scenario == self.rule else f"{self.rule}-{self.scenario}"


@dataclass(frozen=True)
class Outcomes:
    """The outcomes of a run of one version of the suite, which may have been interrupted."""

    version: int
    all: Sequence[Outcome]
    interrupted: bool = False

    def judged(self) -> bool:
        """Whether any scenario was judged."""
        return any(o.rule in RULES and o.outcome in ("passed", "failed", "known failure") for o in self.all)

    def failures(self) -> Iterator[str]:
        """The messages of all failures."""
        for outcome in self.all:
            if outcome.outcome == "failed":
                yield f"\n{f' {outcome.name} ':_^80}\n{outcome.reason}"

    def tables(self) -> Iterator[str]:
        """A table for each backend, its known failures, and its failures by cause."""
        for name in self._backends():
            yield f"\n{self._table(name)}"
            own = self._of(name)
            yield from (f"* known failure {o.scenario}: {o.reason}" for o in own if o.outcome == "known failure")
            failed = [outcome for outcome in own if outcome.outcome == "failed"]
            if failed:
                yield "\nFailures by cause"
                yield from by_cause(failed)

    def write(self, path: str) -> None:
        """Write the machine-readable report, if there is anything to report."""
        if self._backends():
            with open(path, "w", encoding="utf-8") as file:
                json.dump({name: self._report(name) for name in self._backends()}, file, indent=1)

    def _backends(self) -> list[str]:
        return list(dict.fromkeys(outcome.backend for outcome in self.all))

    def _of(self, name: str) -> list[Outcome]:
        """The outcomes of a backend in the order of the suite, which several processes may not keep."""
        places = {scenario.name: i for i, scenario in enumerate(scenarios(self.version))}
        own = [outcome for outcome in self.all if outcome.backend == name]
        return sorted(own, key=lambda outcome: places.get(outcome.scenario, -1))

    def _counts(self, name: str) -> dict[str, Counter[str]]:
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for outcome in self.all:
            if outcome.backend == name:
                counts[outcome.rule][outcome.outcome] += 1
        return counts

    def _table(self, name: str) -> str:
        counts = self._counts(name)
        order = [rule for rule in ("declarations", *RULES) if rule in counts]
        rows = [[rule, RULES.get(rule, ("",))[0], *(_number(counts[rule][o]) for o in OUTCOMES)] for rule in order]
        total: Counter[str] = sum(counts.values(), Counter())
        rows.append(["all", "", *(_number(total[outcome]) for outcome in OUTCOMES)])
        title = f"Conformance of {name!r} with adhelpers {__version__}, suite version {self.version}"
        if self.interrupted:
            title += " (INTERRUPTED: not all scenarios ran)"
        return Table(title, ["promise", "", *OUTCOMES], rows).plain()

    def _report(self, name: str) -> dict[str, Any]:
        description = lookup.current().descriptions.get(name)
        own = self._of(name)
        complete = len(own) > len(scenarios(self.version))  # all of them, and the declarations
        return {
            "adhelpers": __version__,
            "suite_version": self.version,
            "framework": description and description.framework,
            "framework_version": description and description.framework_version,
            "capabilities": capabilities(lookup.backend(name)) if description else None,
            "complete": complete,
            "conforms": complete and not any(o.outcome == "failed" for o in own),
            "rules": {rule: dict(counter) for rule, counter in self._counts(name).items()},
            "scenarios": [asdict(outcome) for outcome in own],
        }


def by_cause(failed: Sequence[Outcome]) -> Iterator[str]:
    """A few lines for each cause, the most frequent first."""
    groups: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in failed:
        groups[outcome.why.cause if outcome.why else outcome.reason.strip().partition("\n")[0]].append(outcome)
    for cause, group in sorted(groups.items(), key=lambda item: -len(item[1])):
        whys = [outcome.why for outcome in group if outcome.why]
        sizes = sorted(why.off_by for why in whys if why.off_by is not None)
        off = f" (off by {sizes[0]:.0e} to {sizes[-1]:.0e} of the largest entry)" if sizes else ""
        example = f": {whys[0].example}" if whys and whys[0].example else ""
        names = [outcome.name for outcome in group]
        more = f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        yield f"{len(group):5}  {cause}{off}{example}"
        yield f"       {', '.join(names[:_SHOWN])}{more}"


_SHOWN = 4
"""The number of scenarios named for each cause."""


def capabilities(backend: ADBackend) -> dict[str, str]:
    """Whether a backend has each capability: ``"native"``, ``"derived"``, ``"yes"`` or ``"no"``."""
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
