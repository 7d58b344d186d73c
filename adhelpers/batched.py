"""The batched Jacobian: check, choose a mode, sweep the basis, lay the result out.

Because `f` treats batch elements independently, one basis vector serves all of them: N pushforwards or M
pullbacks through the whole batch give every element's Jacobian.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any, Literal

from adhelpers import derived
from adhelpers.contract import ADBackend, Array, Leaves, Pullback
from adhelpers.errors import BatchAxisError, DTypeError
from adhelpers.leaves import is_complex, zeros_like
from adhelpers.memory import FUNCTIONS, Record
from adhelpers.operations import resolve, with_aux, without_value
from adhelpers.prepared import compiled_call
from adhelpers.sweep import BatchLayout, MixingCheck, rounding_scale, sweep_basis
from adhelpers.trees import LeafwiseFunction, Tree

Mode = Literal["auto", "forward", "reverse"]


def batched_jacobian(
    f: Callable[..., Any],
    backend: ADBackend | str | None,
    x: Any,
    *,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
    batch_axis: Literal[-1, 0] = -1,
    mode: Mode = "auto",
    chunk_size: int | None = None,
    check_batch: bool | Literal["always"] = True,
    holomorphic: bool = False,
) -> Any:
    """The Jacobian of `f` for each element of a batch.

    Parameters
    ----------
    f
        Called as ``f(x, *args)`` on the whole batch; it must treat the elements independently.
    backend
        An `ADBackend`, its name, or None: then `x` decides.
    x
        One array of shape ``(N1, ..., Nn, B)``; ``f(x)`` is one of shape ``(M1, ..., Mm, B)``.
    args
        Further arguments of `f`, never differentiated.
    has_aux
        Whether `f` returns a pair ``(y, aux)``; the operation then returns ``(J, aux)``.
    batch_axis
        Where the batch is: -1 as above, or 0 for ``x: (B, N1, ...)`` and ``f(x): (B, M1, ...)``.
    mode
        Forward sweeps cost N passes, reverse ones M; ``"auto"`` takes the cheaper.
    chunk_size
        How many vectors are pushed at once; None keeps a block within a memory budget.
    check_batch
        Whether to verify, at the price of one vector more, that `f` does not mix the batch: True checks a
        function object the first time it is seen with a shape and dtype, ``"always"`` each time. A module
        that is switched to training mode after its check goes unnoticed, and so do other `args`. Where the
        first run must do exactly what a later one does, as under gradient checkpointing, pass False.
    holomorphic
        Required to be True for complex `x`; promises that `f` is holomorphic.

    Returns
    -------
    J
        Of shape ``(M, N, B)``, or ``(B, M, N)`` with ``batch_axis=0``, where M and N count the elements of
        ``f(x)`` and `x` for one batch element in row-major order; its dtype is that of ``f(x)``.

    Raises
    ------
    BatchAxisError
        `x` or ``f(x)`` has fewer than two dimensions, or they differ in size along the batch axis.
    BatchMixingError
        A batch element of ``f(x)`` depends on another element of `x`.
    DTypeError
        A leaf is not floating or complex, or `holomorphic` does not fit.
    UnsupportedOperationError
        The framework lacks derivative rules in both modes.

    Examples
    --------
    >>> import numpy, adhelpers
    >>> x = numpy.asarray([[1.0, 3.0, 5.0], [2.0, 4.0, 6.0]])
    >>> J = adhelpers.batched_jacobian(lambda x: x**2, "finite-difference", x)
    >>> J.shape
    (2, 2, 3)
    >>> J[:, :, 0].round(6)
    array([[2., 0.],
           [0., 4.]])
    """
    return without_value(
        value_and_batched_jacobian(
            f,
            backend,
            x,
            args=args,
            has_aux=has_aux,
            batch_axis=batch_axis,
            mode=mode,
            chunk_size=chunk_size,
            check_batch=check_batch,
            holomorphic=holomorphic,
        )
    )


def value_and_batched_jacobian(
    f: Callable[..., Any],
    backend: ADBackend | str | None,
    x: Any,
    *,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
    batch_axis: Literal[-1, 0] = -1,
    mode: Mode = "auto",
    chunk_size: int | None = None,
    check_batch: bool | Literal["always"] = True,
    holomorphic: bool = False,
) -> Any:
    """`batched_jacobian` together with ``f(x)``, at no extra evaluation of `f`.

    Returns
    -------
    (y, J) or (y, J, aux)
        With `has_aux` the latter.

    Examples
    --------
    >>> import numpy, adhelpers
    >>> y, J = adhelpers.value_and_batched_jacobian(lambda x: 2.0 * x, "finite-difference", numpy.ones((3, 4)))
    >>> y.shape, J.shape
    ((3, 4), (3, 3, 4))
    """
    _check_options(batch_axis, mode, chunk_size, check_batch)
    backend = resolve(f, backend, x)
    if backend.eager() is not backend:
        options: dict[str, Any] = {"has_aux": has_aux, "batch_axis": batch_axis, "mode": mode, "chunk_size": chunk_size}
        options |= {"check_batch": check_batch, "holomorphic": holomorphic}
        return compiled_call(value_and_batched_jacobian, f, backend, {"x": x}, args, **options)
    with backend.scope():
        layout = BatchLayout(batch_axis)
        point = _read_point(backend, x, layout, holomorphic)
        leaf = point.leaves[0]
        traced = backend.is_traced(leaf)
        signature = (type(backend), leaf.shape, leaf.dtype, batch_axis, holomorphic)
        # What is seen while tracing is not remembered: values, and what was checked, belong to the tracer.
        record = Record() if traced else FUNCTIONS.record(f, signature)
        problem = _Problem(
            backend,
            LeafwiseFunction(f, point, args, has_aux=has_aux),
            leaf,
            layout,
            holomorphic,
            chunk_size,
            record,
            check=not traced and (check_batch == "always" or (bool(check_batch) and not record.batch_checked)),
        )
        y, jacobian, aux = _evaluate(problem, mode)
        return with_aux(problem.f, aux, y, jacobian, has_aux=has_aux)


def _check_options(batch_axis: object, mode: object, chunk_size: object, check_batch: object) -> None:
    if not isinstance(batch_axis, int) or isinstance(batch_axis, bool) or batch_axis not in (-1, 0):
        msg = f"batch_axis is {batch_axis!r}; write -1 for the batch last, or 0 for the batch first"
        raise BatchAxisError(msg)
    if mode not in ("auto", "forward", "reverse"):
        msg = f"mode is {mode!r}; write 'auto', 'forward' or 'reverse'"
        raise ValueError(msg)
    is_count = hasattr(chunk_size, "__index__") and not isinstance(chunk_size, bool) and operator.index(chunk_size) > 0
    if chunk_size is not None and not is_count:
        msg = f"chunk_size is {chunk_size!r}; write a positive int, or None to have one chosen"
        raise ValueError(msg)
    if not isinstance(check_batch, bool) and not (isinstance(check_batch, str) and check_batch == "always"):
        msg = f"check_batch is {check_batch!r}; write True, False or 'always'"
        raise ValueError(msg)


def _read_point(backend: ADBackend, x: Any, layout: BatchLayout, holomorphic: bool) -> Tree:
    point = Tree.read(backend, x, "x")
    leaf = _single(point)
    if len(leaf.shape) < 2:
        msg = (
            f"x has shape {tuple(leaf.shape)}, but a batched Jacobian needs at least two dimensions, "
            f"{layout}; for one point add a batch axis of size 1"
        )
        raise BatchAxisError(msg)
    if is_complex(backend, leaf) != holomorphic:
        msg = (
            f"x is complex ({leaf.dtype}), and a complex function has a Jacobian only if it is holomorphic; "
            "if f is, pass holomorphic=True, otherwise use the two products"
            if not holomorphic
            else f"holomorphic=True needs a complex x, but x has dtype {leaf.dtype}; leave holomorphic out"
        )
        raise DTypeError(msg)
    return point


def _single(tree: Tree) -> Array:
    """The array that the tree is, and not merely contains."""
    if len(tree.leaves) == 1 and tree.rebuild(tree.leaves) is tree.leaves[0]:
        return tree.leaves[0]
    msg = (
        f"{tree.name} is a structure of {len(tree.leaves)} leaves, but a batched Jacobian takes a single array; "
        "join its parts along an axis that is not the batch, or use the two products"
    )
    raise BatchAxisError(msg)


@dataclass(frozen=True)
class _Problem:
    """One batched Jacobian to evaluate."""

    backend: ADBackend
    f: LeafwiseFunction
    x: Array
    layout: BatchLayout
    holomorphic: bool
    chunk_size: int | None
    record: Record
    check: bool

    @property
    def cheaper_forward(self) -> bool:
        """Whether there are fewer inputs than outputs, the latter being known."""
        assert self.record.output_size is not None
        return self.layout.size(self.x) < self.record.output_size

    def step(self, like: Array) -> int:
        """How many vectors shaped as `like` are pushed at once."""
        return self.chunk_size or derived.chunk_length(prod(like.shape) * derived.itemsize(self.backend, like))

    def read_output(self, outputs: Leaves) -> Array:
        """``f(x)``, once it is seen to share the batch axis of `x`."""
        y = _single(self.f.output(outputs))
        batch, shapes = self.layout.batch(self.x), f"x has shape {tuple(self.x.shape)} and f(x) {tuple(y.shape)}"
        if len(y.shape) < 2 or self.layout.batch(y) != batch:
            other = self.layout.other()
            fits = len(y.shape) >= 2 and other.batch(y) == other.batch(self.x)
            msg = (
                f"{shapes}, but both need at least two dimensions with {self.layout} and of the same size {batch}; "
                + (f"with batch_axis={other.axis} they would fit" if fits else "f must keep the batch axis")
            )
            raise BatchAxisError(msg)
        if self.holomorphic and not is_complex(self.backend, y):
            msg = f"holomorphic=True needs a complex f(x), but it has dtype {y.dtype}; use the two products"
            raise DTypeError(msg)
        self.record.output_size = self.layout.size(y)
        return y


Result = tuple[Array, Array, Leaves]
"""``(y, J, aux)``."""
Evaluated = tuple[Leaves, Pullback, Leaves]
"""What `ADBackend.vjp` returns."""


def _evaluate(problem: _Problem, mode: Mode) -> Result:
    """Sweep in `mode` or, where the framework lacks rules for it, in the other one."""
    backend, record = problem.backend, problem.record
    if problem.layout.size(problem.x) == 0:  # no basis vector to push forward
        return _empty(problem)
    if mode != "auto":
        return _sweep_or_other(problem, mode, allowed=backend.fallback)
    # Automatic mode has no preference of the user's to fall back from.
    if not backend.has_reverse:
        return _sweep_or_other(problem, "forward", allowed=True)
    if record.output_size is not None:
        return _sweep_or_other(problem, "forward" if problem.cheaper_forward else "reverse", allowed=True)
    return derived.either(
        backend,
        problem.f,
        lambda: _learn_and_sweep(problem),
        lambda: _forward(problem),
        rule="reverse rule",
        way=_OTHER_MODE,
        allowed=True,
    )


_OTHER_MODE = "a sweep in the other mode"


def _sweep_or_other(problem: _Problem, mode: Mode, *, allowed: bool, evaluated: Evaluated | None = None) -> Result:
    sweeps = [lambda: _forward(problem), lambda: _reverse(problem, evaluated)]
    if mode == "reverse":
        sweeps.reverse()
    return derived.either(problem.backend, problem.f, *sweeps, rule=f"{mode} rule", way=_OTHER_MODE, allowed=allowed)


def _learn_and_sweep(problem: _Problem) -> Result:
    """Learn M from the forward pass of reverse mode, which is kept if reverse mode is the cheaper one."""
    evaluated = problem.backend.vjp(problem.f, (problem.x,))
    problem.read_output(evaluated[0])
    if problem.cheaper_forward:
        return _sweep_or_other(problem, "forward", allowed=True, evaluated=evaluated)
    return _reverse(problem, evaluated)


def _empty(problem: _Problem) -> Result:
    """J without columns: `f` is evaluated, and nothing else is to do."""
    backend, layout, x = problem.backend, problem.layout, (problem.x,)
    outputs, _, aux = derived.jvp(backend, problem.f, x, zeros_like(backend, x))
    y = problem.read_output(outputs)
    xp = backend.array_namespace(y)
    columns = xp.zeros((0, *y.shape), dtype=y.dtype, device=backend.device(y))
    return y, layout.from_columns(xp, columns), aux


def _forward(problem: _Problem) -> Result:
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


def _reverse(problem: _Problem, evaluated: Evaluated | None = None) -> Result:
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
    if is_complex(backend, y) and not problem.holomorphic:
        # Under the pairing Re(sum(a * b)) a real x receives Re(J) from the cotangent 1 and Im(J) from -i.
        imaginary, imaginary_checked = _sweep(problem, lambda block: pull(-1j * block), y, lambda: y)
        rows, checked = rows + 1j * imaginary, checked and imaginary_checked
    problem.record.batch_checked |= checked
    xp = backend.array_namespace(rows)
    return y, layout.from_rows(xp, rows if rows.dtype == y.dtype else xp.astype(rows, y.dtype)), aux


def _sweep(
    problem: _Problem, push: Callable[[Array], Array], like: Array, y: Callable[[], Array]
) -> tuple[Array, bool]:
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
