"""Checks in separate threads, which may wait for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from adhelpers import ADBackend
from adhelpers.testing.running.patience import Patience
from adhelpers.testing.subject import HANGS, Failure, Subject, section

PATIENCE, COMPUTING = 20.0, 60.0
"""The seconds that threads may wait without computing, and the seconds that they may compute."""

SOON = 1.0
"""The seconds that threads may wait if the backend is known to keep threads waiting."""

_hopeless: set[type[ADBackend]] = set()
"""Backends that have kept a thread waiting: later threads get less time."""


def in_threads(backend: ADBackend, checks: Sequence[Callable[[Subject], None]], waiting: float | None = None) -> None:
    """Run each check in a thread with its own subject; raise the error of the first that fails.

    They fail together after `waiting` seconds without computing, by default `PATIENCE`.
    """
    errors: list[BaseException] = []

    def work(check: Callable[[Subject], None]) -> None:
        subject = Subject(backend)
        try:
            with backend.scope():
                check(subject)
        except Failure as failure:
            errors.append(failure.after(section("in a thread", f"one of {len(checks)}") + str(subject.last_call)))
        except BaseException as error:  # noqa: BLE001  # handed on
            errors.append(error)

    # Daemons, because a thread that waits for a lock for ever must not keep the process alive.
    threads = [threading.Thread(target=work, args=(check,), daemon=True) for check in checks]
    for thread in threads:
        thread.start()
    patience = Patience(waiting or (SOON if type(backend) in _hopeless else PATIENCE), COMPUTING)
    words = ""
    while (alive := [thread for thread in threads if thread.is_alive()]) and not words:
        alive[0].join(patience.tick)
        if alive[0].is_alive():
            words = patience.ran_out()
    if errors:
        raise errors[0]
    if alive:
        _hopeless.add(type(backend))
        received = f"a thread that does not finish: this process {words}"
        raise Failure(section("received", received) + section("expected", "every thread to finish"), HANGS)
