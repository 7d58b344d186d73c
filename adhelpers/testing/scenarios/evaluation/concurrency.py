"""Operations from several threads at once (R11)."""

from __future__ import annotations

import sys
import threading
import time
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


THREADS, TURNS = 6, 5


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

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    try:
        in_threads(subject.backend, [partial(work, seed) for seed in range(THREADS)])
    finally:
        sys.setswitchinterval(interval)


for _operation, _needs in OPERATIONS.items():
    _needed = {*_needs, Capability.THREADS}
    SCENARIOS.add(f"threads/{_operation}", "R11", _needed)(partial(_threads, [_operation], False))
_all = frozenset().union(*OPERATIONS.values())
SCENARIOS.add("threads/all", "R11", {*_all, Capability.THREADS})(partial(_threads, list(OPERATIONS), False))
SCENARIOS.add("threads/nested", "R11", {*_all, Capability.THREADS, Capability.NESTING})(
    partial(_threads, list(OPERATIONS), True)
)
