"""`batched_jacobian`: the Jacobian of each element of a batch."""

from __future__ import annotations

from typing import Any, Literal, Unpack, overload

from adhelpers.batch.strategies import differentiate
from adhelpers.compiled.trials import Way
from adhelpers.engine.sweeps import Check, chosen_check
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
from adhelpers.options import Options, batch_axis, check, check_or_none, chunk_size, flag, word
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.functions import Array, Leaves
from adhelpers.trees.leafwise import LeafwiseFunction
from adhelpers.trees.leaves import is_complex
from adhelpers.trees.tree import Tree


class BatchedJacobianOptions(Options, total=False):
    """The keywords of `batched_jacobian` besides ``has_aux``."""

    batch_axis: Literal[-1, 0]
    mode: Literal["auto", "forward", "reverse"]
    chunk_size: int | None
    check: Check
    check_batch: Check | None
    holomorphic: bool


def _batched_jacobian(
    backend: ADBackend, f: LeafwiseFunction, x: Tree, *, check: Check, check_batch: Check | None, **options: Any
) -> tuple[Array, Array, Leaves]:
    return differentiate("jacobian", backend, f, x, check=chosen_check(check, check_batch), **options)


def ways(backend: ADBackend, options: dict[str, Any], shape: tuple[int, ...], kinds: tuple[str, ...]) -> list[Way]:
    """The formulations of those kinds for a Jacobian of that `shape`, the usual sweep first; none if it is empty.

    A trial does not check for mixing: the usual formulation has done so.
    """
    m, n, batch = (*shape[1:], shape[0]) if options["batch_axis"] == 0 else shape
    if n * m * batch == 0:
        return []
    mode = options["mode"]
    found = [way for way in backend.formulations(n, m, batch) if mode in ("auto", way.mode) and way.way in kinds]
    usual = next((way for way in found if way.way == "sweep"), None)
    if usual is None:
        return []
    others = [
        Way(f"{way.mode} {way.way}", {"strategy": way, "check": False, "check_batch": None})
        for way in found
        if way != usual
    ]
    return [Way(f"{usual.mode} {usual.way}", {}), *others]


def _sweeps_and_samples(backend: ADBackend, options: dict[str, Any], x: Array, shape: tuple[int, ...]) -> list[Way]:
    return ways(backend, options, shape, ("sweep",) if is_complex(backend, x) else ("sweep", "sample"))


BATCHED_JACOBIAN = Operation(
    "batched_jacobian",
    _batched_jacobian,
    {
        "batch_axis": batch_axis,
        "mode": word(("auto", "forward", "reverse")),
        "chunk_size": chunk_size,
        "check": check,
        "check_batch": check_or_none,
        "holomorphic": flag,
    },
    alternatives=_sweeps_and_samples,
)


@overload
def value_and_batched_jacobian(
    f: Function, backend: Backend, x: Any, *, has_aux: Literal[True], **options: Unpack[BatchedJacobianOptions]
) -> Triple: ...
@overload
def value_and_batched_jacobian(
    f: Function, backend: Backend, x: Any, *, has_aux: Literal[False] = False, **options: Unpack[BatchedJacobianOptions]
) -> Pair: ...
@overload
def value_and_batched_jacobian(
    f: Function, backend: Backend, x: Any, *, has_aux: bool, **options: Unpack[BatchedJacobianOptions]
) -> tuple[Any, ...]: ...
@declares(BATCHED_JACOBIAN)
def value_and_batched_jacobian(
    f: Function,
    backend: Backend,
    x: Any,
    *,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
    batch_axis: Literal[-1, 0] = -1,
    mode: Literal["auto", "forward", "reverse"] = "auto",
    chunk_size: int | None = None,
    check: Check = True,
    check_batch: Check | None = None,
    holomorphic: bool = False,
) -> Any:
    """`batched_jacobian` together with ``f(x)``, without an extra evaluation of `f`.

    Parameters
    ----------
    f, backend, x, args, has_aux, batch_axis, mode, chunk_size, check, check_batch, holomorphic
        As in `batched_jacobian`.

    Returns
    -------
    (y, J) or (y, J, aux)
        The latter with ``has_aux=True``.

    Examples
    --------
    >>> import numpy, adhelpers
    >>> y, J = adhelpers.value_and_batched_jacobian(lambda x: 2.0 * x, "finite-difference", numpy.ones((3, 4)))
    >>> y.shape, J.shape
    ((3, 4), (3, 3, 4))
    """
    return BATCHED_JACOBIAN.call(
        f,
        backend,
        (x,),
        args,
        has_aux,
        {
            "batch_axis": batch_axis,
            "mode": mode,
            "chunk_size": chunk_size,
            "check": check,
            "check_batch": check_batch,
            "holomorphic": holomorphic,
        },
    )


