"""The lists: which operator fails in which way, and why. They are strict."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LISTS = Path(__file__).parent / "lists"
LISTED = ("refused", "raises")
"""What an entry can say that comes of a check: an error that says what is missing, or another."""

EXCUSED = "unjudged"
"""What an entry by hand says of a check whose values differ from differences and are not wrong: it is not looked at."""

Key = tuple[str, str]
"""An operator and a check."""


@dataclass(frozen=True)
class Entry:
    """A line of a list: what comes of some checks of an operator, and why."""

    verdict: str
    why: str


@dataclass(frozen=True)
class Found:
    """What came of a check, at one sample at least."""

    verdict: str
    words: str
    call: str


def read(name: str) -> dict[Key, Entry]:
    """The list of a corpus: ``operator | checks | verdict | why``, a line each; others begin with a hash."""
    path, entries = LISTS / f"{name}.txt", {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        if line and not line.startswith("#"):
            operator, checks, verdict, why = (part.strip() for part in line.split(" | ", 3))
            entries.update({(operator, check): Entry(verdict, why) for check in checks.split(", ")})
    return entries


def write(name: str, entries: dict[Key, Entry]) -> None:
    """The same list, with checks that fare alike on one line."""
    lines: dict[tuple[str, Entry], list[str]] = defaultdict(list)
    for (operator, check), entry in entries.items():
        lines[operator, entry].append(check)
    text = [
        f"{op} | {', '.join(checks)} | {e.verdict} | {e.why}" for (op, e), checks in sorted(lines.items(), key=_order)
    ]
    (LISTS / f"{name}.txt").write_text("\n".join([_HEADING, *text]) + "\n", encoding="utf-8")


_HEADING = """\
# What cannot be differentiated, as `python -m corpora --update` wrote it; what is unjudged was entered by hand.
# operator | checks | verdict | why"""


def _order(item: tuple[tuple[str, Entry], list[str]]) -> tuple[str, str]:
    return item[0][0], item[1][0]


def found(results: Iterable[dict[str, Any]]) -> dict[Key, dict[str, Found]]:
    """For each check of an operator its verdicts, each with the words of the first sample that had it."""
    verdicts: dict[Key, dict[str, Found]] = defaultdict(dict)
    for result in results:
        for check, verdict, words in result["outcomes"]:
            verdicts[result["operator"], check].setdefault(verdict, Found(verdict, words, result["words"]))
    return verdicts


def faults(results: list[dict[str, Any]], entries: dict[Key, Entry], *, complete: bool = True) -> list[str]:
    """What is wrong, what fails unlisted, and, of complete results, what is listed and does not fail."""
    verdicts, lines = found(results), []
    for key, given in verdicts.items():
        entry = entries.get(key)
        for verdict in ("wrong", *LISTED):
            listed = entry is not None and entry.verdict in (EXCUSED, *({verdict} - {"wrong"}))
            if verdict in given and not listed:
                lines.append(_line(key, given[verdict]))
    run = {operator for operator, _ in verdicts}
    for key, entry in entries.items() if complete else ():
        wanted = {"wrong", *LISTED} if entry.verdict == EXCUSED else {entry.verdict}
        if key[0] in run and wanted.isdisjoint(verdicts.get(key, {})):
            lines.append(f"{key[0]}, {key[1]}: listed as {entry.verdict} ({entry.why}), and it is not any more")
    return lines


def _line(key: Key, what: Found) -> str:
    return f"{key[0]}, {key[1]}: {what.verdict}: {what.words}\n    {what.call}"


def updated(results: list[dict[str, Any]], entries: dict[Key, Entry]) -> dict[Key, Entry]:
    """The list as the results have it: reasons are kept where nothing changed. A wrong value is never entered."""
    verdicts = found(results)
    run = {operator for operator, _ in verdicts}
    new = {key: entry for key, entry in entries.items() if key[0] not in run}
    for key, given in verdicts.items():
        entry = entries.get(key)
        if entry is not None and entry.verdict == EXCUSED and not {"wrong", *LISTED}.isdisjoint(given):
            new[key] = entry
            continue
        for verdict in LISTED:
            if verdict in given:
                new[key] = (
                    entry if entry is not None and entry.verdict == verdict else Entry(verdict, given[verdict].words)
                )
    return new
