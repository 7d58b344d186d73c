"""How long a check may go on: what computes is given time, what waits for nothing is not."""

from __future__ import annotations

import time

_LOOKS = 20
"""So many looks make a window, at the end of which something is decided."""

_WAITING = 0.01
"""What uses a smaller part of a window waits: however busy a machine is, it leaves more to what computes."""


class Patience:
    """Limits for the seconds in which a process waits for nothing, and for those of the processor that it uses.

    Time passes by the looks of whoever watches, so that a process which is stopped for a while does not age. What
    computes on several cores at once has its seconds by the clock as well.
    """

    def __init__(self, waiting: float, computing: float) -> None:
        self.tick = waiting / _LOOKS
        self._waiting, self._computing = waiting, computing
        self._looks = 0
        self._start = self._before = time.process_time()

    def ran_out(self) -> str:
        """To be called once a tick: in words why there is nothing more to hope for, or nothing."""
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
