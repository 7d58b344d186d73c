"""Compiled code for a batched Jacobian: checked with values first, and where there are several ways, the fastest."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from typing import Any

from adhelpers.contract import ADBackend, Formulation, Leaves
from adhelpers.formulations import formulations_of

Compiled = Callable[..., Any]

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

    def __call__(self, *arrays: Any) -> Any:
        """The operation at these arrays."""
        kind = tuple([(array.shape, array.dtype) for array in arrays])
        chosen = self._chosen.get(kind)
        if chosen is None:
            if any(map(self._backend.is_traced, arrays)):  # there is nothing to check, nor to time
                return self._usual(*arrays)
            if self._options["check_batch"]:
                self._evaluate(*arrays)
            several = self._all_ways and not self._options["has_aux"]  # samples have no aux of the batch
            chosen = self._chosen[kind] = self._fastest(arrays) if several else self._usual
        return chosen(*arrays)

    def _fastest(self, arrays: Leaves) -> Compiled:
        """The usual way, or one that gives the same in less time."""
        expected = self._numbers(self._usual, arrays)
        ways = [self._usual]
        for formulation in formulations_of(self._backend, arrays[0], expected[-1].shape, self._options):
            compiled = self._compile(formulation)
            try:
                received = self._numbers(compiled, arrays)
            except Exception:  # noqa: BLE001  # of whatever kind: f need not allow this way
                continue
            if all(map(_close, received, expected)):
                ways.append(compiled)
        shortest = dict.fromkeys(ways, float("inf"))
        for _ in range(ROUNDS):  # in turn, for what else the machine does comes and goes
            for compiled in ways:
                start = time.perf_counter()
                self._numbers(compiled, arrays)
                shortest[compiled] = min(shortest[compiled], time.perf_counter() - start)
        return min(ways, key=shortest.__getitem__)

    def _compile(self, formulation: Formulation) -> Compiled:
        def evaluate(*arrays: Any) -> Any:
            return self._evaluate(*arrays, mode=formulation, check_batch=False)

        return self._backend.compile(evaluate)

    def _numbers(self, compiled: Compiled, arrays: Leaves) -> list[Any]:
        """Every array of a result, J the last of them, on the host, so that it is there when this returns."""
        leaves, _ = self._backend.flatten(compiled(*arrays))
        return [self._backend.to_numpy(leaf) for leaf in leaves if self._backend.is_array(leaf)]


def _close(received: Any, expected: Any) -> bool:
    """Whether two arrays differ by rounding alone; infinite and undefined entries must be at the same places."""
    import numpy as np

    if received.shape != expected.shape or received.dtype != expected.dtype:
        return False
    size = np.abs(expected[np.isfinite(expected)]).max(initial=0.0)
    tolerance = 1e3 * float(np.finfo(expected.dtype).eps)
    return bool(np.allclose(received, expected, rtol=tolerance, atol=tolerance * size, equal_nan=True))
