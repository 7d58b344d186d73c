"""Decisions of running operations, for `explain` and for the logger at level DEBUG."""

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
_DEBUG = 10  # logging.DEBUG, without importing logging, which is slow


class Note(NamedTuple):
    """One decision or observation.

    Attributes
    ----------
    topic
        The subject: ``"backend"``, ``"mode"``, ``"sweep"``, ``"formulation"``, ``"fallback"``, ``"check"``,
        ``"copies"``, ``"trial"``, ``"code"`` or ``"constant"``.
    words
        The decision, in words.
    times
        How many times in a row it was noted.
    """

    topic: str
    words: str
    times: int = 1


@dataclass
class ExplainedCall:
    """One call of an operation, and the decisions made in it.

    Attributes
    ----------
    operation, function, backend
        The names of the operation, the function and the backend.
    notes
        The decisions in order, each a `Note`.
    depth
        The nesting depth: 0 for a call that the user made.
    seconds
        The time that the call took, or None while it runs.
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
    """The record that `explain` collects; print it to read it.

    Attributes
    ----------
    calls
        An `ExplainedCall` for each call of an operation, in the order of their beginnings.
    """

    calls: list[ExplainedCall] = field(default_factory=list)

    def __str__(self) -> str:
        return "\n".join(map(str, self.calls)) or "no operation was called"


_LISTENING: ContextVar[Explanation | None] = ContextVar("adhelpers_explanation", default=None)
_RUNNING: ContextVar[ExplainedCall | None] = ContextVar("adhelpers_call", default=None)
_NOTHING = ExplainedCall("nothing", "", "", depth=-1)
"""Stands for the running call before any operation is called."""


@contextlib.contextmanager
def explain() -> Iterator[Explanation]:
    """Record what operations in the ``with`` block decide: backend, mode, sweeps, fallbacks, checks and trials.

    The logger ``"adhelpers"`` gets the same at level DEBUG, also without `explain`. Operations in other threads appear
    in the logger only. A prepared call that runs compiled code decides nothing, and is not logged.

    Yields
    ------
    Explanation
        It grows with each call, and can be printed at any time.

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
    """Whether an `explain` block is active."""
    return _LISTENING.get() is not None


def is_heard() -> bool:
    """Whether anybody listens to an operation that begins now, or to an enclosing one."""
    if _RUNNING.get() is not None:
        return True
    return bool(_found.isEnabledFor(_DEBUG)) if _found else _logger() is not None


def is_listening() -> bool:
    """Whether anybody listens to the running operation."""
    call = _RUNNING.get()
    return call is not None and call is not _NOTHING


QUESTIONS = (is_explained, is_heard, is_listening, runs_for)
"""Functions that every operation calls and whose result does not depend on arrays, for compilers that trace Python."""


def tell(topic: str, words: str) -> None:
    """Note something about the running operation; ask `is_listening` before making `words`."""
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
    """Log at INFO what users may want to know unasked."""
    import logging  # slow, and seldom needed

    logging.getLogger(LOGGER).info(message, *about)


def warn(message: str, *about: object) -> None:
    """Log at WARNING what makes results wrong although nothing failed."""
    import logging

    logging.getLogger(LOGGER).warning(message, *about)


@contextlib.contextmanager
def call_of(operation: str, f: object, backend: str, explanation: Explanation | None = None) -> Iterator[None]:
    """Note the decisions inside as one call, for `explain` or for the given `explanation`."""
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
    """Note the decisions inside as a part of the running call, if anybody listens."""
    running = _RUNNING.get()
    if running is None or running is _NOTHING:
        return contextlib.nullcontext()
    return call_of(name, running.function, running.backend)


def name_of(f: object) -> str:
    """The name of a function."""
    return getattr(f, "__name__", None) or type(f).__name__


def one_line(words: object) -> str:
    """Words, such as those of an error, on one line."""
    return " ".join(str(words).split())


def raised(error: BaseException) -> str:
    """The statement on one line that an error was raised."""
    return f"{type(error).__name__} was raised: {one_line(error)}"


def in_words(seconds: float) -> str:
    """A time in a unit that suits it."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} µs"


def _logger() -> Any:
    """The logger, if it accepts level DEBUG; if logging was never imported, nobody listens."""
    global _found
    if _found is None:
        get_logger = getattr(sys.modules.get("logging"), "getLogger", None)  # None while a thread imports it
        if get_logger is None:
            return None
        _found = get_logger(LOGGER)
    return _found if _found.isEnabledFor(_DEBUG) else None


_found: Any = None
"""The logger, once it has been looked up."""
