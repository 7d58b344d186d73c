"""One product at copies of the batch, side by side: each with a basis vector of its own."""

from __future__ import annotations

from adhelpers.batch.basis import basis
from adhelpers.batch.problem import Problem, Result, single
from adhelpers.plugins.functions import Array, Leaves
from adhelpers.trees.leaves import is_complex


def replicated(problem: Problem, mode: str) -> Result:
    """J by one product; `ValueError` if `f` does not make copies of its result out of copies of the batch."""
    backend, layout, x = problem.backend, problem.layout, problem.x
    m = problem.record.output_size
    assert m is not None
    n, batch = layout.size(x), layout.batch(x)
    count = n if mode == "forward" else m
    copies = backend.array_namespace(x).concat([x] * count, axis=layout.axis)
    if mode == "forward":
        tangents = layout.beside(backend, basis(backend, layout, x, 0, n))
        outputs, (derivative,), aux = backend.jvp(problem.f, (copies,), (tangents,))
        y = _first(problem, outputs, m, count)
    else:
        outputs, pullback, aux = backend.vjp(problem.f, (copies,))
        y = _first(problem, outputs, m, count)
        (derivative,) = pullback((layout.beside(backend, basis(backend, layout, y, 0, m)),))
    xp = backend.array_namespace(derivative)
    jacobian = layout.from_beside(xp, derivative, count, batch, forward=mode == "forward")
    return y, jacobian if jacobian.dtype == y.dtype else xp.astype(jacobian, y.dtype), aux


def _first(problem: Problem, outputs: Leaves, m: int, count: int) -> Array:
    """``f(x)`` from copies of it."""
    layout, x = problem.layout, problem.x
    copies = single(problem.f.output(outputs))
    whole = count * layout.batch(x)
    if len(copies.shape) < 2 or layout.batch(copies) != whole or layout.size(copies) != m:
        msg = f"f gives an array of shape {tuple(copies.shape)}, not copies of its result"
        raise ValueError(msg)
    if copies.dtype != x.dtype and is_complex(problem.backend, copies) != is_complex(problem.backend, x):
        msg = "one pullback gives the real or the imaginary part of J alone"
        raise ValueError(msg)
    return layout.first(copies, layout.batch(x))
