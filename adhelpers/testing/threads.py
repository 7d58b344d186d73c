"""Checks in threads of their own, which may be waiting for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from adhelpers.contract import ADBackend
from adhelpers.testing.subject import Failure, Subject, section


def in_threads(backend: ADBackend, checks: Sequence[Callable[[Subject], None]], seconds: float = 60.0) -> None:
    """Run each check in a thread with a subject of its own; raise what the first of them to fail raised."""
    errors: list[BaseException] = []

    def work(check: Callable[[Subject], None]) -> None:
        subject = Subject(backend)
        try:
            with backend.scope():
                check(subject)
        except BaseException as error:  # noqa: BLE001  # handed on
            errors.append(error)

    # Daemons, for a thread that waits for a lock which nobody will release must not keep the process alive.
    threads = [threading.Thread(target=work, args=(check,), daemon=True) for check in checks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds)
    if errors:
        raise errors[0]
    if any(thread.is_alive() for thread in threads):
        words = f"a thread that still waits after {seconds:g} s, for a lock perhaps"
        raise Failure(section("received", words) + section("expected", "every thread to finish"))
