"""The sentences of a report, for every format: the verdict, and each finding once."""

from __future__ import annotations

from adhelpers.comparison.phrases import enumerated
from adhelpers.comparison.results import Report, Result
from adhelpers.comparison.shown.parts import has_one_function

VERBS = {
    "differs": ("differs", "differ"),
    "failed": ("fails", "fail"),
    "unsupported": ("lacks a rule", "lack a rule"),
    "kink": ("is at a kink of f", "are at a kink of f"),
    "unchecked": ("has nothing precise enough to be compared with", "have nothing precise enough to be compared with"),
}
"""The words for one result or backend that does not agree, and for several."""
MOST_PHRASES = 4
"""A verdict with more phrases gives counts instead."""


def verdict(report: Report) -> str:
    """How many results agree, and which do not."""
    statuses = [result.status for result in report.results]
    if set(statuses) <= {"unchecked"}:
        if len(report.backends) == 1:
            return f"Nothing was compared: {report.backends[0]} is alone; name or install a second backend."
        return "Nothing was compared: at least two backends must give a result."
    operations: dict[tuple[str, str], dict[str, None]] = {}
    for result in report.results:
        if result.status != "agrees":
            operations.setdefault((result.status, result.backend), {})[result.operation] = None
    backends: dict[tuple[str, str], list[str]] = {}
    for (status, backend), names in operations.items():
        backends.setdefault((status, enumerated(names)), []).append(backend)
    phrases = [
        f"{enumerated(named)} {VERBS[status][len(named) > 1]} in {place}" for (status, place), named in backends.items()
    ]
    if len(phrases) > MOST_PHRASES:
        counts = {status: statuses.count(status) for status in VERBS if status in statuses}
        phrases = [enumerated(f"{count} {VERBS[status][count > 1]}" for status, count in counts.items())]
    agree = f"{statuses.count('agrees')} of {len(statuses)} results agree"
    return " ".join(f"{phrase}." for phrase in (agree, *phrases))


def explanations(report: Report) -> list[str]:
    """A line for each fault and its place; a fault that several operations share is said once."""
    found: dict[tuple[str, str], list[str]] = {}
    failures: dict[tuple[str, str], list[Result]] = {}
    for result in report.results:
        if result.error is not None:
            failures.setdefault((result.function, result.error), []).append(result)
    for (function, error), results in failures.items():
        backends = enumerated(dict.fromkeys(result.backend for result in results))
        found[function, f"on {backends}: {error}"] = list(dict.fromkeys(result.operation for result in results))
    told = {f"on {result.backend} {result.error}" for result in report.results}  # findings repeat it
    for finding in report.findings:
        for sentence in finding.words:
            if sentence not in told:
                found.setdefault((finding.function, sentence), []).append(finding.operation)
    lines = []
    for (function, sentence), operations in found.items():
        place = enumerated(operations) if has_one_function(report) else f"{function}, {enumerated(operations)}"
        lines.append(f"{place} {sentence}" if sentence.startswith("on ") else f"{place}: {sentence}")
    return lines


def legend(report: Report) -> list[str]:
    """The meaning of the columns in the table of times; nothing without times."""
    if all(result.seconds is None for result in report.results):
        return []
    words = (
        "times: the first call traces, and may compile; a repeated call is the same call again; preparing is "
        "adhelpers.prepare and the first prepared call; a prepared call is each further one"
    )
    return [words]
