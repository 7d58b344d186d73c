"""Compiled code for an operation with several formulations: each is checked with values, and the fastest is kept."""

from __future__ import annotations

import math
import operator
import threading
import time
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple

from adhelpers.caches import Cache
from adhelpers.engine import journal
from adhelpers.engine.journal import in_words, raised
from adhelpers.engine.rounding import OnHost, nearby, same_in_half_of_the_digits, same_to_rounding
from adhelpers.engine.sweeps import chosen_check
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.functions import Array, Leaves

Compiled = Callable[..., Any]

_KIND = operator.attrgetter("shape", "dtype")

Options = dict[str, Any]


class Way(NamedTuple):
    """One formulation: its name, and the options of the operation that it replaces."""

    name: str
    replaced: Options


Alternatives = Callable[[ADBackend, Options, Array, tuple[int, ...]], list[Way]]
"""``alternatives(backend, options, x, shape)``: the usual formulation and the others, or nothing if there are none.

`shape` is the shape of the result's last array.
"""

MOST_REMEMBERED = 64
"""For how many shapes and dtypes to keep the fastest formulation; the oldest is forgotten first."""

ROUNDS = 20
"""How many turns each formulation has, if `BUDGET` allows."""

TURN = 3e-4
"""Seconds: shorter calls are repeated within a turn, because the time of a single one varies."""

BUDGET = 0.5
"""Seconds for all rounds; a round that has begun is finished."""

HOPELESS = 4.0
"""A formulation whose first call takes so many times as long as another's is not timed further."""


class _Traced(Exception):  # noqa: N818  # not an error
    """A result has no numbers to compare."""


@dataclass(frozen=True, eq=False, slots=True)
class Candidate:
    """Compiled code for one formulation."""

    name: str
    code: Compiled


