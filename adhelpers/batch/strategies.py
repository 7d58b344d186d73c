"""The ways to compute a batched Jacobian, and which of them is taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from adhelpers.batch.basis import sweep_basis
from adhelpers.batch.copies import replicated
from adhelpers.batch.mixing import MixingCheck, rounding_scale
from adhelpers.batch.problem import Problem, Result
from adhelpers.engine import derived
from adhelpers.engine.records import Record
from adhelpers.engine.rounding import nearby, same_to_rounding
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.formulations import Formulation
from adhelpers.plugins.functions import Array, Leaves, Pullback
from adhelpers.trees.leaves import is_complex, zeros_like

Evaluated = tuple[Leaves, Pullback, Leaves]
"""What `ADBackend.vjp` returns."""


def evaluate(problem: Problem, mode: str) -> Result:
    """Take the fastest way in `mode` or, where the framework lacks rules for it, sweep in the other one."""
    backend, record = problem.backend, problem.record
    if problem.layout.size(problem.x) == 0:  # no basis vector to push forward
        return _empty(problem)
    # Automatic mode has no preference of the user's to fall back from.
    allowed = mode == "auto" or backend.fallback
    if mode == "auto" and not backend.has_reverse:
        mode = "forward"
    if record.output_size is None and mode == "auto":
        return derived.either(
            backend,
            problem.f,
            lambda: _learn_and_sweep(problem),
            lambda: _forward(problem),
            rule="reverse rule",
            way="a forward sweep",
            allowed=True,
        )
    if record.output_size is None:
        return _sweep_or_other(problem, mode, allowed=allowed)
    call = problem.call
    # A vector of the check's is no basis vector, and has no copy.
    chosen = problem.choose(mode, copies=not problem.check and record.copies.get(call) is True)
    if chosen.way == "replicate":
        try:
            return replicated(problem, chosen.mode)
        except Exception:  # noqa: BLE001  # whatever it is: if it is an error of f's own, the sweep will meet it too
            record.copies[call] = False
    return _sweep_or_other(problem, chosen.mode, allowed=allowed)


def take(problem: Problem, formulation: Formulation) -> Result:
    """Take that way and no other, for a trial."""
    if formulation.way == "sample":
        return sampled(problem, formulation.mode)
    return _sweep_or_other(problem, formulation.mode, allowed=False)


def prove_copies(problem: Problem, mode: str, jacobian: Array) -> None:
    """See whether copies of the batch give the same, where they would be the fastest way from now on.

    Not at the first call: a function that is never seen again would pay for nothing. And not at `x`, where all may
    be zero, but close by, where values and derivatives must be the same.
    """
    record, call = problem.record, problem.call
    if call is None or record.output_size is None or not problem.backend.keeps(jacobian):
        return
    if call not in record.copies:
        if len(record.copies) < MOST_CALLS:
            record.copies[call] = None
        return
    if record.copies[call] is not None or problem.check:
        return
    chosen = problem.choose(mode, copies=True)
    if chosen.way != "replicate":
        return
    there = replace(problem, x=nearby(problem.backend, problem.x), record=Record(output_size=record.output_size))
    try:
        expected = _sweep_or_other(there, chosen.mode, allowed=False)
        received = replicated(there, chosen.mode)
    except Exception:  # noqa: BLE001  # of whatever kind: f need not take another batch, nor another x
        record.copies[call] = False
        return
    to_numpy, axis = problem.backend.to_numpy, problem.layout.axis
    record.copies[call] = all(
        same_to_rounding(to_numpy(a), to_numpy(b), axis) for a, b in zip(received[:2], expected[:2], strict=True)
    )


MOST_CALLS = 16
"""Of so many kinds of `args` it is remembered whether copies are allowed."""


def _sweep_or_other(problem: Problem, mode: str, *, allowed: bool, evaluated: Evaluated | None = None) -> Result:
    """Sweep in that mode or, where the framework lacks rules for it, in the other one."""
    sweeps = {"forward": lambda: _forward(problem), "reverse": lambda: _reverse(problem, evaluated)}
    native = sweeps.pop(mode)
    (substitute,) = sweeps.values()
    return derived.either(
        problem.backend,
        problem.f,
        native,
        substitute,
        rule=f"{mode} rule",
        way="a sweep in the other mode",
        allowed=allowed,
    )


def _learn_and_sweep(problem: Problem) -> Result:
    """Learn M from the forward pass of reverse mode, which is kept unless forward mode has fewer vectors."""
    evaluated = problem.backend.vjp(problem.f, (problem.x,))
    y = problem.read_output(evaluated[0])
    mode = problem.choose("auto", copies=False).mode
    if mode == "forward" and problem.layout.size(problem.x) < problem.layout.size(y):
        return _sweep_or_other(problem, mode, allowed=True, evaluated=evaluated)
    return _reverse(problem, evaluated)


def _empty(problem: Problem) -> Result:
    """J without columns: `f` is evaluated, and nothing else is to do."""
    backend, layout, x = problem.backend, problem.layout, (problem.x,)
    outputs, _, aux = derived.jvp(backend, problem.f, x, zeros_like(backend, x))
    y = problem.read_output(outputs)
    xp = backend.array_namespace(y)
    columns = xp.zeros((0, *y.shape), dtype=y.dtype, device=backend.device(y))
    return y, layout.from_columns(xp, columns), aux


def _forward(problem: Problem) -> Result:
    backend, layout = problem.backend, problem.layout
    seen: list[tuple[Array, Leaves]] = []

    def push(block: Array) -> Array:
        outputs, pushed, aux = backend.jvp_sweep(problem.f, (problem.x,), (block,))
        if not seen:
            seen.append((problem.read_output(outputs), aux))
        return pushed[0]

    columns, checked = _sweep(problem, push, problem.x, lambda: seen[0][0])
    y, aux = seen[0]
    problem.record.batch_checked |= checked
    return y, layout.from_columns(backend.array_namespace(columns), columns), aux


def _reverse(problem: Problem, evaluated: Evaluated | None = None) -> Result:
    backend, layout = problem.backend, problem.layout
    outputs, pullback, aux = evaluated or backend.vjp(problem.f, (problem.x,))
    y = problem.read_output(outputs)

    def pull(block: Array) -> Array:
        return backend.vjp_sweep(pullback, (block,))[0]

    if layout.size(y) == 0:
        xp = backend.array_namespace(problem.x)
        rows = xp.zeros((0, *problem.x.shape), dtype=y.dtype, device=backend.device(problem.x))
        return y, layout.from_rows(xp, rows), aux
    rows, checked = _sweep(problem, pull, y, lambda: y)
    if y.dtype != problem.x.dtype and is_complex(backend, y) and not problem.holomorphic:
        # Under the pairing Re(sum(a * b)) a real x receives Re(J) from the cotangent 1 and Im(J) from -i.
        imaginary, imaginary_checked = _sweep(problem, lambda block: pull(-1j * block), y, lambda: y)
        rows, checked = rows + 1j * imaginary, checked and imaginary_checked
    problem.record.batch_checked |= checked
    xp = backend.array_namespace(rows)
    return y, layout.from_rows(xp, rows if rows.dtype == y.dtype else xp.astype(rows, y.dtype)), aux


def _sweep(problem: Problem, push: Callable[[Array], Array], like: Array, y: Callable[[], Array]) -> tuple[Array, bool]:
    """The results for every basis vector, and whether `f` was seen to treat batch elements independently."""
    backend, layout, step = problem.backend, problem.layout, problem.step(like)
    check = MixingCheck(backend, layout, like) if problem.check else None
    results = sweep_basis(backend, layout, push, like, step, check)
    if check is None or layout.size(y()) == 0:
        return results, False
    x, output = backend.stop_gradient(problem.x), backend.stop_gradient(y())
    xp = backend.array_namespace(output)
    epsilon = max(float(xp.finfo(array.dtype).eps) for array in (x, output))
    return results, check.verify(push, step, epsilon, rounding_scale(layout, xp, x, output))


def sampled(problem: Problem, mode: str) -> Result:
    """The Jacobian of each element of the batch on its own."""
    backend, layout, x = problem.backend, problem.layout, problem.x
    y, jacobian = backend.sample_jacobian(problem.f, x, layout.axis, mode)
    y = problem.read_output((y,))
    n, m, batch = layout.size(x), layout.size(y), layout.batch(x)
    shape = (m, n, batch) if layout.axis == -1 else (batch, m, n)
    return y, backend.array_namespace(jacobian).reshape(jacobian, shape), ()


def sweeps_and_samples(
    backend: ADBackend, options: dict[str, Any], x: Array, shape: tuple[int, ...]
) -> list[dict[str, Any]]:
    """What may be tried for a Jacobian of that `shape` besides the usual sweep; nothing if it is empty."""
    return _alternatives(backend, options, shape, {"sweep"} if is_complex(backend, x) else {"sweep", "sample"})


def sweeps(backend: ADBackend, options: dict[str, Any], x: Array, shape: tuple[int, ...]) -> list[dict[str, Any]]:
    """The same for a function whose value travels as aux, which samples do not have."""
    return _alternatives(backend, options, shape, {"sweep"})


def _alternatives(
    backend: ADBackend, options: dict[str, Any], shape: tuple[int, ...], ways: set[str]
) -> list[dict[str, Any]]:
    first = options["batch_axis"] == 0
    m, n, batch = (*shape[1:], shape[0]) if first else shape
    mode = options["mode"]
    if n * m * batch == 0:
        return []
    found = [f for f in backend.formulations(n, m, batch) if mode in ("auto", f.mode) and f.way in ways]
    usual = next((f for f in found if f.way == "sweep"), None)
    return [{"mode": f, "check_batch": False} for f in found if f is not usual]
