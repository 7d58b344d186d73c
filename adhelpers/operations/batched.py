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
    """What `batched_jacobian` takes besides ``has_aux``."""

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

    A trial is not checked for mixing: the usual way was.
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
    """`batched_jacobian` together with ``f(x)``, at no extra evaluation of `f`.

    Parameters
    ----------
    f, backend, x, args, has_aux, batch_axis, mode, chunk_size, check, check_batch, holomorphic
        As in `batched_jacobian`.

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
        One array of shape ``(N1, ..., Nn, B)``, or ``(B, N1, ...)`` with ``batch_axis=0``. ``f(x)`` is one of shape
        ``(M1, ..., Mm, B)``, or ``(B, M1, ...)``.
    args
        Further arguments of `f`, never differentiated.
    has_aux
        Whether `f` returns a pair ``(y, aux)``. The operation then returns ``(J, aux)``.
    batch_axis
        Where the batch is: -1 for last, as above, or 0 for first.
    mode
        ``"forward"`` costs N passes, ``"reverse"`` M, and ``"auto"`` takes the cheaper.
    chunk_size
        How many vectors are pushed at once. None keeps a block of them within a memory budget.
    check
        Whether to verify, at the price of one product, that many vectors pushed at once give what one gives by itself,
        and that `f` does not mix a batch. A sweep that is wrong is replaced by a slower one. True verifies a function
        object the first time it is seen with a shape and dtype, ``"always"`` verifies each call.
    check_batch
        The older name of `check`.
    holomorphic
        Must be True for complex `x`, and promises that `f` is holomorphic.

    Returns
    -------
    J
        Of shape ``(M, N, B)``, or ``(B, M, N)`` with ``batch_axis=0``, where M and N count the elements of
        ``f(x)`` and `x` for one batch element in row-major order. Its dtype is that of ``f(x)``.

    Notes
    -----
    From the third call with one shape, `f` may be called on copies of the batch side by side, once a check has shown
    equal results. From then on, what `f` does must not depend on the size of its batch. `chunk_size` disables this.

    The check for mixing is remembered with the function: a module that is switched to training mode after it goes
    unnoticed, and so do other values in `args`. Where the first run must do exactly what a later one does, as under
    gradient checkpointing, pass ``check=False`` and a `chunk_size`.

    Raises
    ------
    BatchAxisError
        `x` or ``f(x)`` has fewer than two dimensions, or they differ in size along the batch axis.
    BatchMixingError
        A batch element of ``f(x)`` depends on another element of `x`.
    DTypeError
        A leaf of `x` or ``f(x)`` is neither floating nor complex, or `holomorphic` does not fit.
    ArgumentError, ArgumentTypeError
        Another argument cannot serve.
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
