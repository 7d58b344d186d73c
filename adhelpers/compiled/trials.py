"""Compiled code for an operation that has several ways to its result: checked with values first, then the fastest."""

from __future__ import annotations

import math
import operator
import statistics
import threading
import time
from collections.abc import Callable, Hashable
from typing import Any

from adhelpers.engine.rounding import nearby, same_to_rounding
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.functions import Array, Leaves

Compiled = Callable[..., Any]

_KIND = operator.attrgetter("shape", "dtype")

Options = dict[str, Any]
Alternatives = Callable[[ADBackend, Options, Array, tuple[int, ...]], list[Options]]
"""``alternatives(backend, options, x, shape)``: what to replace among an operation's options for each other way.

`shape` is that of the result's last array.
"""

MOST_REMEMBERED = 64
"""For how many shapes and dtypes the fastest way is kept; the oldest is forgotten first."""

ROUNDS = 20
"""How often each way has its turn, if `BUDGET` allows."""

TURN = 3e-4
"""Seconds: a shorter call is repeated within its turn, for one alone takes as long as the machine pleases."""

BUDGET = 0.5
"""Seconds of all rounds, but for the one that lasts longer."""

HOPELESS = 4.0
"""A way that takes so many times as long as another in the first call is not timed further."""


class Trials:
    """Code for each shape and dtype.

    Parameters
    ----------
    evaluate
        ``evaluate(*arrays, **options)``: the operation, with some of its options replaced.
    options
        The operation's own.
    alternatives
        The other ways, each of which takes a compilation; None for no other.
    """

    def __init__(
        self, backend: ADBackend, evaluate: Compiled, options: Options, alternatives: Alternatives | None
    ) -> None:
        self._backend = backend
        self._evaluate = evaluate
        self._options = options
        self._alternatives = alternatives
        self._usual = backend.compile(evaluate)
        self._chosen: dict[Hashable, Compiled] = {}
        self._lock = threading.RLock()

    def __call__(self, *arrays: Any) -> Any:
        """The operation at these arrays."""
        kind = tuple(map(_KIND, arrays))
        chosen = self._chosen.get(kind) or self._choose_for(kind, arrays)
        return chosen(*arrays)

    def _choose_for(self, kind: Hashable, arrays: Leaves) -> Compiled:
        if any(map(self._backend.is_traced, arrays)):  # then there is nothing to check, nor to time
            return self._usual
        with self._lock, self._backend.scope():  # two at once would spoil each other's times
            chosen = self._chosen.get(kind) or self._choose(arrays)
            while len(self._chosen) >= MOST_REMEMBERED:
                del self._chosen[next(iter(self._chosen))]
            self._chosen[kind] = chosen
        return chosen

    def _choose(self, arrays: Leaves) -> Compiled:
        if self._options.get("check_batch"):
            self._evaluate(*arrays)
        # Where there is aux it can be anything, which nobody could compare.
        if self._alternatives is None or self._options["has_aux"] or not arrays:
            return self._usual
        shapes = [array.shape for array in self._numbers(self._usual, arrays)]
        others = self._alternatives(self._backend, self._options, arrays[0], shapes[-1] if shapes else (0,))
        if not others:
            return self._usual
        return self._fastest([self._usual, *self._that_give_the_same(others, arrays)], arrays)

    def _that_give_the_same(self, others: list[Options], arrays: Leaves) -> list[Compiled]:
        # Compared close by: at the user's point, which may be zero, different ways can give the same.
        there = (nearby(self._backend, arrays[0]), *arrays[1:])
        try:
            result = self._numbers(self._usual, there)
        except Exception:  # noqa: BLE001  # of whatever kind: f need not be defined there
            return []
        return [way for way in map(self._compile, others) if self._gives(way, there, result)]

    def _gives(self, way: Compiled, arrays: Leaves, result: list[Any]) -> bool:
        try:
            received = self._numbers(way, arrays)
        except Exception:  # noqa: BLE001  # of whatever kind: f need not allow this way
            return False
        axis = self._options.get("batch_axis", -1)
        return all(same_to_rounding(a, b, axis) for a, b in zip(received, result, strict=True))

    def _fastest(self, ways: list[Compiled], arrays: Leaves) -> Compiled:
        # The shorter of two: the first may compile anew, and either be held up.
        once = {way: min(self._seconds(way, arrays, 1) for _ in range(2)) for way in ways}
        end = time.perf_counter() + BUDGET
        longest = HOPELESS * max(TURN, min(once.values()))
        times: dict[Compiled, list[float]] = {way: [] for way in ways if once[way] < longest}
        for _ in range(ROUNDS if len(times) > 1 else 0):  # in turn, for what else the machine does comes and goes
            for way, seconds in times.items():
                seconds.append(self._seconds(way, arrays, math.ceil(TURN / once[way])))
            if time.perf_counter() > end:
                break
        return min(times, key=lambda way: statistics.median(times[way] or [once[way]]))

    def _seconds(self, way: Compiled, arrays: Leaves, repetitions: int) -> float:
        start = time.perf_counter()
        for _ in range(repetitions):
            self._numbers(way, arrays)
        return (time.perf_counter() - start) / repetitions

    def _compile(self, options: Options) -> Compiled:
        def evaluate(*arrays: Any) -> Any:
            return self._evaluate(*arrays, **options)

        return self._backend.compile(evaluate)

    def _numbers(self, compiled: Compiled, arrays: Leaves) -> list[Any]:
        """Every array of a result, on the host, so that it is there when this returns."""
        leaves, _ = self._backend.flatten(compiled(*arrays))
        return [self._backend.to_numpy(leaf) for leaf in leaves if self._backend.is_array(leaf)]
