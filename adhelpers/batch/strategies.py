"""Which way to a batched Jacobian is taken: the fastest that may be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from adhelpers.batch import copies
from adhelpers.batch.jacobian import BatchedJacobian, BatchFunction, BatchRecord, Result
from adhelpers.batch.layout import LAYOUTS
from adhelpers.batch.points import require_point
from adhelpers.caches import FUNCTIONS
from adhelpers.engine import journal
from adhelpers.engine.sweeps import fastest
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.formulations import Formulation, Mode
from adhelpers.trees.tree import Tree


def differentiate(
    kind: str,
    backend: ADBackend,
    f: BatchFunction,
    x: Tree,
    *,
    batch_axis: Literal[-1, 0],
    mode: Mode | Literal["auto"],
    chunk_size: int | None,
    check_batch: bool | Literal["always"],
    holomorphic: bool | None,
    strategy: Formulation | None = None,
    check_first: Callable[[], object] | None = None,
) -> Result:
    """``(y, J, aux)`` with J the batched Jacobian of `f`.

    Parameters
    ----------
    kind
        Tells functions that are made of one function of the user's apart.
    holomorphic
        As users give it; None if only real `x` is accepted.
    strategy
        The one formulation to take, for a trial.
    check_first
        Is called where `f` is to be checked for mixing its batch.
    """
    layout = LAYOUTS[batch_axis]
    leaf = require_point(x, layout, holomorphic)
    traced = backend.is_traced(leaf)
    signature = (kind, type(backend), leaf.shape, leaf.dtype, batch_axis, holomorphic)
    # What is seen while tracing is not remembered: values, and what was checked, belong to the tracer.
    record = BatchRecord() if traced else FUNCTIONS.record(f.function, signature, BatchRecord)
    check = not traced and (check_batch == "always" or (bool(check_batch) and not record.is_checked))
    if check and check_first is not None:
        check_first()
    problem = BatchedJacobian(backend, f, leaf, layout, bool(holomorphic), chunk_size, record, check)
    return evaluate(problem, mode) if strategy is None else take(problem, strategy)


def evaluate(problem: BatchedJacobian, mode: Mode | Literal["auto"]) -> Result:
    """Take the fastest way in `mode`: copies of the batch where these were proved, or else a sweep.

    Copies are proved when a function is seen again: one that is never seen again would pay for nothing. A vector of
    the check's is no basis vector, and has no copy.
    """
    record, kind = problem.record, copies.kind_of_call(problem.f)
    if kind is None or problem.chunk_size is not None or problem.layout.size(problem.x) == 0:
        return problem.by_sweep(mode)
    seen, may_be = kind in record.copies, record.copies.get(kind)
    if may_be and not problem.check:
        chosen = _fastest(problem, mode)
        if chosen.way == "replicate":
            try:
                result = copies.by_copies(problem, chosen.mode)
            except Exception:  # noqa: BLE001  # if it is an error of f's own, the sweep will meet it too
                record.copies[kind] = False
            else:
                if journal.is_listening():
                    journal.tell("formulation", f"one product at copies of the batch, in {chosen.mode} mode")
                return result
    result = problem.by_sweep(mode)
    if not problem.backend.is_traced(problem.x) and problem.backend.keeps(result[1]):
        if not seen:
            record.copies.keep(kind, None)
        elif may_be is None and not problem.check:
            chosen = _fastest(problem, mode)
            if chosen.way == "replicate":
                record.copies[kind] = copies.are_right(problem, chosen.mode)
    return result


def take(problem: BatchedJacobian, formulation: Formulation) -> Result:
    """Take that way and no other, for a trial."""
    if formulation.way == "sample":
        return problem.by_samples(formulation.mode)
    return problem.by_sweep(formulation.mode, allowed=False)


def _fastest(problem: BatchedJacobian, mode: Mode | Literal["auto"]) -> Formulation:
    backend, layout, x = problem.backend, problem.layout, problem.x
    if mode == "auto" and not backend.has_reverse:
        mode = "forward"
    return fastest(backend, problem.record, layout.size(x), layout.batch(x), mode, ("sweep", "replicate"))
