"""The ways to compute a batched Jacobian: sweeps of basis vectors, or copies of the batch, one for each vector."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

from adhelpers import derived
from adhelpers.contract import ADBackend, Array, Formulation, Leaves, Pullback
from adhelpers.errors import BatchAxisError, DTypeError
from adhelpers.layout import BatchLayout
from adhelpers.leaves import is_complex, zeros_like
from adhelpers.memory import Record
from adhelpers.mixing import MixingCheck, rounding_scale
from adhelpers.sweep import basis, sweep_basis
from adhelpers.trees import LeafwiseFunction, Tree

Result = tuple[Array, Array, Leaves]
"""``(y, J, aux)``."""
Evaluated = tuple[Leaves, Pullback, Leaves]
"""What `ADBackend.vjp` returns."""


@dataclass(slots=True)
class Problem:
    """One batched Jacobian to compute."""

    backend: ADBackend
    f: LeafwiseFunction
    x: Array
    layout: BatchLayout
    holomorphic: bool
    chunk_size: int | None
    record: Record
    check: bool
    """Whether to see that `f` does not mix the batch."""

    def step(self, like: Array) -> int:
        """How many vectors shaped as `like` are pushed at once."""
        return self.chunk_size or derived.chunk_length(prod(like.shape) * derived.itemsize(self.backend, like))

    def choose(self, mode: str) -> Formulation:
        """The fastest way in that mode, or of all, once the size of ``f(x)`` is known."""
        record, layout = self.record, self.layout
        if not record.formulations:
            assert record.output_size is not None
            n, batch = layout.size(self.x), layout.batch(self.x)
            record.formulations = tuple(self.backend.formulations(n, record.output_size, batch))
        for formulation in record.formulations:
            if mode in ("auto", formulation.mode) and self._may_take(formulation.way):
                return formulation
        msg = f"{type(self.backend).__name__}.formulations gives no sweep in {mode} mode, which core must have"
        raise TypeError(msg)

    def _may_take(self, way: str) -> bool:
        if way == "replicate":
            # One that was seen to allow it. The copies are all run at once, and unchecked, and have copies of aux.
            return bool(self.record.replicates) and self.chunk_size is None and not (self.check or self.f.has_aux)
        return way != "sample"

    def read_output(self, outputs: Leaves) -> Array:
        """``f(x)``, once it is seen to share the batch axis of `x`."""
        y = single(self.f.output(outputs))
        layout = self.layout
        batch = layout.batch(self.x)
        if len(y.shape) < 2 or layout.batch(y) != batch:
            other = layout.other()
            fits = len(y.shape) >= 2 and other.batch(y) == other.batch(self.x)
            msg = (
                f"x has shape {tuple(self.x.shape)} and f(x) {tuple(y.shape)}, but both need at least two dimensions "
                f"with {layout} and of the same size {batch}; "
                + (f"with batch_axis={other.axis} they would fit" if fits else "f must keep the batch axis")
            )
            raise BatchAxisError(msg)
        if self.holomorphic and not is_complex(self.backend, y):
            msg = f"holomorphic=True needs a complex f(x), but it has dtype {y.dtype}; use the two products"
            raise DTypeError(msg)
        self.record.output_size = layout.size(y)
        return y


def single(tree: Tree) -> Array:
    """The array that the tree is, and not merely contains."""
    if len(tree.leaves) == 1 and tree.rebuild(tree.leaves) is tree.leaves[0]:
        return tree.leaves[0]
    msg = (
        f"{tree.name} is a structure of {len(tree.leaves)} leaves, but a batched Jacobian takes a single array; "
        "join its parts along an axis that is not the batch, or use the two products"
    )
    raise BatchAxisError(msg)


def evaluate(problem: Problem, mode: str | Formulation) -> Result:
    """Take the fastest way in `mode` or, where the framework lacks rules for it, sweep in the other one.

    A formulation is taken as it is, for trials.
    """
    backend, record = problem.backend, problem.record
    if problem.layout.size(problem.x) == 0:  # no basis vector to push forward
        return _empty(problem)
    if isinstance(mode, Formulation):
        return sampled(problem, mode.mode) if mode.way == "sample" else _take_or_sweep(problem, mode, allowed=False)
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
    chosen = Formulation(mode, "sweep") if record.output_size is None else problem.choose(mode)
    return _take_or_sweep(problem, chosen, allowed=allowed)


def _take_or_sweep(
    problem: Problem, chosen: Formulation, *, allowed: bool, evaluated: Evaluated | None = None
) -> Result:
    """That way or, where the framework lacks rules for its mode, a sweep in the other one."""
    sweeps = {"forward": lambda: _forward(problem), "reverse": lambda: _reverse(problem, evaluated)}
    native = sweeps.pop(chosen.mode)
    (substitute,) = sweeps.values()
    return derived.either(
        problem.backend,
        problem.f,
        (lambda: replicated(problem, chosen.mode)) if chosen.way == "replicate" else native,
        substitute,
        rule=f"{chosen.mode} rule",
        way="a sweep in the other mode",
        allowed=allowed,
    )


def _learn_and_sweep(problem: Problem) -> Result:
    """Learn M from the forward pass of reverse mode, which is kept unless forward mode has fewer vectors."""
    evaluated = problem.backend.vjp(problem.f, (problem.x,))
    y = problem.read_output(evaluated[0])
    chosen = problem.choose("auto")
    if chosen.mode == "forward" and problem.layout.size(problem.x) < problem.layout.size(y):
        return _take_or_sweep(problem, chosen, allowed=True, evaluated=evaluated)
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


def replicated(problem: Problem, mode: str) -> Result:
    """One product at copies of the batch, side by side: each with a basis vector of its own."""
    backend, layout, x = problem.backend, problem.layout, problem.x
    m = problem.record.output_size
    assert m is not None
    n, batch = layout.size(x), layout.batch(x)
    count = n if mode == "forward" else m
    copies = backend.array_namespace(x).concat([x] * count, axis=layout.axis)
    if mode == "forward":
        tangents = layout.beside(backend, basis(backend, layout, x, 0, n))
        outputs, (derivative,), aux = backend.jvp(problem.f, (copies,), (tangents,))
        y = layout.first(outputs[0], batch)
    else:
        outputs, pullback, aux = backend.vjp(problem.f, (copies,))
        y = layout.first(outputs[0], batch)
        (derivative,) = pullback((layout.beside(backend, basis(backend, layout, y, 0, m)),))
    xp = backend.array_namespace(derivative)
    jacobian = layout.from_beside(xp, derivative, count, batch, forward=mode == "forward")
    return y, jacobian if jacobian.dtype == y.dtype else xp.astype(jacobian, y.dtype), aux


def sampled(problem: Problem, mode: str) -> Result:
    """The Jacobian of each element of the batch on its own."""
    backend, layout, x = problem.backend, problem.layout, problem.x
    y, jacobian = backend.sample_jacobian(problem.f, x, layout.axis, mode)
    y = problem.read_output((y,))
    n, m, batch = layout.size(x), layout.size(y), layout.batch(x)
    shape = (m, n, batch) if layout.axis == -1 else (batch, m, n)
    return y, backend.array_namespace(jacobian).reshape(jacobian, shape), ()


def formulations_of(backend: ADBackend, x: Array, shape: tuple[int, ...], options: dict[str, Any]) -> list[Formulation]:
    """The ways that compiled code may take to a Jacobian of that `shape`, the fastest first; none if it is empty."""
    first = options["batch_axis"] == 0
    m, n, batch = (*shape[1:], shape[0]) if first else shape
    mode = options["mode"]
    ways = {"sweep"} if is_complex(backend, x) else {"sweep", "sample"}
    if n * m * batch == 0:
        return []
    return [f for f in backend.formulations(n, m, batch) if mode in ("auto", f.mode) and f.way in ways]


def prove_replication(problem: Problem, mode: str, jacobian: Array) -> None:
    """See whether copies of the batch give the same `jacobian`, where that would be the fastest way from now on.

    Not at the first call: a function that is never seen again would pay for nothing.
    """
    record, backend = problem.record, problem.backend
    if not record.seen:
        record.seen = True
        return
    if record.replicates is not None or record.output_size is None or problem.check or not backend.keeps(jacobian):
        return
    record.replicates = True
    chosen = problem.choose(mode)
    record.replicates = None
    if chosen.way != "replicate":
        return
    try:
        y, other, _ = replicated(problem, chosen.mode)
        xp = backend.array_namespace(other)
        deviation = xp.abs(backend.stop_gradient(other - jacobian))
        bound = 1e3 * float(xp.finfo(y.dtype).eps) * xp.max(xp.abs(backend.stop_gradient(jacobian)))
        record.replicates = bool(xp.all(deviation <= bound))
    except Exception:  # noqa: BLE001  # of whatever kind: f need not take another batch than the one it was given
        record.replicates = False
