"""One batched Jacobian, and its formulations.

Because `f` treats batch elements independently, one basis vector serves all of them: N pushforwards or M
pullbacks through the whole batch give every element's Jacobian.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, Protocol

from adhelpers.batch.basis import BatchBasis
from adhelpers.batch.layout import BatchLayout
from adhelpers.batch.mixing import MixingCheck
from adhelpers.batch.points import require_output
from adhelpers.caches import Cache
from adhelpers.engine.missing_rules import Function
from adhelpers.engine.results import Results, Swept
from adhelpers.engine.sweeps import Check, Sweep, SweepRecord
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.formulations import Mode
from adhelpers.plugins.functions import Array, Leaves
from adhelpers.trees.tree import Tree

Result = tuple[Array, Array, Leaves]
"""``(y, J, aux)``."""

MOST_CALLS = 16
"""For how many kinds of `args` to remember whether copies are allowed."""


class BatchFunction(Function, Protocol):
    """A function of a batch: the user's function on leaves, or one derived from it."""

    args: tuple[Any, ...]
    has_aux: bool

    def output(self, leaves: Leaves) -> Tree:
        """The structure of the latest result, with the arrays that the plugin returned."""


@dataclass(slots=True)
class BatchRecord(SweepRecord):
    """What is known about a function of a batch."""

    is_checked: bool = False
    """Whether a check has shown that it treats batch elements independently."""
    copies: Cache[Hashable, bool | None] = field(default_factory=lambda: Cache(MOST_CALLS))
    """For each kind of call so far, whether copies of the batch give copies of ``f(x)``; None if untried."""


@dataclass(slots=True)
class BatchedJacobian:
    """One batched Jacobian to compute.

    Attributes
    ----------
    check
        Whether to check that `f` does not mix the batch.
    prove
        Whether to check that sweeps are right, as in `Sweep`.
    """

    backend: ADBackend
    f: BatchFunction
    x: Array
    layout: BatchLayout
    holomorphic: bool
    chunk_size: int | None
    record: BatchRecord
    check: bool
    prove: Check = True

    def by_sweep(self, mode: Mode | Literal["auto"], *, allowed: bool | None = None) -> Result:
        """Sweep the batch in that mode, where ``"auto"`` is the cheaper one.

        If the framework lacks a rule and it is `allowed`, sweep in the other mode. By default the backend's `fallback`
        allows it.
        """
        seen: list[Array] = []

        def accept(outputs: Leaves) -> None:
            seen.append(require_output(self.f.output(outputs), self.x, self.layout, self.holomorphic))

        receive: Callable[[ADBackend, Leaves], Results] = Results
        if self.check:
            receive = partial(MixingCheck, self.layout, lambda: (self.x, seen[-1]))
        sweep = Sweep(
            self.backend,
            self.f,
            (self.x,),
            partial(BatchBasis, self.layout),
            receive,
            accept,
            self.layout.batch(self.x),
            self.chunk_size,
            self.holomorphic,
            self.prove,
            self.record,
        )
        swept = sweep.evaluate(mode) if mode == "auto" or allowed is None else sweep.in_mode(mode, allowed=allowed)
        if self.check:
            halves = [half for half in (swept.results, swept.imaginary) if half is not None]
            self.record.is_checked |= all(isinstance(half, MixingCheck) and half.passed for half in halves)
        return seen[-1], self._arranged(swept, seen[-1]), swept.aux

    def by_samples(self, mode: Mode) -> Result:
        """Compute the Jacobian of each batch element on its own."""
        backend, layout, x = self.backend, self.layout, self.x
        y, jacobian = backend.sample_jacobian(self.f, x, layout.axis, mode)
        y = require_output(self.f.output((y,)), x, layout, self.holomorphic)
        n, m, batch = layout.size(x), layout.size(y), layout.batch(x)
        shape = (m, n, batch) if layout.axis == -1 else (batch, m, n)
        return y, backend.array_namespace(jacobian).reshape(jacobian, shape), ()

    def _arranged(self, swept: Swept, y: Array) -> Array:
        """J from the results of a sweep."""
        stack = swept.only_stack(y if swept.forward else self.x)
        xp = self.backend.array_namespace(stack)
        if swept.forward:
            return self.layout.from_columns(xp, stack)
        return self.layout.from_rows(xp, stack if stack.dtype == y.dtype else xp.astype(stack, y.dtype))
