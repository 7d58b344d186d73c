"""Functions that return one number for each batch element: `batched_gradient` and `batched_hessian`."""

from __future__ import annotations

from typing import Any, Literal, Unpack, overload

from adhelpers.batch.per_sample import Gradients, Values
from adhelpers.batch.strategies import differentiate
from adhelpers.compiled.trials import Way
from adhelpers.engine.composition import COMPOSITIONS, Composition, order
from adhelpers.engine.sweeps import Check, chosen_check
from adhelpers.operations.batched import ways
from adhelpers.operations.declaration import (
    Backend,
    Function,
    Operation,
    Pair,
    Triple,
    declares,
    twin_of,
    without_value,
)
from adhelpers.options import Options, batch_axis, check, check_or_none, chunk_size, word
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.formulations import Formulation, Mode
from adhelpers.plugins.functions import Array, Leaves
from adhelpers.trees.leafwise import LeafwiseFunction
from adhelpers.trees.tree import Tree


class BatchedGradientOptions(Options, total=False):
    """The keywords of `batched_gradient` besides ``has_aux``."""

    batch_axis: Literal[-1, 0]
    check: Check
    check_batch: Check | None


class BatchedHessianOptions(BatchedGradientOptions, total=False):
    """The keywords of `batched_hessian` besides ``has_aux``."""

    mode: Composition
    chunk_size: int | None


def _batched_gradient(
    backend: ADBackend,
    f: LeafwiseFunction,
    x: Tree,
    *,
    batch_axis: Literal[-1, 0],
    check: Check,
    check_batch: Check | None,
) -> tuple[Array, Array, Leaves]:
    values = Values(backend, f, batch_axis)
    y, jacobian, aux = differentiate(
        "gradient",
        backend,
        values,
        x,
        batch_axis=batch_axis,
        mode="reverse",
        chunk_size=None,
        check=chosen_check(check, check_batch),
        holomorphic=None,
    )
    return values.numbers(y), jacobian[0, ...] if batch_axis == -1 else jacobian[:, 0, :], aux


def _batched_hessian(
    backend: ADBackend,
    f: LeafwiseFunction,
    x: Tree,
    *,
    batch_axis: Literal[-1, 0],
    mode: Composition,
    chunk_size: int | None,
    check: Check,
    check_batch: Check | None,
    strategy: Formulation | None = None,
) -> tuple[Array, Array, Leaves]:
    values = Values(backend, f, batch_axis)
    outer, inner = order(backend, mode)
    sweep: Mode | Literal["auto"] = "auto" if mode == "auto" else outer

    def check_gradients() -> None:
        # The Hessians are taken of the sum over the batch, which hides whether f permutes or pools its results.
        _batched_gradient(backend, f, x, batch_axis=batch_axis, check="always", check_batch=None)

    _, jacobian, (y, *aux) = differentiate(
        f"hessian by {inner} mode",
        backend,
        Gradients(backend, values, inner),
        x,
        batch_axis=batch_axis,
        mode=sweep,
        chunk_size=chunk_size,
        check=chosen_check(check, check_batch),
        holomorphic=None,
        strategy=strategy,
        check_first=check_gradients,
    )
    return values.numbers(y), jacobian, tuple(aux)


def _sweeps(backend: ADBackend, options: dict[str, Any], x: Array, shape: tuple[int, ...]) -> list[Way]:
    """No samples: they return no aux, and the value travels as aux."""
    return ways(backend, options, shape, ("sweep",))


BATCHED_GRADIENT = Operation(
    "batched_gradient", _batched_gradient, {"batch_axis": batch_axis, "check": check, "check_batch": check_or_none}
)
BATCHED_HESSIAN = Operation(
    "batched_hessian",
    _batched_hessian,
    {
        "batch_axis": batch_axis,
        "mode": word(COMPOSITIONS),
        "chunk_size": chunk_size,
        "check": check,
        "check_batch": check_or_none,
    },
    result="H",
    order=2,
    alternatives=_sweeps,
)


