"""Times of calls that take turns: a slow phase of the machine slows them all.

Two calls timed one after the other differ by the machine's other work. So the calls here take turns, in rounds and in a
random order within each round, and are compared within rounds. The median of the rounds' ratios compares them, and its
quartiles say how certain it is. Python's garbage collector is off while a call is timed.
"""

from __future__ import annotations

import contextlib
import gc
import math
import random
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter

Call = Callable[[], object]


@dataclass(frozen=True)
class Effort:
    """How long to measure.

    Attributes
    ----------
    rounds
        How often each call has its turn.
    turn
        The least seconds of one turn: shorter calls are repeated within it.
    hopeless_rounds
        The turns of a call that takes `HOPELESS` times as long as others, and would need most of the time.
    """

    rounds: int
    turn: float
    hopeless_rounds: int


FULL = Effort(rounds=31, turn=5e-3, hopeless_rounds=3)
QUICK = Effort(rounds=9, turn=2e-3, hopeless_rounds=1)
SMOKE = Effort(rounds=1, turn=0.0, hopeless_rounds=1)

HOPELESS = 8.0


@dataclass(frozen=True)
class Ratio:
    """The median of ratios, and their quartiles."""

    median: float
    low: float
    high: float

    @property
    def quartiles(self) -> str:
        """The quartiles, in words."""
        return f"{self.low:.2f} to {self.high:.2f}"

    @classmethod
    def of(cls, numerators: Sequence[float], denominators: Sequence[float]) -> Ratio:
        """The ratios round by round, as far as both go."""
        values = [a / b for a, b in zip(numerators, denominators, strict=False)]
        if len(values) == 1:
            return cls(values[0], values[0], values[0])
        low, median, high = statistics.quantiles(values, n=4, method="inclusive")
        return cls(median, low, high)


def race(calls: Mapping[str, Call], effort: Effort) -> dict[str, list[float]]:
    """Seconds of each call in each round."""
    with without_garbage_collection():
        once = {name: _once(call) for name, call in calls.items()}
        repetitions = {name: max(1, math.ceil(effort.turn / seconds)) for name, seconds in once.items()}
        limit = HOPELESS * max(effort.turn, min(once.values(), default=0.0))
        order, times = random.Random(0), {name: list[float]() for name in calls}
        for number in range(effort.rounds):
            taking_part = [name for name in calls if number < effort.hopeless_rounds or once[name] < limit]
            order.shuffle(taking_part)
            for name in taking_part:
                times[name].append(_seconds(calls[name], repetitions[name]))
            gc.collect()
        return times


def _once(call: Call) -> float:
    """The approximate time of a call that has been made before."""
    seconds = _seconds(call, 1)
    return seconds if seconds > _LONG else min(seconds, _seconds(call, 3))


_LONG = 0.02


def _seconds(call: Call, repetitions: int) -> float:
    start = perf_counter()
    for _ in range(repetitions):
        call()
    return (perf_counter() - start) / repetitions


@contextlib.contextmanager
def without_garbage_collection() -> Iterator[None]:
    """No automatic collection; explicit ones look only at new objects, because the frameworks are large."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()
