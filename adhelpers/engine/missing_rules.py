"""Derivative rules that a framework lacks, and their substitutes.

A backend without a mode is treated as one that lacks every rule of that mode.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from adhelpers.caches import FUNCTIONS
from adhelpers.engine import journal
from adhelpers.errors import UnsupportedOperationError
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.functions import Leaves

T = TypeVar("T")


class Function(Protocol):
    """The function to differentiate: the user's function on leaves, or a derivative of it."""

    function: Callable[..., Any]
    """The user's function; caches are keyed by it."""

    @property
    def signature(self) -> Hashable:
        """Distinguishes calls of the user's function besides the shapes of leaves."""

    @property
    def kind(self) -> str:
        """Distinguishes functions that are derived from one user function."""

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
    """The native computation or, if the framework says that it lacks a rule and it is allowed, the substitute."""
    try:
        return native()
    except Exception as error:
        lack = Lack.told_by(error, backend, rule, way, allowed=allowed)
        if lack is None:
            raise
    return lack.replaced_by(f, substitute)


@dataclass(slots=True)
class Told:
    """Whether a missing rule has been logged."""

    already: bool = False


@dataclass(frozen=True, slots=True)
class Lack:
    """A rule that a framework lacks, and its substitute."""

    backend: ADBackend
    rule: str
    way: str
    words: str
    """The framework's message; its error is not kept, because the traceback holds `f` and `x`."""
    reasons: tuple[str, ...]
    """The messages, separate if several rules were tried."""

    @classmethod
    def told_by(cls, error: Exception, backend: ADBackend, rule: str, way: str, *, allowed: bool) -> Lack | None:
        """The missing rule that `error` reports, or None; raises if no substitute is allowed."""
        if not is_missing_rule(backend, error):
            return None
        if not allowed:
            msg = f"backend {backend.name!r} lacks a {rule} ({error}); make the backend with fallback=True to use {way}"
            raise UnsupportedOperationError(msg) from error
        return cls(backend, rule, way, str(error), reasons_of(error))

    def replaced_by(self, f: Function, substitute: Callable[[], T]) -> T:
        """The result of the substitute, which is logged once for each function."""
        name, rule, way = self.backend.name, self.rule, self.way
        told = FUNCTIONS.record(f.function, (name, rule), Told)
        if not told.already:
            told.already = True
            journal.inform("backend %r lacks a %s (%s); using %s", name, rule, self.words, way)
        if journal.is_listening():
            journal.tell("fallback", f"{name} lacks a {rule} ({journal.one_line(self.words)}): {way} instead")
        return self.met(substitute)

    def met(self, substitute: Callable[[], T]) -> T:
        """The result of the substitute, or an error about both rules."""
        try:
            return substitute()
        except Exception as error:
            if not is_missing_rule(self.backend, error):
                raise
            raise self._neither(reasons_of(error)) from error

    def _neither(self, more: tuple[str, ...]) -> UnsupportedOperationError:
        """The error if the substitute fails too; a product and its sweep lack the same rule, which is named once."""
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
    """The framework's messages, about one rule or several."""
    return getattr(error, "reasons", ()) or (str(error),)


def is_missing_rule(backend: ADBackend, error: Exception) -> bool:
    """Whether the framework reports a missing rule, or core does for a missing mode or in a nested operation."""
    return isinstance(error, UnsupportedOperationError) or backend.is_missing_rule(error)
