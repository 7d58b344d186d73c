"""Tell on a terminal what is being done, once it has taken a while."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def on_terminal(delay: float = 1.0) -> Iterator[Callable[[str], None]]:
    """A function that tells what is being done, after `delay` seconds, if standard error is a terminal.

    Without rich it tells by lines, and always after a second.
    """
    if not sys.stderr.isatty():
        yield lambda text: None
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


class _Lines:
    """One line for each step, from that on which is being done after a second."""

    def __init__(self) -> None:
        self._started = threading.Event()
        self._latest = "starting"
        self.timer = threading.Timer(1.0, self._start)
        self.timer.daemon = True
        self.timer.start()

    def __call__(self, text: str) -> None:
        self._latest = text
        if self._started.is_set():
            self._write()

    def _start(self) -> None:
        self._started.set()
        self._write()

    def _write(self) -> None:
        sys.stderr.write(f"{self._latest}\n")
        sys.stderr.flush()
