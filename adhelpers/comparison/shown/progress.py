"""Progress of long work: each step on a terminal, one line elsewhere."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def on_terminal(
    delay: float = 1.0, line: str | None = None, line_after: float = 0.0
) -> Iterator[Callable[[str], None]]:
    """A function that shows each step, after `delay` seconds, if standard error is a terminal.

    Without rich it prints lines, always after one second. Without a terminal it prints only `line`, at the first step
    after `line_after` seconds.
    """
    if not sys.stderr.isatty():
        yield _once(line, line_after)
        return
    try:
        from rich.console import Console
    except ImportError:
        lines = _Lines()
        try:
            yield lines
        finally:
            lines.timer.cancel()
        return
    status = Console(stderr=True).status("starting")
    timer = threading.Timer(delay, status.start)
    timer.daemon = True
    if delay:
        timer.start()
    else:
        status.start()
    try:
        yield status.update
    finally:
        timer.cancel()
        if timer.ident is not None:
            timer.join()
        status.stop()


def _once(line: str | None, after: float) -> Callable[[str], None]:
    start, told = time.monotonic(), line is None

    def tell(text: str) -> None:
        nonlocal told
        if not told and time.monotonic() - start >= after:
            _write(f"adhelpers: {line}")
            told = True

    return tell


class _Lines:
    """One line for each step, beginning with the step that runs after one second."""

    def __init__(self) -> None:
        self._started = threading.Event()
        self._latest = "starting"
        self.timer = threading.Timer(1.0, self._start)
        self.timer.daemon = True
        self.timer.start()

    def __call__(self, text: str) -> None:
        self._latest = text
        if self._started.is_set():
            _write(self._latest)

    def _start(self) -> None:
        self._started.set()
        _write(self._latest)


def _write(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
