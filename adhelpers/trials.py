"""Compiled code for a batched Jacobian: checked with values first, and where there are several ways, the fastest."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from typing import Any

from adhelpers.contract import ADBackend, Formulation, Leaves
from adhelpers.formulations import formulations_of
from adhelpers.rounding import nearby, same_to_rounding

Compiled = Callable[..., Any]

MOST_REMEMBERED = 64
"""For how many shapes and dtypes the fastest way is kept; the oldest is forgotten first."""

ROUNDS = 20
"""How often each way is timed; its fastest run counts."""


class Trials:
    """Code for each shape and dtype.

    Parameters
    ----------
    evaluate
        ``evaluate(*arrays, **options)``: the operation, with some of its options replaced.
    options
        The operation's own.
    all_ways
        Whether to try every way that the backend has, which takes a compilation each.
    """

    def __init__(self, backend: ADBackend, evaluate: Compiled, options: dict[str, Any], *, all_ways: bool) -> None:
        self._backend = backend
        self._evaluate = evaluate
        self._options = options
        self._all_ways = all_ways
        self._usual = backend.compile(evaluate)
        self._chosen: dict[Hashable, Compiled] = {}
        self._lock = threading.RLock()

    def __call__(self, *arrays: Any) -> Any:
        """The operation at these arrays."""
        kind = tuple([(array.shape, array.dtype) for array in arrays])
        chosen = self._chosen.get(kind)
        if chosen is None and not any(map(self._backend.is_traced, arrays)):
            with self._lock, self._backend.scope():  # two at once would spoil each other's times
                chosen = self._chosen.get(kind) or self._choose(arrays)
                while len(self._chosen) >= MOST_REMEMBERED:
                    del self._chosen[next(iter(self._chosen))]
                self._chosen[kind] = chosen
        # Of what is traced there is nothing to check, nor to time.
        return (chosen or self._usual)(*arrays)

    def _choose(self, arrays: Leaves) -> Compiled:
        if self._options["check_batch"]:
            self._evaluate(*arrays)
        if not self._all_ways or self._options["has_aux"]:  # samples have no aux of the batch
            return self._usual
        return self._fastest(arrays)

    def _fastest(self, arrays: Leaves) -> Compiled:
        """The usual way, or one that gives the same in less time."""
        ways = [self._usual, *self._that_give_the_same(arrays)]
        shortest = dict.fromkeys(ways, float("inf"))
        for _ in range(ROUNDS):  # in turn, for what else the machine does comes and goes
            for compiled in ways:
                start = time.perf_counter()
                self._numbers(compiled, arrays)
                shortest[compiled] = min(shortest[compiled], time.perf_counter() - start)
        return min(ways, key=shortest.__getitem__)

    def _that_give_the_same(self, arrays: Leaves) -> list[Compiled]:
        # Compared close by: at the user's point, which may be zero, different ways can give the same.
        there = (nearby(self._backend, arrays[0]), *arrays[1:])
        expected = self._numbers(self._usual, there)
        possible = formulations_of(self._backend, arrays[0], expected[-1].shape, self._options)
        compiled = [self._compile(formulation) for formulation in possible]
        return [way for way in compiled if self._gives(way, there, expected)]

    def _gives(self, way: Compiled, arrays: Leaves, expected: list[Any]) -> bool:
        try:
            received = self._numbers(way, arrays)
        except Exception:  # noqa: BLE001  # of whatever kind: f need not allow this way
            return False
        axis = self._options["batch_axis"]
        return all(same_to_rounding(a, b, axis) for a, b in zip(received, expected, strict=True))

    def _compile(self, formulation: Formulation) -> Compiled:
        def evaluate(*arrays: Any) -> Any:
            return self._evaluate(*arrays, mode=formulation, check_batch=False)

        return self._backend.compile(evaluate)

    def _numbers(self, compiled: Compiled, arrays: Leaves) -> list[Any]:
        """Every array of a result, J the last of them, on the host, so that it is there when this returns."""
        leaves, _ = self._backend.flatten(compiled(*arrays))
        return [self._backend.to_numpy(leaf) for leaf in leaves if self._backend.is_array(leaf)]