@overload
def value_and_batched_gradient(
    f: Function, backend: Backend, x: Any, *, has_aux: Literal[True], **options: Unpack[BatchedGradientOptions]
) -> Triple: ...
@overload
def value_and_batched_gradient(
    f: Function, backend: Backend, x: Any, *, has_aux: Literal[False] = False, **options: Unpack[BatchedGradientOptions]
) -> Pair: ...
@overload
def value_and_batched_gradient(
    f: Function, backend: Backend, x: Any, *, has_aux: bool, **options: Unpack[BatchedGradientOptions]
) -> tuple[Any, ...]: ...
@declares(BATCHED_GRADIENT)
def value_and_batched_gradient(
    f: Function,
    backend: Backend,
    x: Any,
    *,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
    batch_axis: Literal[-1, 0] = -1,
    check: Check = True,
    check_batch: Check | None = None,
) -> Any:
    """`batched_gradient` together with ``f(x)``, without an extra evaluation of `f`.

    Parameters
    ----------
    f, backend, x, args, has_aux, batch_axis, check, check_batch
        As in `batched_gradient`.

    Returns
    -------
    (y, v) or (y, v, aux)
        The latter with ``has_aux=True``.

    Examples
    --------
    >>> import numpy, adhelpers
    >>> x = numpy.asarray([[1.0, 3.0, 5.0], [2.0, 4.0, 6.0]])
    >>> y, v = adhelpers.value_and_batched_gradient(lambda x: x[0] * x[1], "finite-difference", x)
    >>> y, v.shape
    (array([ 2., 12., 30.]), (2, 3))
    """
    return BATCHED_GRADIENT.call(
        f, backend, (x,), args, has_aux, {"batch_axis": batch_axis, "check": check, "check_batch": check_batch}
    )


@overload
def batched_gradient(
    f: Function, backend: Backend, x: Any, *, has_aux: Literal[True], **options: Unpack[BatchedGradientOptions]
) -> Pair: ...
@overload
def batched_gradient(
    f: Function, backend: Backend, x: Any, *, has_aux: bool = False, **options: Unpack[BatchedGradientOptions]
) -> Any: ...
@twin_of(value_and_batched_gradient)
def batched_gradient(
    f: Function, backend: Backend, x: Any, *, has_aux: bool = False, **options: Unpack[BatchedGradientOptions]
) -> Any:
    """The gradient of `f` for each element of a batch.

    Parameters
    ----------
    f
        Called as ``f(x, *args)`` on the whole batch. It must treat the elements independently.
    backend
        An `ADBackend`, its name, or None for the one that owns the arrays in `x`.
    x
        One real array of shape ``(N1, ..., Nn, B)``, or ``(B, N1, ...)`` with ``batch_axis=0``. ``f(x)`` is a real
        array of shape ``(B,)``.
    args
        Further arguments of `f`, never differentiated.
    has_aux
        Whether `f` returns a pair ``(y, aux)``. The operation then returns ``(v, aux)``.
    batch_axis
        The batch axis: -1 for the last, as above, or 0 for the first.
    check
        Whether to verify, at the cost of one product, that vectors pushed together give the same results as one by one,
        and in a batched operation that `f` does not mix the batch. A slower sweep replaces a wrong one. True verifies a
        function object once for each shape and dtype, ``"always"`` verifies each call, False verifies nothing.
    check_batch
        The older name of `check`.

    Returns
    -------
    v
        An array of shape ``(N, B)``, or ``(B, N)`` with ``batch_axis=0``. N counts the elements of `x` for one batch
        element, in row-major order.

    Raises
    ------
    BatchAxisError
        `x` has fewer than two dimensions, or ``f(x)`` is not of shape ``(B,)``.
    BatchMixingError
        A batch element of ``f(x)`` depends on another element of `x`.
    DTypeError
        `x` or ``f(x)`` is complex, or not floating.
    ArgumentError, ArgumentTypeError
        Another argument has a wrong value or type.
    AmbiguousBackendError, BackendNotFoundError, BackendLoadError
        No backend could be chosen.
    UnsupportedOperationError
        The framework lacks a derivative rule, and none can be derived.

    Examples
    --------
    >>> import numpy, adhelpers
    >>> x = numpy.asarray([[1.0, 3.0, 5.0], [2.0, 4.0, 6.0]])
    >>> adhelpers.batched_gradient(lambda x: x[0] * x[1], "finite-difference", x).round(6)
    array([[2., 4., 6.],
           [1., 3., 5.]])
    """
    return without_value(value_and_batched_gradient(f, backend, x, has_aux=has_aux, **options))


