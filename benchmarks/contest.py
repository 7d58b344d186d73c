"""A contest: contenders for one task, each checked and then timed against the others."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from benchmarks.timing import Effort, Ratio, race

Kind = Literal["ours", "obvious", "by hand"]
TOLERANCE = 1e-9
"""Relative to the largest entry: everything is in double precision, and J sums a few hundred terms at most."""


@dataclass(frozen=True)
class Contender:
    """One formulation of the task.

    Attributes
    ----------
    kind
        ``"obvious"`` is what a framework's documentation suggests; ``"by hand"`` takes more thought.
    """

    name: str
    kind: Kind
    call: Callable[[], Any]


@dataclass(frozen=True)
class Contest:
    """A task and its contenders."""

    case: str
    framework: str
    operation: str
    contenders: tuple[Contender, ...]
    reference: np.ndarray

    def hold(self, effort: Effort) -> Outcome:
        """Check all, then time those that are right."""
        outcome = Outcome(self.case, self.framework, self.operation, {c.name: c.kind for c in self.contenders})
        right = {}
        for contender in self.contenders:
            try:
                result = np.asarray(contender.call())
            except Exception as error:  # noqa: BLE001  # a formulation that a framework refuses is a finding
                message = f"{type(error).__name__}: {error}".splitlines()[0]
                (outcome.wrong if contender.kind == "ours" else outcome.refused)[contender.name] = message
                continue
            fault = _fault(result, self.reference)
            if fault:
                outcome.wrong[contender.name] = fault
            else:
                right[contender.name] = contender.call
        outcome.seconds.update(race(right, effort))
        return outcome


def _fault(result: np.ndarray, reference: np.ndarray) -> str | None:
    """What is wrong with the result, if anything is."""
    if (result.shape, result.dtype) != (reference.shape, reference.dtype):
        return f"{result.dtype}{result.shape} instead of {reference.dtype}{reference.shape}"
    error = float(np.max(np.abs(result - reference), initial=0.0))
    size = float(np.max(np.abs(reference), initial=0.0))
    return None if error <= TOLERANCE * size else f"off by {error:.1e}, where the largest entry is {size:.1e}"


@dataclass(frozen=True)
class Outcome:
    """The outcome of a contest: the seconds of each contender in each round, and the contenders that took no part."""

    case: str
    framework: str
    operation: str
    kinds: dict[str, Kind]
    seconds: dict[str, list[float]] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    wrong: dict[str, str] = field(default_factory=dict)

    def microseconds(self, name: str) -> float:
        """The median time of a contender."""
        return 1e6 * statistics.median(self.seconds[name])

    def ratio(self, name: str, other: str) -> Ratio | None:
        """A contender's time over the other's; None if one of them took no part."""
        if name not in self.seconds or other not in self.seconds:
            return None
        return Ratio.of(self.seconds[name], self.seconds[other])

    def fastest(self, names: Iterable[str]) -> str | None:
        """The fastest of those that took part."""
        return min((name for name in names if name in self.seconds), key=self.microseconds, default=None)

    def fastest_native(self, *, only_obvious: bool = False) -> str | None:
        """The fastest contender that is not ours."""
        wanted = {"obvious"} if only_obvious else {"obvious", "by hand"}
        return self.fastest(name for name, kind in self.kinds.items() if kind in wanted)

    def to_fastest(self, name: str) -> Ratio | None:
        """A contender's time over that of the fastest formulation by hand."""
        fastest = self.fastest_native()
        return None if fastest is None else self.ratio(name, fastest)

    def as_json(self) -> dict[str, Any]:
        """Everything that was measured."""
        contenders = {}
        for name, seconds in self.seconds.items():
            to_fastest = self.to_fastest(name)
            contenders[name] = {
                "kind": self.kinds[name],
                "median_microseconds": self.microseconds(name),
                "ratio_to_fastest_by_hand": None if to_fastest is None else vars(to_fastest),
                "seconds": seconds,
            }
        return {
            "case": self.case,
            "framework": self.framework,
            "operation": self.operation,
            "fastest_by_hand": self.fastest_native(),
            "contenders": contenders,
            "refused": self.refused,
            "wrong": self.wrong,
        }
