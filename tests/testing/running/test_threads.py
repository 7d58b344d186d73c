"""Checks in threads, some of which never come back."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from strangers import Install
from toy_suite import TOY, conformance, toy

from adhelpers.testing import Failure
from adhelpers.testing.running import threads
from adhelpers.testing.subject import Subject
from adhelpers_plugins.finite_difference import FiniteDifferenceBackend


def test_a_lock_that_is_not_released_is_found_and_the_message_says_after_what(install: Install, tmp_path: Path) -> None:
    lock = """
    def jvp(self, f, x, u):
        LOCK.acquire()
        result = super().jvp(f, x, u)
        LOCK.release()
        return result
"""
    toy(install, f"import threading\nLOCK = threading.RLock()\n{TOY}{lock}")
    done = conformance(tmp_path, "-k", "R10-MineError-in-f/jvp or R10-TypeError-in-f/jvp")
    assert done.returncode == 1
    assert "a thread that does not finish" in done.stdout
    assert "after\n    a call of jvp in which f raised MineError('mine')" in done.stdout


def test_each_check_has_a_thread_and_a_subject_of_its_own() -> None:
    together = threading.Barrier(3, timeout=10)
    seen: list[tuple[int, Subject]] = []

    def check(subject: Subject) -> None:
        together.wait()  # which ends only if three threads are there at once
        seen.append((threading.get_ident(), subject))

    threads.in_threads(FiniteDifferenceBackend(), [check] * 3)
    assert len({thread for thread, _ in seen}) == len({id(subject) for _, subject in seen}) == 3
    assert threading.get_ident() not in {thread for thread, _ in seen}


def test_a_failure_says_that_it_befell_a_thread() -> None:
    def check(subject: Subject) -> None:
        subject.record("something(f)")
        subject.expect(False, "one", "two")

    words = r"^in a thread\n    one of 2\ncalled\n    something\(f\)\nreceived\n    one\n"
    with pytest.raises(Failure, match=words):
        threads.in_threads(FiniteDifferenceBackend(), [lambda subject: None, check])


def test_any_other_error_is_raised_as_it_is() -> None:
    error = SystemExit("mine")

    def check(subject: Subject) -> None:
        raise error

    with pytest.raises(SystemExit) as raised:
        threads.in_threads(FiniteDifferenceBackend(), [check])
    assert raised.value is error


def test_a_backend_that_kept_a_thread_waiting_is_given_less_time_the_next_time(monkeypatch: pytest.MonkeyPatch) -> None:
    class Waiting(FiniteDifferenceBackend):
        pass

    monkeypatch.setattr(threads, "PATIENCE", 1.5)
    release = threading.Event()
    waited = []
    for _ in range(2):
        start = time.monotonic()
        with pytest.raises(Failure, match="a thread that does not finish"):
            threads.in_threads(Waiting(), [lambda subject: release.wait(60)])
        waited.append(time.monotonic() - start)
    release.set()
    assert waited[0] >= 1.5
    assert 1.0 <= waited[1] < waited[0]