@overload
def value_and_batched_hessian(
    f: Function, backend: Backend, x: Any, *, has_aux: Literal[True], **options: Unpack[BatchedHessianOptions]
) -> Triple: ...
@overload
def value_and_batched_hessian(
    f: Function, backend: Backend, x: Any, *, has_aux: Literal[False] = False, **options: Unpack[BatchedHessianOptions]
) -> Pair: ...
@overload
def value_and_batched_hessian(
    f: Function, backend: Backend, x: Any, *, has_aux: bool, **options: Unpack[BatchedHessianOptions]
) -> tuple[Any, ...]: ...
@declares(BATCHED_HESSIAN)
def value_and_batched_hessian(
    f: Function,
    backend: Backend,
    x: Any,
    *,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
    batch_axis: Literal[-1, 0] = -1,
    mode: Composition = "auto",
    chunk_size: int | None = None,
    check: Check = True,
    check_batch: Check | None = None,
) -> Any:
    """`batched_hessian` together with ``f(x)``, without an extra evaluation of `f`.

    Parameters
    ----------
    f, backend, x, args, has_aux, batch_axis, mode, chunk_size, check, check_batch
        As in `batched_hessian`.

    Returns
    -------
    (y, H) or (y, H, aux)
        The latter with ``has_aux=True``.

    Examples
    --------
    >>> import numpy, adhelpers
    >>> x = numpy.asarray([[1.0, 3.0, 5.0], [2.0, 4.0, 6.0]])
    >>> y, H = adhelpers.value_and_batched_hessian(lambda x: x[0] ** 2 * x[1], "finite-difference", x)
    >>> y, H.shape
    (array([  2.,  36., 150.]), (2, 2, 3))
    """
    return BATCHED_HESSIAN.call(
        f,
        backend,
        (x,),
        args,
        has_aux,
        {"batch_axis": batch_axis, "mode": mode, "chunk_size": chunk_size, "check": check, "check_batch": check_batch},
    )


@overload
def batched_hessian(
    f: Function, backend: Backend, x: Any, *, has_aux: Literal[True], **options: Unpack[BatchedHessianOptions]
) -> Pair: ...
@overload
def batched_hessian(
    f: Function, backend: Backend, x: Any, *, has_aux: bool = False, **options: Unpack[BatchedHessianOptions]
) -> Any: ...
@twin_of(value_and_batched_hessian)
def batched_hessian(
    f: Function, backend: Backend, x: Any, *, has_aux: bool = False, **options: Unpack[BatchedHessianOptions]
) -> Any:
    """The Hessian of `f` for each element of a batch: the batched Jacobian of the gradient.

    Parameters
    ----------
    f
        Called as ``f(x, *args)`` on the whole batch. It must treat the elements independently.
    backend
        An `ADBackend`, its name, or None for the one that owns the arrays in `x`.
    x
        One real array of shape ``(N1, ..., Nn, B)``, or ``(B, N1, ...)`` with ``batch_axis=0``. ``f(x)`` is a real
        array of shape ``(B,)``.
    args
        Further arguments of `f`, never differentiated.
    has_aux
        Whether `f` returns a pair ``(y, aux)``. The operation then returns ``(H, aux)``.
    batch_axis
        The batch axis: -1 for the last, as above, or 0 for the first.
    mode
        How the two derivatives are composed, the outer mode first. ``"forward-over-reverse"`` pushes directions forward
        through the gradient, and ``"reverse-over-reverse"`` pulls them back through it. ``"reverse-over-forward"``
        takes the gradient of the derivative along a direction. ``"forward-over-forward"`` needs no reverse mode, and
        repeats its work for each element of `x`. ``"auto"`` takes the backend's fastest.
    chunk_size
        How many vectors are pushed at once. None takes as many as fit a memory budget.
    check
        Whether to verify, at the cost of one product, that vectors pushed together give the same results as one by one,
        and in a batched operation that `f` does not mix the batch. A slower sweep replaces a wrong one. True verifies a
        function object once for each shape and dtype, ``"always"`` verifies each call, False verifies nothing.
    check_batch
        The older name of `check`.

    Returns
    -------
    H
        An array of shape ``(N, N, B)``, or ``(B, N, N)`` with ``batch_axis=0``. N counts the elements of `x` for one
        batch element, in row-major order.

    Raises
    ------
    BatchAxisError
        `x` has fewer than two dimensions, or ``f(x)`` is not of shape ``(B,)``.
    BatchMixingError
        A batch element of ``f(x)`` depends on another element of `x`.
    DTypeError
        `x` or ``f(x)`` is complex, or not floating.
    ArgumentError, ArgumentTypeError
        Another argument has a wrong value or type.
    AmbiguousBackendError, BackendNotFoundError, BackendLoadError
        No backend could be chosen.
    UnsupportedOperationError
        The framework lacks a derivative rule, and none can be derived.

    Examples
    --------
    >>> import numpy, adhelpers
    >>> x = numpy.asarray([[1.0, 3.0, 5.0], [2.0, 4.0, 6.0]])
    >>> H = adhelpers.batched_hessian(lambda x: x[0] ** 2 * x[1], "finite-difference", x)
    >>> H[:, :, 1].round(3)
    array([[8., 6.],
           [6., 0.]])
    """
    return without_value(value_and_batched_hessian(f, backend, x, has_aux=has_aux, **options))
