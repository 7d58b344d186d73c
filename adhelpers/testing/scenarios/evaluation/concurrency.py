"""Operations from several threads at once (R11)."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from adhelpers import Capability
from adhelpers.testing.operations import OPERATIONS, differentiate
from adhelpers.testing.running.threads import in_threads
from adhelpers.testing.scenario import Catalogue
from adhelpers.testing.subject import Subject

SCENARIOS = Catalogue()

X, U = np.array([[0.5, 1.5, -2.0]]), np.array([[1.0, -0.5, 2.0]])
C = np.array([[2.0, 0.5, -1.5]])
THREADS, TURNS, SHARED_TURNS = 6, 5, 10


def _threads(operations: list[str], nested: bool, subject: Subject) -> None:
    """Threads that are inside f at the same time, each with its own function and point."""
    start = threading.Barrier(THREADS)

    def work(seed: int, mine: Subject) -> None:
        def f(xp: Any, x: Any) -> Any:
            time.sleep(0.0005 * (seed % 3))  # lets other threads run in between
            return (1.0 + seed) * x**3

        start.wait(60)
        for turn in range(TURNS):
            point, direction = X * (1.0 + turn), U * (1.0 + seed)
            x, u = mine.arrays(point), mine.arrays(direction)
            for operation in operations[seed % len(operations) :] + operations[: seed % len(operations)]:
                received = differentiate(mine, operation, f, x, u)
                mine.expect_close(received, (1.0 + seed) * 3 * point**2 * direction)
                if nested:
                    inner = lambda xp, x, o=operation: differentiate(mine, o, f, x, xp.ones_like(x))  # noqa: E731
                    received = differentiate(mine, operation, inner, x, u)
                    mine.expect_close(received, (1.0 + seed) * 6 * point * direction, depth=2)

    _interleaved(subject, 1e-4, work)


def _interleaved(subject: Subject, interval: float, work: Callable[[int, Subject], None]) -> None:
    """Run `work` in threads that take turns every so many seconds."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(interval)
    try:
        in_threads(subject.backend, [partial(work, seed) for seed in range(THREADS)])
    finally:
        sys.setswitchinterval(before)


def _shared(operations: list[str], subject: Subject) -> None:
    """Threads that differentiate one function at one point: all share these arrays, and what f closes over."""
    x, u, c = subject.arrays(X), subject.arrays(U), subject.arrays(C)
    before = [_writable(array) for array in (x, u, c)]
    subject.numpy([x, u, c])  # a lazy framework may compute an array in no other thread than that which made it
    start = threading.Barrier(THREADS)

    def f(xp: Any, x: Any) -> Any:
        time.sleep(0)  # another thread goes on
        return c * x**3

    def work(seed: int, mine: Subject) -> None:
        start.wait(60)
        for operation in SHARED_TURNS * operations:
            received = differentiate(mine, operation, f, x, u)
            mine.expect_close(received, C * 3 * X**2 * U)

    _interleaved(subject, 1e-6, work)  # so that they change places between two lines
    for name, array, value, could in zip("xuc", (x, u, c), (X, U, C), before, strict=True):
        subject.expect_equal(array, subject.in_precision(value), what=f"{name} after the calls")
        subject.expect(
            _writable(array) == could,
            f"{name}, which all threads share, {'can no longer' if could else 'can now'} be changed in place",
            "every array as it was before the calls",
        )


def _writable(array: Any) -> bool:
    """Whether an array can be changed in place."""
    try:
        array[0, 0] = array[0, 0]
    except Exception:  # whatever a framework raises
        return False
    return True


for _operation, _needs in OPERATIONS.items():
    _needed = {*_needs, Capability.THREADS}
    SCENARIOS.add(f"threads/{_operation}", "R11", _needed)(partial(_threads, [_operation], False))
_all = frozenset().union(*OPERATIONS.values())
SCENARIOS.add("threads/all", "R11", {*_all, Capability.THREADS})(partial(_threads, list(OPERATIONS), False))
SCENARIOS.add("threads/shared", "R11", {*_all, Capability.THREADS}, since=2)(partial(_shared, list(OPERATIONS)))
SCENARIOS.add("threads/nested", "R11", {*_all, Capability.THREADS, Capability.NESTING})(
    partial(_threads, list(OPERATIONS), True)
)
