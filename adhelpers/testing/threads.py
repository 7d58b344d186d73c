"""Checks in threads of their own, which may be waiting for ever."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from adhelpers import ADBackend
from adhelpers.testing.subject import Failure, Subject, section

PATIENCE = 20.0
"""How many seconds a thread may take."""

_hopeless: set[type[ADBackend]] = set()
"""Backends that have kept a thread waiting: the next ones need not wait as long to be sure."""


def in_threads(backend: ADBackend, checks: Sequence[Callable[[Subject], None]]) -> None:
    """Run each check in a thread with a subject of its own; raise what the first of them to fail raised."""
    errors: list[BaseException] = []

    def work(check: Callable[[Subject], None]) -> None:
        subject = Subject(backend)
        try:
            with backend.scope():
                check(subject)
        except Failure as failure:
            errors.append(Failure(section("in a thread", f"one of {len(checks)}") + subject.last_call + str(failure)))
        except BaseException as error:  # noqa: BLE001  # handed on
            errors.append(error)

    # Daemons, for a thread that waits for a lock which nobody will release must not keep the process alive.
    threads = [threading.Thread(target=work, args=(check,), daemon=True) for check in checks]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + (1.0 if type(backend) in _hopeless else PATIENCE)
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    if errors:
        raise errors[0]
    if any(thread.is_alive() for thread in threads):
        _hopeless.add(type(backend))
        words = "a thread that does not come back: a lock that another call has not released?"
        raise Failure(section("received", words) + section("expected", "every thread to finish"))
