"""The results of a comparison as data, which `report` and `shown` show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["agrees", "differs", "kink", "unsupported", "failed", "unchecked"]
"""``"kink"``: results differ where `f` has no derivative, so each framework made its own choice.

``"unchecked"``: there is a result, but no reference or other result that is precise enough to compare it with.
"""


@dataclass(frozen=True)
class Deviation:
    """How much two results differ.

    Attributes
    ----------
    max_abs
        The largest difference of two entries; infinite if only one of them is NaN or infinite.
    max_rel
        The largest difference in this leaf relative to the larger of its two entries, or to ``atol / rtol``, the size
        below which an entry counts as noise. At most `rtol` if the results agree.
    max_ulp
        The largest difference in units in the last place of the larger entry.
    path, index
        The leaf, such as ``"f(x)['scale']"``, and the index in it of the worst entry relative to the tolerance, or
        nearly the worst.
    differing
        The number of entries that differ by more than the tolerance.
    nans
        The number of entries that are NaN in both, which counts as agreement.
    rtol, atol
        Entries agree within the larger of `rtol` times their size and `atol`. Both are those of this leaf.
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
        The names of what was computed, and where. Operation ``"value"`` is ``f(x)`` itself.
    status
        ``"agrees"`` or ``"differs"``; ``"kink"`` if `f` has no derivative there, so each framework may choose;
        ``"unsupported"`` if the framework lacks a rule, and ``"failed"`` for other errors; ``"unchecked"`` if there is
        nothing precise enough to compare the result with.
    against
        The reference of `deviation`: that of the comparison, or a backend whose result differs.
    deviation
        The `Deviation` from `against`, or None without a result or without anything to compare it with.
    from_reference
        The `Deviation` from the reference of the comparison.
    first_seconds, seconds
        The time of the first call, in which frameworks trace and compile, and the median of repeated calls.
    prepare_seconds, prepared_seconds
        The time of `adhelpers.prepare` and the first prepared call, and the median of further calls.
    error
        The error, if the status is "unsupported" or "failed"; the mismatch, if shapes differ.
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
    """How much two backends differ in one operation; `agree` uses the tolerance for these two."""

    function: str
    operation: str
    first: str
    second: str
    deviation: Deviation
    agree: bool


@dataclass(frozen=True)
class Finding:
    """Why the results of one operation differ, as far as can be told.

    Attributes
    ----------
    words
        Sentences, such as whether the values differ already, or whether the point is a kink.
    backends
        The backends of the values in `entries`.
    entries
        The worst entries: a place, and the value on each of `backends`.
    """

    function: str
    operation: str
    words: tuple[str, ...]
    backends: tuple[str, ...] = ()
    entries: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Report:
    """The data of a report; `adhelpers.ComparisonReport` documents the fields."""

    title: str
    backends: tuple[str, ...]
    results: tuple[Result, ...]
    pairs: tuple[Pair, ...] = ()
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    reference: str | None = None

    @property
    def agree(self) -> bool:
        """Whether at least one result could be compared, and all that could be compared agree."""
        statuses = {result.status for result in self.results} - {"unchecked"}
        return statuses == {"agrees"}
