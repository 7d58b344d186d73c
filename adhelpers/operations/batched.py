"""The batched Jacobian: check what is given, and have it computed.

Because `f` treats batch elements independently, one basis vector serves all of them: N pushforwards or M
pullbacks through the whole batch give every element's Jacobian.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeVar

from adhelpers.batch.layout import LAYOUTS, BatchLayout
from adhelpers.batch.problem import Problem, single
from adhelpers.batch.strategies import evaluate, prove_copies, take
from adhelpers.compiled.prepared import compiled_call
from adhelpers.engine.records import FUNCTIONS, Record
from adhelpers.errors import BatchAxisError, DTypeError
from adhelpers.operations.options import check_batch_options, check_chunk_size, check_mode
from adhelpers.operations.products import resolve, with_aux, without_value
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.formulations import Formulation
from adhelpers.plugins.functions import Array, Leaves
from adhelpers.trees.leafwise import LeafwiseFunction
from adhelpers.trees.leaves import is_complex
from adhelpers.trees.tree import Tree

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
        first run must do exactly what a later one does, as under gradient checkpointing, pass False, and a
        `chunk_size`.
    holomorphic
        Required to be True for complex `x`; promises that `f` is holomorphic.

    Returns
    -------
    J
        Of shape ``(M, N, B)``, or ``(B, M, N)`` with ``batch_axis=0``, where M and N count the elements of
        ``f(x)`` and `x` for one batch element in row-major order; its dtype is that of ``f(x)``.

    Notes
    -----
    A function that is seen again, with a batch of the same shape, may from then on be called with copies of the batch
    side by side, if that was seen to give the same and is faster. What it does from then on because of some state
    must not depend on the size of its batch. A `chunk_size` rules copies out.

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
    check_batch_options(batch_axis, check_batch)
    check_mode(mode, ("auto", "forward", "reverse", *TRIED))
    check_chunk_size(chunk_size)
    backend = resolve(f, backend, x)
    options: dict[str, Any] = {"has_aux": has_aux, "batch_axis": batch_axis, "mode": mode, "chunk_size": chunk_size}
    options |= {"check_batch": check_batch, "holomorphic": holomorphic}
    if backend.eager() is not backend:
        return compiled_call(value_and_batched_jacobian, f, backend, {"x": x}, args, **options)
    y, jacobian, flat, aux = differentiate("jacobian", LeafwiseFunction, f, backend, x, args, **options)
    return with_aux(flat, aux, y, jacobian, has_aux=has_aux)


TRIED = tuple(Formulation(mode, way) for mode in ("forward", "reverse") for way in ("sweep", "sample"))
"""Modes that `adhelpers.trials` asks for besides; not for users."""

F = TypeVar("F", bound=LeafwiseFunction)


def differentiate(
    kind: str,
    make: Callable[..., F],
    f: Callable[..., Any],
    backend: ADBackend,
    x: Any,
    args: tuple[Any, ...],
    *,
    has_aux: bool,
    batch_axis: Literal[-1, 0],
    mode: str | Formulation,
    chunk_size: int | None,
    check_batch: bool | str,
    holomorphic: bool | None,
    check_first: Callable[[], object] | None = None,
) -> tuple[Array, Array, F, Leaves]:
    """``(y, J, flat, aux)`` with J that of ``flat = make(f, x, args, has_aux=has_aux)``.

    `kind` tells functions that are made of one `f` apart. Where `holomorphic` is None, nothing is but real.
    `check_first` is called where `flat` is to be checked.
    """
    with backend.scope():
        layout = LAYOUTS[batch_axis]
        point = _read_point(backend, x, layout, holomorphic)
        leaf = point.leaves[0]
        flat = make(f, point, args, has_aux=has_aux)
        traced = backend.is_traced(leaf)
        signature = (kind, type(backend), leaf.shape, leaf.dtype, batch_axis, holomorphic)
        # What is seen while tracing is not remembered: values, and what was checked, belong to the tracer.
        record = Record() if traced else FUNCTIONS.record(f, signature)
        check = not traced and (check_batch == "always" or (bool(check_batch) and not record.batch_checked))
        if check and check_first is not None:
            check_first()
        problem = Problem(backend, flat, leaf, layout, bool(holomorphic), chunk_size, record, check)
        if isinstance(mode, Formulation):
            y, jacobian, aux = take(problem, mode)
        else:
            y, jacobian, aux = evaluate(problem, mode)
            if not traced:
                prove_copies(problem, mode, jacobian)
        return y, jacobian, flat, aux


def _read_point(backend: ADBackend, x: Any, layout: BatchLayout, holomorphic: bool | None) -> Tree:
    point = Tree.read(backend, x, "x")
    leaf = single(point)
    if len(leaf.shape) < 2:
        msg = (
            f"x has shape {tuple(leaf.shape)}, but a batch needs at least two dimensions, "
            f"{layout}; for one point add a batch axis of size 1"
        )
        raise BatchAxisError(msg)
    if is_complex(backend, leaf) != bool(holomorphic):
        msg = (
            f"x is complex ({leaf.dtype}), but only for real x is there one gradient for each batch element; "
            "vector_jacobian_product, with ones for f(x), follows the convention for complex x"
            if holomorphic is None
            else f"x is complex ({leaf.dtype}), and a complex function has a Jacobian only if it is holomorphic; "
            "if f is, pass holomorphic=True, otherwise use the two products"
            if not holomorphic
            else f"holomorphic=True needs a complex x, but x has dtype {leaf.dtype}; leave holomorphic out"
        )
        raise DTypeError(msg)
    return point
