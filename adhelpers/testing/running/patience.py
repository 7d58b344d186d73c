"""How long a check may take: a check that computes gets time, a check that only waits does not."""

from __future__ import annotations

import time

_LOOKS = 20
"""The number of looks in a window; each window ends with a decision."""

_WAITING = 0.01
"""A process that uses a smaller part of a window is waiting: even a busy machine gives more to a computation."""


class Patience:
    """Limits for the seconds in which a process waits without computing, and for its processor time.

    Time is counted in the watcher's looks, so that a stopped process does not use up its time. A computation on several
    cores ends only when its limit has also passed on this clock.
    """

    def __init__(self, waiting: float, computing: float) -> None:
        self.tick = waiting / _LOOKS
        self._waiting, self._computing = waiting, computing
        self._looks = 0
        self._start = self._before = time.process_time()

    def ran_out(self) -> str:
        """Call it once a tick: returns why to give up, or an empty text."""
        self._looks += 1
        if self._looks % _LOOKS:
            return ""
        now = time.process_time()
        waits, self._before = now - self._before < _WAITING * self._waiting, now
        if waits:
            return "waits, perhaps for a lock that the backend has not released"
        if min(now - self._start, self._looks * self.tick) >= self._computing:
            return f"has used {now - self._start:.0f} s of the processor's time"
        return ""