class Trials:
    """The fastest code for each shape and dtype.

    Parameters
    ----------
    evaluate
        ``evaluate(*arrays, **options)``: the operation, with some of its options replaced.
    options
        The operation's own.
    alternatives
        All formulations, each of which is compiled; None if there is only one.
    has_aux
        Whether results end with aux. It may be anything: it is not compared, and there are no other formulations.
    noted
        Makes a context that notes a choice, and why each other formulation lost.
    """

    def __init__(
        self,
        backend: ADBackend,
        evaluate: Compiled,
        options: Options,
        alternatives: Alternatives | None,
        noted: Callable[[], AbstractContextManager[None]] = nullcontext,
        *,
        has_aux: bool = False,
    ) -> None:
        self._backend = backend
        self._evaluate = evaluate
        self._options = options
        self._alternatives = None if has_aux else alternatives
        self._has_aux = has_aux
        self._noted = noted
        self._usual = backend.compile(evaluate)
        self._chosen: Cache[Hashable, Compiled] = Cache(MOST_REMEMBERED)
        self._lock = threading.RLock()

    def __call__(self, *arrays: Any) -> Any:
        """The operation at these arrays."""
        kind = tuple(map(_KIND, arrays))
        chosen = self._chosen.get(kind) or self._choose_for(kind, arrays)
        return chosen(*arrays)

    def _choose_for(self, kind: Hashable, arrays: Leaves) -> Compiled:
        if any(map(self._backend.is_traced, arrays)):  # nothing to check or to time
            return self._usual
        with self._lock, self._backend.scope():  # two trials at once would spoil the times
            known = self._chosen.get(kind)
            if known is not None:
                return known
            with self._noted():
                try:
                    return self._chosen.keep(kind, self._choose(arrays))
                except _Traced:  # f closes over a tracer, and nothing of this call may be kept
                    return self._usual

    def _choose(self, arrays: Leaves) -> Compiled:
        shapes = ", ".join(f"{array.dtype}{list(array.shape)}" for array in arrays)
        journal.tell("code", f"for {shapes or 'no array'}")
        if self._is_checked() and not self._compiles_right(arrays):
            return self._evaluate
        point = next((k for k, array in enumerate(arrays) if self._is_inexact(array)), None)
        if self._alternatives is None or point is None:
            return self._usual
        results = [array.numbers.shape for array in self._numbers(self._usual, arrays)]
        ways = self._alternatives(self._backend, self._options, arrays[point], results[-1] if results else (0,))
        if len(ways) < 2:
            return self._usual
        usual, *others = ways
        right = self._that_give_the_same([self._compiled(way) for way in others], arrays, point)
        return self._fastest([Candidate(usual.name, self._usual), *right], arrays)

    def _is_checked(self) -> bool:
        check, check_batch = self._options.get("check", False), self._options.get("check_batch")
        return bool(chosen_check(check, check_batch))

    def _compiles_right(self, arrays: Leaves) -> bool:
        """Whether the usual formulation gives the same result compiled and not compiled, to half of the digits."""
        expected = self._numbers(self._evaluate, arrays)  # freed after this comparison, because it may be large
        received = self._numbers(self._usual, arrays)
        right = len(received) == len(expected) and all(map(same_in_half_of_the_digits, received, expected))
        if not right:
            journal.tell("code", "not compiled, because compiled code gives another result")
            journal.inform("backend %r: compiled code gives another result, and is not used", self._backend.name)
        return right

    def _that_give_the_same(self, others: list[Candidate], arrays: Leaves, point: int) -> list[Candidate]:
        # Compare at a point close by: at the user's point, such as zero, different formulations may give the same.
        there = (*arrays[:point], nearby(self._backend, arrays[point]), *arrays[point + 1 :])
        try:
            result = self._numbers(self._usual, there)
        except Exception as error:  # noqa: BLE001  # of any kind: f need not be defined there
            journal.tell("trial", f"only the usual formulation: close to x, {raised(error)}")
            return []
        return [candidate for candidate in others if self._gives(candidate, there, result)]

    def _gives(self, candidate: Candidate, arrays: Leaves, result: list[Any]) -> bool:
        try:
            received = self._numbers(candidate.code, arrays)
        except Exception as error:  # noqa: BLE001  # of any kind: f need not allow this formulation
            journal.tell("trial", f"{candidate.name}: not taken, because {raised(error)}")
            return False
        axis = self._options.get("batch_axis", -1)
        same = len(received) == len(result) and all(map(same_to_rounding, received, result, [axis] * len(result)))
        if not same:
            journal.tell("trial", f"{candidate.name}: not taken, because it gives another result close to x")
        return same

    def _fastest(self, candidates: list[Candidate], arrays: Leaves) -> Compiled:
        from statistics import median  # slow to import, and seldom needed

        # The shorter of two: the first may recompile, and either may be delayed.
        once = {candidate: min(self._seconds(candidate, arrays, 1) for _ in range(2)) for candidate in candidates}
        end = time.perf_counter() + BUDGET
        longest = HOPELESS * max(TURN, min(once.values()))
        times: dict[Candidate, list[float]] = {candidate: [] for candidate in candidates if once[candidate] < longest}
        for _ in range(ROUNDS if len(times) > 1 else 0):  # in turn, because the load of the machine varies
            for candidate, seconds in times.items():
                seconds.append(self._seconds(candidate, arrays, math.ceil(TURN / once[candidate])))
            if time.perf_counter() > end:
                break
        medians = {candidate: median(seconds or [once[candidate]]) for candidate, seconds in times.items()}
        best = min(medians, key=lambda candidate: medians[candidate])
        for candidate in candidates:
            if candidate is best:
                verdict = f"{in_words(medians[candidate])}, taken"
            elif candidate in medians:
                verdict = f"{in_words(medians[candidate])}, slower"
            else:
                verdict = f"{in_words(once[candidate])} in its first call, too slow to be timed further"
            journal.tell("trial", f"{candidate.name}: {verdict}")
        return best.code

    def _seconds(self, candidate: Candidate, arrays: Leaves, repetitions: int) -> float:
        start = time.perf_counter()
        for _ in range(repetitions):
            self._numbers(candidate.code, arrays)
        return (time.perf_counter() - start) / repetitions

    def _compiled(self, way: Way) -> Candidate:
        def evaluate(*arrays: Any) -> Any:
            return self._evaluate(*arrays, **way.replaced)

        return Candidate(way.name, self._backend.compile(evaluate))

    def _numbers(self, compiled: Compiled, arrays: Leaves) -> list[OnHost]:
        """Every array of a result but for aux, on the host, so that the computation is finished on return."""
        result = compiled(*arrays)
        leaves, _ = self._backend.flatten(result[:-1] if self._has_aux else result)
        numbers = [leaf for leaf in leaves if self._backend.is_array(leaf)]
        if any(map(self._backend.is_traced, numbers)):
            raise _Traced
        return [OnHost.of(self._backend, leaf) for leaf in numbers]

    def _is_inexact(self, array: Array) -> bool:
        """Whether it may be the point, or a part of it: constants and data of any dtype may stand before it."""
        try:
            xp = self._backend.array_namespace(array)
            return bool(xp.isdtype(array.dtype, ("real floating", "complex floating")))
        except TypeError:  # as of random keys
            return False
