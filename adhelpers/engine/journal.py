"""What is decided while an operation runs, told to whoever listens: `explain`, or the logger at DEBUG."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from adhelpers.plugins.rule import runs_for

LOGGER = "adhelpers"
_DEBUG = 10  # logging.DEBUG; logging is slow to import, and seldom needed


class Note(NamedTuple):
    """One thing that was decided or seen.

    Attributes
    ----------
    topic
        What it is about: ``"backend"``, ``"mode"``, ``"sweep"``, ``"formulation"``, ``"fallback"``, ``"check"``,
        ``"copies"``, ``"trial"``, ``"code"`` or ``"constant"``.
    words
        A sentence.
    times
        How often in succession it was so.
    """

    topic: str
    words: str
    times: int = 1


@dataclass
class ExplainedCall:
    """One call of an operation, and what was decided in it.

    Attributes
    ----------
    operation, function, backend
        Their names.
    notes
        What was decided, a `Note` each, in order.
    depth
        In how many other calls it took place: 0 for those that the user made.
    seconds
        How long it took.
    """

    operation: str
    function: str
    backend: str
    notes: list[Note] = field(default_factory=list)
    depth: int = 0
    seconds: float | None = None

    def __str__(self) -> str:
        indent = "  " * self.depth
        took = "" if self.seconds is None else f", {in_words(self.seconds)}"
        lines = [f"{self.operation} of {self.function} by {self.backend}{took}"]
        for topic, words, times in self.notes:
            lines.append(f"  {topic:<12} {words}{f' ({times} times)' if times > 1 else ''}")
        return "\n".join(indent + line for line in lines)


@dataclass
class Explanation:
    """What `explain` collected; printing it shows all of it.

    Attributes
    ----------
    calls
        An `ExplainedCall` for each operation that was called, in the order in which they began.
    """

    calls: list[ExplainedCall] = field(default_factory=list)

    def __str__(self) -> str:
        return "\n".join(map(str, self.calls)) or "no operation was called"


_LISTENING: ContextVar[Explanation | None] = ContextVar("adhelpers_explanation", default=None)
_RUNNING: ContextVar[ExplainedCall | None] = ContextVar("adhelpers_call", default=None)
_NOTHING = ExplainedCall("nothing", "", "", depth=-1)
"""What runs while somebody listens, and no operation was called yet."""


@contextlib.contextmanager
def explain() -> Iterator[Explanation]:
    """Collect what the operations called inside decide: backend, mode, sweeps, fallbacks, checks and trials.

    The same goes to the logger ``"adhelpers"`` at level DEBUG, with or without this. Operations that other threads call
    are for the logger alone. A prepared call that runs its code decides nothing, and is not logged.

    Yields
    ------
    Explanation
        It grows as operations are called, and may be printed at any time.

    Examples
    --------
    >>> import numpy, adhelpers
    >>> with adhelpers.explain() as log:
    ...     H = adhelpers.jacobian(lambda x: x**2, "finite-difference", numpy.ones(3))
    >>> print(log)  # doctest: +ELLIPSIS
    jacobian of <lambda> by finite-difference, ...
      mode         forward: finite-difference has no reverse mode
      sweep        3 vectors pushed forward, all at once
    """
    explanation = Explanation()
    listening, running = _LISTENING.set(explanation), _RUNNING.set(_RUNNING.get() or _NOTHING)
    try:
        yield explanation
    finally:
        _RUNNING.reset(running)
        _LISTENING.reset(listening)


def is_explained() -> bool:
    """Whether somebody wants operations that begin now explained."""
    return _LISTENING.get() is not None


def is_heard() -> bool:
    """Whether anybody listens to an operation that begins now, or to one that it is part of."""
    if _RUNNING.get() is not None:
        return True
    return bool(_found.isEnabledFor(_DEBUG)) if _found else _logger() is not None


def is_listening() -> bool:
    """Whether anybody listens to the operation that is running."""
    call = _RUNNING.get()
    return call is not None and call is not _NOTHING


QUESTIONS = (is_explained, is_heard, is_listening, runs_for)
"""Functions that every operation asks, and whose answer no array changes: for compilers that trace Python."""


def tell(topic: str, words: str) -> None:
    """Note something about the operation that is running; ask `is_listening` before `words` are made."""
    call = _RUNNING.get()
    if call is None or call is _NOTHING:
        return
    last = call.notes[-1] if call.notes else None
    if last is not None and last[:2] == (topic, words):
        call.notes[-1] = last._replace(times=last.times + 1)
    else:
        call.notes.append(Note(topic, words))
    logger = _logger()
    if logger is not None:
        logger.debug("%s of %s by %s: %s: %s", call.operation, call.function, call.backend, topic, words)


def inform(message: str, *about: object) -> None:
    """Log at INFO what users may want to know without asking."""
    import logging  # slow, and seldom needed

    logging.getLogger(LOGGER).info(message, *about)


def warn(message: str, *about: object) -> None:
    """Log at WARNING what makes results wrong, though nothing failed."""
    import logging

    logging.getLogger(LOGGER).warning(message, *about)


@contextlib.contextmanager
def call_of(operation: str, f: object, backend: str, explanation: Explanation | None = None) -> Iterator[None]:
    """Note what is decided inside as that of one call, for `explain` or for the `explanation` that is given."""
    outer = _RUNNING.get()
    depth = 0 if outer is None else outer.depth + 1
    call = ExplainedCall(operation, f if isinstance(f, str) else name_of(f), backend, depth=depth)
    for listener in (explanation, _LISTENING.get()):
        if listener is not None:
            listener.calls.append(call)
    token = _RUNNING.set(call)
    start = time.perf_counter()
    try:
        yield
    finally:
        call.seconds = time.perf_counter() - start
        _RUNNING.reset(token)


def part_of(name: str) -> AbstractContextManager[None]:
    """Note what is decided inside as that of a part of the running call, if anybody listens to that."""
    running = _RUNNING.get()
    if running is None or running is _NOTHING:
        return contextlib.nullcontext()
    return call_of(name, running.function, running.backend)


def name_of(f: object) -> str:
    """What a function calls itself."""
    return getattr(f, "__name__", None) or type(f).__name__


def one_line(words: object) -> str:
    """The words of an error, say, on one line."""
    return " ".join(str(words).split())


def raised(error: BaseException) -> str:
    """That an error was raised, on one line."""
    return f"{type(error).__name__} was raised: {one_line(error)}"


def in_words(seconds: float) -> str:
    """A time in a unit that suits it."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} µs"


def _logger() -> Any:
    """The logger, if it takes messages of level DEBUG; where logging was never imported, nobody listens."""
    global _found
    if _found is None:
        get_logger = getattr(sys.modules.get("logging"), "getLogger", None)  # None while a thread imports it
        if get_logger is None:
            return None
        _found = get_logger(LOGGER)
    return _found if _found.isEnabledFor(_DEBUG) else None


_found: Any = None
"""The logger, once it was looked up."""
