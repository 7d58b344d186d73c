"""The results of one part of the suite: tables, verdicts on targets, pictures, and every number behind them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.contest import Contest, Outcome
from benchmarks.native import Native
from benchmarks.timing import Effort, Ratio


@dataclass(frozen=True)
class Settings:
    """The options of a run.

    Attributes
    ----------
    size
        ``"smoke"`` only shows that the suite works, ``"quick"`` takes minutes, ``"full"`` is for publication.
    progress
        Told what is being measured.
    """

    size: str
    effort: Effort
    natives: tuple[Native, ...]
    progress: Callable[[str], None]

    def some(self, cases: Sequence[Any], *, aside: bool = False) -> Sequence[Any]:
        """All cases; the smallest one for smoke, and three for quick if `aside`, when no target depends on them."""
        if self.size == "full" or (self.size == "quick" and not aside):
            return cases
        return cases[: 1 if self.size == "smoke" else 3]

    def hold(self, contest: Contest) -> Outcome:
        """Hold a contest, and say so."""
        self.progress(f"{contest.framework}: {contest.operation}, {contest.case}")
        return contest.hold(self.effort)


@dataclass(frozen=True)
class Verdict:
    """A target and its measurement; None if there was nothing to measure."""

    target: str
    measured: float | None
    limit: float
    worst: str = ""

    @property
    def word(self) -> str:
        """Reached, missed or not measured."""
        if self.measured is None:
            return "not measured"
        return "reached" if self.measured <= self.limit else "missed"

    @classmethod
    def worst_of(cls, target: str, measured: dict[str, Ratio], limit: float) -> Verdict:
        """On the largest of several."""
        if not measured:
            return cls(target, None, limit)
        worst = max(measured, key=lambda case: measured[case].median)
        return cls(target, measured[worst].median, limit, f"{worst} ({measured[worst].quartiles})")

    @classmethod
    def mean_of(cls, target: str, measured: dict[str, Ratio], limit: float) -> Verdict:
        """On the geometric mean of several."""
        return cls(target, geometric_mean(ratio.median for ratio in measured.values()), limit, f"{len(measured)} cells")


def to_fastest(outcomes: Iterable[Outcome], framework: str, operation: str) -> dict[str, Ratio]:
    """The ratio of ours to the fastest by hand, for each case in which both took part."""
    measured = {}
    for outcome in outcomes:
        if (outcome.framework, outcome.operation) == (framework, operation):
            fastest = outcome.fastest_native()
            ratio = None if fastest is None else outcome.ratio("ours", fastest)
            if ratio is not None:
                measured[outcome.case] = ratio
    return measured


def geometric_mean(ratios: Iterable[float]) -> float | None:
    """None for none."""
    logarithms = [math.log(ratio) for ratio in ratios]
    return math.exp(sum(logarithms) / len(logarithms)) if logarithms else None


@dataclass(frozen=True)
class Table:
    """Rows of text below headers."""

    caption: str
    headers: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


@dataclass(frozen=True)
class Dots:
    """A picture: for each case a value of each series, on a logarithmic axis, with a line to compare with."""

    name: str
    title: str
    axis: str
    series: dict[str, dict[str, float]]
    line: float = 1.0


@dataclass(frozen=True)
class Panel:
    """Values of each series against the size that `axis` names."""

    axis: str
    series: dict[str, list[tuple[float, float]]]


@dataclass(frozen=True)
class Curves:
    """A picture: panels side by side, all axes logarithmic."""

    name: str
    title: str
    axis: str
    panels: list[Panel]


@dataclass
class Section:
    """One part of the report."""

    name: str
    title: str
    about: str
    outcomes: list[Outcome] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    pictures: list[Dots | Curves] = field(default_factory=list)

    def wrong(self) -> list[str]:
        """Every wrong result, in words."""
        return [
            f"{outcome.framework}, {outcome.operation}, {outcome.case}: {name} is {fault}"
            for outcome in self.outcomes
            for name, fault in outcome.wrong.items()
        ]


def show_time(microseconds: float) -> str:
    """Three digits, in microseconds."""
    return f"{microseconds:.3g}" if microseconds < 1000 else f"{microseconds:.0f}"


def show_ratio(ratio: Ratio | None) -> str:
    """The median with its quartiles."""
    return "—" if ratio is None else f"{ratio.median:.2f} ({ratio.quartiles})"