@overload
def batched_jacobian(
    f: Function, backend: Backend, x: Any, *, has_aux: Literal[True], **options: Unpack[BatchedJacobianOptions]
) -> Pair: ...
@overload
def batched_jacobian(
    f: Function, backend: Backend, x: Any, *, has_aux: bool = False, **options: Unpack[BatchedJacobianOptions]
) -> Any: ...
@twin_of(value_and_batched_jacobian)
def batched_jacobian(
    f: Function, backend: Backend, x: Any, *, has_aux: bool = False, **options: Unpack[BatchedJacobianOptions]
) -> Any:
    """The Jacobian of `f` for each element of a batch.

    Parameters
    ----------
    f
        Called as ``f(x, *args)`` on the whole batch. It must treat the elements independently.
    backend
        An `ADBackend`, its name, or None for the one that owns the arrays in `x`.
    x
        One array of shape ``(N1, ..., Nn, B)``, or ``(B, N1, ...)`` with ``batch_axis=0``. ``f(x)`` is one array of
        shape ``(M1, ..., Mm, B)``, or ``(B, M1, ...)``.
    args
        Further arguments of `f`, never differentiated.
    has_aux
        Whether `f` returns a pair ``(y, aux)``. The operation then returns ``(J, aux)``.
    batch_axis
        The batch axis: -1 for the last, as above, or 0 for the first.
    mode
        ``"forward"`` costs N passes, ``"reverse"`` costs M, and ``"auto"`` takes the cheaper mode.
    chunk_size
        How many vectors are pushed at once. None takes as many as fit a memory budget.
    check
        Whether to verify, at the cost of one product, that vectors pushed together give the same results as one by one,
        and in a batched operation that `f` does not mix the batch. A slower sweep replaces a wrong one. True verifies a
        function object once for each shape and dtype, ``"always"`` verifies each call, False verifies nothing.
    check_batch
        The older name of `check`.
    holomorphic
        True promises that `f` is holomorphic. Complex `x` requires it.

    Returns
    -------
    J
        An array of shape ``(M, N, B)``, or ``(B, M, N)`` with ``batch_axis=0``, and the dtype of ``f(x)``. M and N
        count the elements of ``f(x)`` and `x` for one batch element, in row-major order.

    Notes
    -----
    From the third call with one shape, `f` may be called on K concatenated copies of the batch, once a check has shown
    equal results. `f` must then not depend on the batch size. `chunk_size` disables this.

    The check for mixing runs once for each function, shape and dtype. It does not notice a module that is switched to
    training mode later, or new floats and array values in `args`. If repeated calls must do exactly the same work, as
    under gradient checkpointing, pass ``check=False`` and a `chunk_size`.

    Raises
    ------
    BatchAxisError
        `x` or ``f(x)`` has fewer than two dimensions, or they differ in size along the batch axis.
    BatchMixingError
        A batch element of ``f(x)`` depends on another element of `x`.
    DTypeError
        `x` or ``f(x)`` is neither floating nor complex, or `holomorphic` does not match the dtypes.
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
    >>> J = adhelpers.batched_jacobian(lambda x: x**2, "finite-difference", x)
    >>> J.shape
    (2, 2, 3)
    >>> J[:, :, 0].round(6)
    array([[2., 0.],
           [0., 4.]])
    """
    return without_value(value_and_batched_jacobian(f, backend, x, has_aux=has_aux, **options))
