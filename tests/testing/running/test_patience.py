"""What waits for nothing is told from what a busy machine is slow with."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from adhelpers.testing.running.patience import Patience


class Processor:
    """Gives a process so many seconds of its time, for each that passes."""

    def __init__(self, share: float) -> None:
        self.share, self.used = share, 100.0

    def words(self, patience: Patience, seconds: float) -> Iterator[tuple[float, str]]:
        """What is said in that time, and when."""
        for look in range(1, round(seconds / patience.tick) + 1):
            self.used += self.share * patience.tick
            words = patience.ran_out()
            if words:
                yield look * patience.tick, words


@pytest.mark.parametrize(
    ("share", "first", "words"),
    [
        (0.0, 60, "waits"),
        (0.005, 60, "waits"),  # what looks whether it may go on uses a little
        (0.02, None, ""),  # fifty others want the same core
        (0.1, 600, "has used 60 s of the processor's time"),
        (1.0, 60, "has used 60 s of the processor's time"),
        (64.0, 60, "has used 3840 s of the processor's time"),  # threads that spin: a minute is a minute
    ],
)
def test_what_waits_is_told_from_what_computes(
    monkeypatch: pytest.MonkeyPatch, share: float, first: float | None, words: str
) -> None:
    processor = Processor(share)
    monkeypatch.setattr(time, "process_time", lambda: processor.used)
    said = next(processor.words(Patience(60.0, 60.0), 1200.0), (None, ""))
    assert said[0] == (None if first is None else pytest.approx(first))
    assert words in said[1]


def test_a_wait_after_work_is_found_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    processor = Processor(1.0)
    monkeypatch.setattr(time, "process_time", lambda: processor.used)
    patience = Patience(2.0, 60.0)
    assert list(processor.words(patience, 5.0)) == []
    processor.share = 0.0
    assert next(processor.words(patience, 10.0))[0] <= 4.0


def test_a_process_that_was_stopped_has_not_aged(monkeypatch: pytest.MonkeyPatch) -> None:
    patience = Patience(1.0, 1.0)
    for clock in ("monotonic", "time", "perf_counter"):
        monkeypatch.setattr(time, clock, lambda: 1e9)
    assert patience.ran_out() == ""
