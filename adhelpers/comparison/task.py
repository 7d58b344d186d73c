"""The task of a comparison, and the outcome of one evaluation."""

from __future__ import annotations

import numbers
import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from adhelpers.comparison.operations import DEFAULT, OPERATIONS, VALUE, short
from adhelpers.comparison.participants import Outcome, Participant
from adhelpers.comparison.results import Status
from adhelpers.errors import ArgumentError, ArgumentTypeError, UnsupportedOperationError


@dataclass(frozen=True)
class Failure:
    """The error of an operation."""

    status: Status
    error: BaseException

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        """The failure for an error, by its type."""
        return cls("unsupported" if isinstance(error, UnsupportedOperationError) else "failed", error)

    @property
    def words(self) -> str:
        """Type and message."""
        return str(self.error) if self.status == "unsupported" else f"{type(self.error).__name__}: {self.error}"


@dataclass(frozen=True)
class Timed:
    """An outcome or a failure, with the times of `Result`."""

    outcome: Outcome | Failure
    first_seconds: float | None = None
    seconds: float | None = None
    prepare_seconds: float | None = None
    prepared_seconds: float | None = None


@dataclass(frozen=True)
class Settings:
    """The options of a comparison, checked.

    Attributes
    ----------
    operations
        Some of `OPERATIONS`, or ``"value"``, which is always compared; None for `DEFAULT`. A batched Jacobian that does
        not exist is left out by default, and is a failure if it is named.
    batch_axis, rtol, atol, timing, seed
        The options of `adhelpers.compare`.
    """

    operations: Sequence[str] | None = None
    batch_axis: Literal[-1, 0] = -1
    rtol: float | None = None
    atol: float | None = None
    timing: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        rule = f"operations must be among {', '.join(OPERATIONS)}, but"
        if self.operations is not None and not isinstance(self.operations, Iterable):
            msg = f"{rule} {self.operations!r} was given"
            raise ArgumentTypeError(msg)
        unknown = [name for name in self.asked if name not in (VALUE, *OPERATIONS)]
        if unknown or not self.asked:
            msg = f"{rule} {', '.join(map(str, unknown)) or 'none'} was given"
            raise ArgumentError(msg)
        if not _is_batch_axis(self.batch_axis):
            msg = f"batch_axis is {self.batch_axis!r}; write -1 for the batch last, or 0 for the batch first"
            raise ArgumentError(msg)
        for name, tolerance in (("rtol", self.rtol), ("atol", self.atol)):
            if tolerance is not None:
                msg = f"{name} is {tolerance!r}, but must be a number from 0 upwards, or None for the default"
                if not isinstance(tolerance, numbers.Real):
                    raise ArgumentTypeError(msg)
                _require_from_zero(tolerance, msg)
        require_seed(self.seed)

    @property
    def asked(self) -> tuple[str, ...]:
        """The operations by name."""
        if self.operations is None:
            return tuple(DEFAULT)
        names = (self.operations,) if isinstance(self.operations, str) else self.operations
        return tuple(dict.fromkeys(short(name) if isinstance(name, str) else repr(name) for name in names))


def require_seed(seed: Any) -> None:
    """Refuse what a random generator does."""
    msg = f"seed is {seed!r}, but must be an integer from 0 upwards"
    try:
        number = operator.index(seed)
    except TypeError as error:
        raise ArgumentTypeError(msg) from error
    _require_from_zero(number, msg)


def _require_from_zero(number: float, msg: str) -> None:
    if not number >= 0:  # NaN is not
        raise ArgumentError(msg)


def _is_batch_axis(axis: Any) -> bool:
    try:
        return not isinstance(axis, bool) and operator.index(axis) in (-1, 0)
    except TypeError:
        return False


@dataclass(frozen=True)
class Task:
    """One function at one point.

    Attributes
    ----------
    reference
        The reference for derivatives, such as finite differences; None for no reference.
    u
        A tangent or a cotangent, or both if it matches both.
    ported
        Whether each participant has its own function, and the reference has none.
    closed_forms
        The expected results by operation; then nothing else is computed, and there is no reference.
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
