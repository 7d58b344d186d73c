"""Derivative rules that a framework lacks, and what stands in for them.

A backend without a mode is nothing special: it is one for which every function lacks the rule.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from adhelpers.caches import FUNCTIONS
from adhelpers.engine import journal
from adhelpers.errors import UnsupportedOperationError
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.functions import Leaves

T = TypeVar("T")


class Function(Protocol):
    """What is differentiated: the user's function between leaves, or a derivative of it."""

    function: Callable[..., Any]
    """The user's, with which is remembered what was seen of it."""
    args: tuple[Any, ...]
    """Its further arguments."""

    @property
    def kind(self) -> str:
        """What tells functions apart that are made of one of the user's."""

    def __call__(self, *leaves: Any) -> tuple[Leaves, Leaves]:
        """``(outputs, aux)``."""


def either(
    backend: ADBackend,
    f: Function,
    native: Callable[[], T],
    substitute: Callable[[], T],
    *,
    rule: str,
    way: str,
    allowed: bool,
) -> T:
    """The native way or, if the framework says that it lacks a rule and it is allowed, the substitute."""
    try:
        return native()
    except Exception as error:
        lack = Lack.told_by(error, backend, rule, way, allowed=allowed)
        if lack is None:
            raise
    return lack.replaced_by(f, substitute)


@dataclass(slots=True)
class Told:
    """Whether it was logged that a rule is missing."""

    already: bool = False


@dataclass(frozen=True, slots=True)
class Lack:
    """A rule that a framework lacks, and what can stand in for it."""

    backend: ADBackend
    rule: str
    way: str
    words: str
    """The framework's own; its error is not kept, for the traceback holds `f` and `x`."""
    reasons: tuple[str, ...]
    """The same, apart where several rules were tried."""

    @classmethod
    def told_by(cls, error: Exception, backend: ADBackend, rule: str, way: str, *, allowed: bool) -> Lack | None:
        """The lack that `error` tells of, if it does; it is an error itself where nothing may stand in."""
        if not is_missing_rule(backend, error):
            return None
        if not allowed:
            msg = (
                f"backend {backend.name!r} lacks a {rule} ({error}); "
                f"with fallback=True the result would come from {way}"
            )
            raise UnsupportedOperationError(msg) from error
        return cls(backend, rule, way, str(error), reasons_of(error))

    def replaced_by(self, f: Function, substitute: Callable[[], T]) -> T:
        """What stands in, which is logged once for each function."""
        name, rule, way = self.backend.name, self.rule, self.way
        told = FUNCTIONS.record(f.function, (name, rule), Told)
        if not told.already:
            told.already = True
            journal.inform("backend %r lacks a %s (%s); using %s", name, rule, self.words, way)
        if journal.is_listening():
            journal.tell("fallback", f"{name} lacks a {rule} ({journal.one_line(self.words)}): {way} instead")
        return self.met(substitute)

    def met(self, substitute: Callable[[], T]) -> T:
        """What the substitute gives, or an error that tells of both rules."""
        try:
            return substitute()
        except Exception as error:
            if not is_missing_rule(self.backend, error):
                raise
            raise self._neither(reasons_of(error)) from error

    def _neither(self, more: tuple[str, ...]) -> UnsupportedOperationError:
        """That nothing can stand in, with each reason once: what a product lacks, the sweep of it lacks as well."""
        others = [reason for reason in more if reason not in self.reasons]
        msg = (
            f"backend {self.backend.name!r} lacks a {self.rule} ({'; '.join(self.reasons)}), "
            f"and {self.way} cannot stand in ({'; '.join(others) or 'for the same reason'}); "
            "write f with other primitives, give the primitive a rule in its framework, "
            "or use the backend 'finite-difference'"
        )
        error = UnsupportedOperationError(msg if others or len(self.reasons) == 1 else self.words)
        error.reasons = (*self.reasons, *others)
        return error


def reasons_of(error: Exception) -> tuple[str, ...]:
    """What the framework said, of one rule or of several."""
    return getattr(error, "reasons", ()) or (str(error),)


def is_missing_rule(backend: ADBackend, error: Exception) -> bool:
    """Whether the framework says so, or core did, for a backend's missing mode or inside a nested operation."""
    return isinstance(error, UnsupportedOperationError) or backend.is_missing_rule(error)
