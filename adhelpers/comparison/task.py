"""What is to be compared, and what came of one evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from adhelpers.comparison.participants import Outcome, Participant
from adhelpers.comparison.results import Status
from adhelpers.errors import UnsupportedOperationError


@dataclass(frozen=True)
class Failure:
    """What an operation raised."""

    status: Status
    error: BaseException

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        """By its type."""
        return cls("unsupported" if isinstance(error, UnsupportedOperationError) else "failed", error)

    @property
    def words(self) -> str:
        """Type and message."""
        return str(self.error) if self.status == "unsupported" else f"{type(self.error).__name__}: {self.error}"


@dataclass(frozen=True)
class Timed:
    """An outcome, or a failure, and what it cost."""

    outcome: Outcome | Failure
    first_seconds: float | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Settings:
    """What is asked for, whatever the function.

    Attributes
    ----------
    explicit
        Whether the operations were named, so that a batched Jacobian which does not exist is a failure.
    """

    operations: tuple[str, ...]
    explicit: bool = False
    batch_axis: Literal[-1, 0] = -1
    rtol: float | None = None
    atol: float | None = None
    timing: bool = True
    seed: int = 0


@dataclass(frozen=True)
class Task:
    """One function at one point.

    Attributes
    ----------
    reference
        What derivatives are held to, such as differences; None for none.
    u
        A tangent or a cotangent, or both where it fits both.
    ported
        Whether each participant has a function of its own, which the reference has not.
    closed_forms
        By operation: what it must give; then nothing else is computed, and there is no reference.
    """

    name: str
    participants: tuple[Participant, ...]
    x: Any
    u: Any = None
    reference: Participant | None = None
    ported: bool = False
    tangent: Any = None
    cotangent: Any = None
    closed_forms: Mapping[str, Any] = field(default_factory=dict)
