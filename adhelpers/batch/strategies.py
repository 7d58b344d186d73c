"""The choice of the formulation of a batched Jacobian: the fastest that is allowed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from adhelpers.batch import copies
from adhelpers.batch.jacobian import BatchedJacobian, BatchFunction, BatchRecord, Result
from adhelpers.batch.layout import LAYOUTS
from adhelpers.batch.points import require_point
from adhelpers.caches import FUNCTIONS
from adhelpers.engine.sweeps import Check
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
    check: Check,
    holomorphic: bool | None,
    strategy: Formulation | None = None,
    check_first: Callable[[], object] | None = None,
) -> Result:
    """``(y, J, aux)`` with J the batched Jacobian of `f`.

    Parameters
    ----------
    kind
        Distinguishes functions that are derived from one user function.
    holomorphic
        The user's option; None if only real `x` is accepted.
    strategy
        The only formulation to take, for a trial.
    check_first
        Called before `f` is checked for mixing its batch.
    """
    layout = LAYOUTS[batch_axis]
    leaf = require_point(x, layout, holomorphic)
    traced = backend.is_traced(leaf)
    signature = (kind, type(backend), leaf.shape, leaf.dtype, batch_axis, holomorphic, f.signature)
    # Nothing seen while tracing is remembered: values and checks belong to the tracer.
    record = BatchRecord() if traced else FUNCTIONS.record(f.function, signature, BatchRecord)
    mixing = not traced and (check == "always" or (bool(check) and not record.is_checked))
    if mixing and check_first is not None:
        check_first()
    prove = False if traced else check
    problem = BatchedJacobian(backend, f, leaf, layout, bool(holomorphic), chunk_size, record, mixing, prove)
    return evaluate(problem, mode) if strategy is None else take(problem, strategy)


def evaluate(problem: BatchedJacobian, mode: Mode | Literal["auto"]) -> Result:
    """Take the fastest formulation in `mode`: copies of the batch if they are proved, or else a sweep."""
    kind = copies.kind_of_call(problem)
    result = copies.proved(problem, kind, mode)
    if result is None:
        result = problem.by_sweep(mode)
        copies.learn(problem, kind, mode, result)
    return result


def take(problem: BatchedJacobian, formulation: Formulation) -> Result:
    """Take this formulation only, for a trial."""
    if formulation.way == "sample":
        return problem.by_samples(formulation.mode)
    return problem.by_sweep(formulation.mode, allowed=False)
