"""What a comparison found: data alone, which `report` and `shown` show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["agrees", "differs", "kink", "unsupported", "failed", "unchecked"]
"""``"kink"``: results differ, but where `f` has no derivative, so that each framework made a choice of its own.

``"unchecked"``: there is a result, but neither a reference nor another result to compare it with.
"""


@dataclass(frozen=True)
class Deviation:
    """By how much two results differ.

    Attributes
    ----------
    max_abs
        The largest difference of two entries; infinite where one of them alone is NaN or infinite.
    max_rel
        The largest difference relative to the larger of its two entries, or to the size below which an entry of its
        leaf counts as noise, ``atol / rtol``. At most `rtol` where the results agree.
    max_ulp
        The largest difference in units in the last place of the larger entry.
    path, index
        The leaf, such as ``"f(x)['scale']"``, and the place in it where the tolerance is exceeded the most, or nearly.
    differing
        How many entries differ by more than the tolerance.
    nans
        How many entries are NaN in both, which counts as agreement.
    rtol, atol
        Entries agree within the larger of `rtol` times their size and `atol`, here that of the worst leaf.
    """

    max_abs: float
    max_rel: float
    max_ulp: float
    path: str
    index: tuple[int, ...]
    differing: int
    nans: int
    rtol: float
    atol: float

    @property
    def place(self) -> str:
        """Path and index as one would type them, such as ``"f(x)['scale'][0, 2]"``."""
        return f"{self.path}[{', '.join(map(str, self.index))}]" if self.index else self.path


@dataclass(frozen=True)
class Result:
    """One operation on one backend.

    Attributes
    ----------
    function, operation, backend
        What was computed, and where: operation ``"value"`` is ``f(x)`` itself.
    status
        ``"agrees"`` or ``"differs"``; ``"kink"`` where `f` has no derivative, so that each framework may choose;
        ``"unsupported"`` where the framework lacks a rule, and ``"failed"`` for other errors; ``"unchecked"`` where
        there is nothing to compare the result with.
    against
        What `deviation` is measured against: the reference, or a backend that it differs from.
    deviation
        How far the result is off, or None where there is no result or nothing to compare it with.
    from_reference
        How far it is from the reference.
    first_seconds, seconds
        The time of the first call, in which frameworks trace and compile, and the median of repeated ones.
    prepare_seconds, prepared_seconds
        The time that `adhelpers.prepare` takes together with the first call, and the median of further calls.
    error
        What was raised, where the status is "unsupported" or "failed"; what does not fit, where shapes differ.
    """

    function: str
    operation: str
    backend: str
    status: Status
    against: str | None = None
    deviation: Deviation | None = None
    from_reference: Deviation | None = None
    first_seconds: float | None = None
    seconds: float | None = None
    error: str | None = None
    prepare_seconds: float | None = None
    prepared_seconds: float | None = None


@dataclass(frozen=True)
class Pair:
    """By how much two backends differ in one operation; `agree` is by the tolerance for these two."""

    function: str
    operation: str
    first: str
    second: str
    deviation: Deviation
    agree: bool


@dataclass(frozen=True)
class Finding:
    """Why results of one operation disagree, as far as can be told.

    Attributes
    ----------
    words
        Sentences: whether the values differ already, whether the point is a kink, and the like.
    backends
        Whose values the rows of `entries` hold.
    entries
        The worst entries: a place, and its value on each of `backends`.
    """

    function: str
    operation: str
    words: tuple[str, ...]
    backends: tuple[str, ...] = ()
    entries: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Report:
    """All that one comparison found; `adhelpers.ComparisonReport` documents the fields."""

    title: str
    backends: tuple[str, ...]
    results: tuple[Result, ...]
    pairs: tuple[Pair, ...] = ()
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    reference: str | None = None

    @property
    def agree(self) -> bool:
        """Whether there are results that could be compared, and all of them agree."""
        statuses = {result.status for result in self.results} - {"unchecked"}
        return statuses == {"agrees"}
