"""What a run leaves for a process that outlives it."""

from __future__ import annotations

from pathlib import Path

from adhelpers.testing.running.causes import Why
from adhelpers.testing.running.outcomes import Outcome
from adhelpers.testing.running.record import Record

PASSED = Outcome("toy", "R1", "list/jvp", "passed", "")
FAILED = Outcome("toy", "R7", "sine/jvp", "failed", "two\nlines", Why("TypeError", "TypeError in f", "no int"))


def test_outcomes_come_back_but_for_half_a_line(tmp_path: Path) -> None:
    record = Record(str(tmp_path))
    assert record.outcomes() == []
    record.add(PASSED)
    record.add(FAILED)
    with (tmp_path / "outcomes").open("a") as file:
        file.write('{"backend": "toy", "ru')
    assert Record(str(tmp_path)).outcomes() == [PASSED, FAILED]


def test_it_knows_who_is_where(tmp_path: Path) -> None:
    record = Record(str(tmp_path))
    record.enter(11, "R7-sine/jvp")
    record.enter(12, "R1-list/jvp")
    record.enter(12, "")
    ((pid, before, scenario, words),) = record.running()
    assert (pid, scenario, words) == (11, "R7-sine/jvp", "")
    while next(record.running())[1] == before:
        record.beat(11)
    record.give_up(11, "it waits")
    assert [found[2:] for found in record.running()] == [("R7-sine/jvp", "it waits")]


def test_a_process_that_died_is_nowhere(tmp_path: Path) -> None:
    record = Record(str(tmp_path))
    for pid, scenario in ((11, "R7-sine/jvp"), (12, "R1-list/jvp")):
        record.enter(pid, scenario)
    record.give_up(11, "it waits")
    assert record.died("R7-sine/jvp") == "it waits"
    assert record.died("R7-sine/jvp") == ""
    assert [found[0] for found in record.running()] == [12]


def test_a_run_that_did_not_end_has_no_status(tmp_path: Path) -> None:
    record = Record(str(tmp_path))
    assert record.status() is None
    record.end(0)
    assert record.status() == 0
