"""The record of a run in a folder, for a process that outlives it: outcomes so far, and each process's scenario."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from adhelpers.testing.running.causes import Why
from adhelpers.testing.running.outcomes import Outcome


class Record:
    """The folder: one process writes outcomes, and each process that runs scenarios has a file with the current one."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)
        self._outcomes = self._folder / "outcomes"
        self._status = self._folder / "status"

    def add(self, outcome: Outcome) -> None:
        """Append an outcome."""
        with self._outcomes.open("a", encoding="utf-8") as file:
            file.write(f"{json.dumps(asdict(outcome))}\n")

    def outcomes(self) -> list[Outcome]:
        """The outcomes so far."""
        text = self._outcomes.read_text(encoding="utf-8") if self._outcomes.exists() else ""
        lines = text.rpartition("\n")[0].splitlines()  # the last may be half a line
        return [Outcome(**{**entry, "why": entry["why"] and Why(**entry["why"])}) for entry in map(json.loads, lines)]

    def enter(self, pid: int, scenario: str) -> None:
        """Record that a process begins a scenario; an empty name means none."""
        (self._folder / f"{pid}.at").write_text(scenario, encoding="utf-8")

    def give_up(self, pid: int, words: str) -> None:
        """Record that a process gives up its scenario, and ends."""
        with (self._folder / f"{pid}.at").open("a", encoding="utf-8") as file:
            file.write(f"\n{words}")

    def beat(self, pid: int) -> None:
        """Record that a process still runs Python."""
        (self._folder / f"{pid}.at").touch()

    def running(self) -> Iterator[tuple[int, int, str, str]]:
        """The processes in a scenario: number, time of the latest beat, the scenario, and why it was given up."""
        for path in self._folder.glob("*.at"):
            scenario, _, words = path.read_text(encoding="utf-8").partition("\n")
            if scenario:
                yield int(path.stem), path.stat().st_mtime_ns, scenario, words

    def died(self, scenario: str) -> str:
        """Why a scenario was given up, or an empty text, after the death of its process."""
        pid, words = next(((pid, words) for pid, _, name, words in self.running() if name == scenario), (0, ""))
        self.enter(pid, "")
        return words

    def end(self, status: int) -> None:
        """Record that the run ends with that status, after all output."""
        self._status.write_text(str(status), encoding="utf-8")

    def status(self) -> int | None:
        """The status of the run; None if it has not ended, or ended without one."""
        return int(self._status.read_text(encoding="utf-8") or 1) if self._status.exists() else None
