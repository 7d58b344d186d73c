"""What a run leaves in a folder, for a process that outlives it: the outcomes so far, and where each process is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from adhelpers.testing.running.causes import Why
from adhelpers.testing.running.outcomes import Outcome


class Record:
    """The folder; one process writes outcomes, and each in which scenarios run has a file that says which one."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)
        self._outcomes = self._folder / "outcomes"
        self._status = self._folder / "status"

    def add(self, outcome: Outcome) -> None:
        """Write down one more."""
        with self._outcomes.open("a", encoding="utf-8") as file:
            file.write(f"{json.dumps(asdict(outcome))}\n")

    def outcomes(self) -> list[Outcome]:
        """Those that were written down."""
        text = self._outcomes.read_text(encoding="utf-8") if self._outcomes.exists() else ""
        lines = text.rpartition("\n")[0].splitlines()  # the last may be half a line
        return [Outcome(**{**entry, "why": entry["why"] and Why(**entry["why"])}) for entry in map(json.loads, lines)]

    def enter(self, pid: int, scenario: str) -> None:
        """That process begins a scenario, or none."""
        (self._folder / f"{pid}.at").write_text(scenario, encoding="utf-8")

    def give_up(self, pid: int, words: str) -> None:
        """That process gives up its scenario, and ends."""
        with (self._folder / f"{pid}.at").open("a", encoding="utf-8") as file:
            file.write(f"\n{words}")

    def beat(self, pid: int) -> None:
        """That process still runs Python."""
        (self._folder / f"{pid}.at").touch()

    def running(self) -> Iterator[tuple[int, int, str, str]]:
        """The processes in a scenario: number, time of the latest beat, the scenario, and why it was given up."""
        for path in self._folder.glob("*.at"):
            scenario, _, words = path.read_text(encoding="utf-8").partition("\n")
            if scenario:
                yield int(path.stem), path.stat().st_mtime_ns, scenario, words

    def died(self, scenario: str) -> str:
        """A process died in that scenario: why it was given up, if it was."""
        pid, words = next(((pid, words) for pid, _, name, words in self.running() if name == scenario), (0, ""))
        self.enter(pid, "")
        return words

    def end(self, status: int) -> None:
        """All is told, and the run ends with that status."""
        self._status.write_text(str(status), encoding="utf-8")

    def status(self) -> int | None:
        """With what the run ended; None if it did not, or by itself."""
        return int(self._status.read_text(encoding="utf-8") or 1) if self._status.exists() else None
