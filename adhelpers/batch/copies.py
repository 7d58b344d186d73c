"""Copies of the batch, concatenated: one product at all copies, each with its own basis vector.

The result is right only if `f` does not depend on the batch size, so a proof comes first. The first call of a function
makes no proof, which would not pay for a function that is called once.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from typing import Literal

from adhelpers.batch.basis import units
from adhelpers.batch.jacobian import BatchedJacobian, BatchRecord, Result
from adhelpers.batch.points import require_copies
from adhelpers.engine import journal
from adhelpers.engine.rounding import OnHost, nearby, same_to_rounding
from adhelpers.engine.sweeps import fastest
from adhelpers.plugins.formulations import Formulation, Mode
from adhelpers.trees.kinds import kind_of


def kind_of_call(problem: BatchedJacobian) -> Hashable:
    """A key that is equal for calls that one proof of copies covers; None for a call that may not use copies.

    Copies run all at once, and give copies of aux. A function may behave differently for another flag or number among
    `args`, or for an array of another shape.
    """
    f = problem.f
    if f.has_aux or problem.chunk_size is not None or problem.layout.size(problem.x) == 0:
        return None
    kinds: list[Hashable] = []
    for arg in f.args:
        if not isinstance(arg, (float, complex)) and not (hasattr(arg, "shape") and hasattr(arg, "dtype")):
            return None
        kinds.append(kind_of(arg))
    return tuple(kinds)


def proved(problem: BatchedJacobian, kind: Hashable, mode: Mode | Literal["auto"]) -> Result | None:
    """J by copies, if they are proved for this kind of call and are the fastest formulation."""
    # The check pushes a vector that is not a basis vector, and has no copy.
    if kind is None or problem.check or not problem.record.copies.get(kind):
        return None
    chosen = _fastest(problem, mode)
    if chosen.way != "replicate":
        return None
    try:
        result = _by_copies(problem, chosen.mode)
    except Exception:  # noqa: BLE001  # if f raised it, the sweep will raise it too
        problem.record.copies[kind] = False
        return None
    if journal.is_listening():
        journal.tell("formulation", f"one product at copies of the batch, in {chosen.mode} mode")
    return result


def learn(problem: BatchedJacobian, kind: Hashable, mode: Mode | Literal["auto"], swept: Result) -> None:
    """Prove copies at the second call of this kind, if they would be the fastest formulation."""
    known = problem.record.copies  # for a traced `x` nothing is remembered
    if kind is None:
        return
    if kind not in known:
        known.keep(kind, None)
    elif known.get(kind, False) is None and not problem.check:
        chosen = _fastest(problem, mode)
        if chosen.way == "replicate" and problem.backend.keeps(swept[1]):
            known[kind] = _are_right(problem, chosen.mode)


def _fastest(problem: BatchedJacobian, mode: Mode | Literal["auto"]) -> Formulation:
    backend, layout, x = problem.backend, problem.layout, problem.x
    if mode == "auto" and not backend.has_reverse:
        mode = "forward"
    return fastest(backend, problem.record, layout.size(x), layout.batch(x), mode, ("sweep", "replicate"))


def _by_copies(problem: BatchedJacobian, mode: Mode) -> Result:
    """Compute J by one product; `ValueError` if copies of the batch do not give copies of ``f(x)``."""
    backend, layout, x = problem.backend, problem.layout, problem.x
    m = problem.record.output_size
    assert m is not None
    n, batch = layout.size(x), layout.batch(x)
    count = n if mode == "forward" else m
    copies = backend.array_namespace(x).concat([x] * count, axis=layout.axis)
    if mode == "forward":
        tangents = layout.beside(backend, units(layout, backend, x, n, 0, n))
        outputs, (derivative,), aux = backend.jvp(problem.f, (copies,), (tangents,))
        y = layout.first(require_copies(problem.f.output(outputs), x, layout, count, m), batch)
    else:
        outputs, pullback, aux = backend.vjp(problem.f, (copies,))
        y = layout.first(require_copies(problem.f.output(outputs), x, layout, count, m), batch)
        (derivative,) = pullback((layout.beside(backend, units(layout, backend, y, m, 0, m)),))
    xp = backend.array_namespace(derivative)
    jacobian = layout.from_beside(xp, derivative, count, batch, forward=mode == "forward")
    return y, jacobian if jacobian.dtype == y.dtype else xp.astype(jacobian, y.dtype), aux


def _are_right(problem: BatchedJacobian, mode: Mode) -> bool:
    """Whether copies of the batch give the same as a sweep.

    The comparison is close to `x`, because at `x` everything may be zero. Values and derivatives must be the same.
    """
    # What is known about the ways to sweep holds there too.
    record = BatchRecord(output_size=problem.record.output_size, verdicts=problem.record.verdicts)
    there = replace(problem, x=nearby(problem.backend, problem.x), record=record)
    with journal.part_of("proof of copies"):
        try:
            expected = there.by_sweep(mode, allowed=False)
            received = _by_copies(there, mode)
        except Exception as error:  # noqa: BLE001  # of any kind: f need not accept another batch, or another x
            journal.tell("copies", f"not used: close to x, {journal.raised(error)}")
            return False
        backend, axis = problem.backend, problem.layout.axis
        pairs = zip(received[:2], expected[:2], strict=True)
        right = all(same_to_rounding(OnHost.of(backend, a), OnHost.of(backend, b), axis) for a, b in pairs)
        verdict = "proved: they give the same" if right else "not used: they give another result"
        journal.tell("copies", f"{verdict} close to x")
        return right
