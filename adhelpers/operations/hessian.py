"""The Hessian and its trace: `hessian` and `laplacian`."""

from __future__ import annotations

from typing import Any, Literal, Unpack, overload

from adhelpers.compiled.trials import Way
from adhelpers.engine import dense
from adhelpers.engine.composition import COMPOSITIONS, Composition, order
from adhelpers.engine.derivatives import Gradient
from adhelpers.engine.sweeps import Check
from adhelpers.errors import DTypeError
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
from adhelpers.options import Options, check, chunk_size, word
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.functions import Array, Leaves
from adhelpers.trees.leafwise import LeafwiseFunction
from adhelpers.trees.leaves import is_complex
from adhelpers.trees.tree import Tree


class HessianOptions(Options, total=False):
    """The keywords of `hessian` and `laplacian` besides ``has_aux``."""

    mode: Composition
    chunk_size: int | None
    check: Check


def _hessian(
    backend: ADBackend, f: LeafwiseFunction, x: Tree, *, mode: Composition, chunk_size: int | None, check: Check
) -> tuple[Any, Any, Leaves]:
    _require_real(x, "hessian")
    outer, inner = order(backend, mode)
    _, blocks, (y, *aux) = dense.jacobian(
        backend, Gradient(backend, f, inner), x.leaves, outer, chunk_size, check=check
    )
    rows = tuple([x.rebuild(tuple(row)) for row in blocks])
    return y, x.rebuild(rows), tuple(aux)


def _laplacian(
    backend: ADBackend, f: LeafwiseFunction, x: Tree, *, mode: Composition, chunk_size: int | None, check: Check
) -> tuple[Any, Any, Leaves]:
    _require_real(x, "laplacian")
    outer, inner = order(backend, mode)
    (y, *aux), trace = dense.trace(backend, Gradient(backend, f, inner), x.leaves, outer, chunk_size, check=check)
    xp = backend.array_namespace(y)
    if trace is None:
        return y, xp.zeros_like(y), tuple(aux)
    return y, backend.copy(xp.astype(trace, y.dtype)), tuple(aux)  # for NumPy's sums are scalars, and copies arrays


def _require_real(x: Tree, operation: str) -> None:
    for leaf in x.leaves:
        if is_complex(x.backend, leaf):
            msg = (
                f"x has a leaf of dtype {leaf.dtype}, but {operation} needs real x, because the second derivative "
                f"of a function of complex x is not a complex matrix; use hessian_vector_product"
            )
            raise DTypeError(msg)


def _ways(backend: ADBackend, options: dict[str, Any], x: Array, shape: tuple[int, ...]) -> list[Way]:
    """Forward and reverse sweeps over the gradient; none for an empty Hessian, or if the user has chosen a mode."""
    if options["mode"] != "auto" or 0 in shape:
        return []
    modes = ("forward-over-reverse", "reverse-over-reverse")
    others = [Way(mode, {"mode": mode}) for mode in modes if mode != backend.second_order]
    return [Way(backend.second_order, {}), *others]


_OPTIONS = {"mode": word(COMPOSITIONS), "chunk_size": chunk_size, "check": check}
HESSIAN = Operation("hessian", _hessian, _OPTIONS, result="H", order=2, alternatives=_ways)
LAPLACIAN = Operation("laplacian", _laplacian, _OPTIONS, result="f(x)", order=2)


@overload
def value_and_hessian(
    f: Function, backend: Backend, x: Any, *, has_aux: Literal[True], **options: Unpack[HessianOptions]
) -> Triple: ...
@overload
def value_and_hessian(
    f: Function, backend: Backend, x: Any, *, has_aux: Literal[False] = False, **options: Unpack[HessianOptions]
) -> Pair: ...
@overload
def value_and_hessian(
    f: Function, backend: Backend, x: Any, *, has_aux: bool, **options: Unpack[HessianOptions]
) -> tuple[Any, ...]: ...
@declares(HESSIAN)
def value_and_hessian(
    f: Function,
    backend: Backend,
    x: Any,
    *,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
    mode: Composition = "auto",
    chunk_size: int | None = None,
    check: Check = True,
) -> Any:
    """`hessian` together with ``f(x)``, without an extra evaluation of `f`.

    Parameters
    ----------
    f, backend, x, args, has_aux, mode, chunk_size, check
        As in `hessian`.

    Returns
    -------
    (y, H) or (y, H, aux)
        The latter with ``has_aux=True``.

    Examples
    --------
    >>> import numpy, adhelpers
    >>> x = numpy.asarray([1.0, 2.0])
    >>> y, H = adhelpers.value_and_hessian(lambda x: x[0] ** 2 * x[1], "finite-difference", x)
    >>> float(y), H.shape
    (2.0, (2, 2))
    """
    return HESSIAN.call(f, backend, (x,), args, has_aux, {"mode": mode, "chunk_size": chunk_size, "check": check})


@overload
def hessian(
    f: Function, backend: Backend, x: Any, *, has_aux: Literal[True], **options: Unpack[HessianOptions]
) -> Pair: ...
@overload
def hessian(
    f: Function, backend: Backend, x: Any, *, has_aux: bool = False, **options: Unpack[HessianOptions]
) -> Any: ...
@twin_of(value_and_hessian)
def hessian(f: Function, backend: Backend, x: Any, *, has_aux: bool = False, **options: Unpack[HessianOptions]) -> Any:
    """The Hessian of a function that returns one real number.

    Parameters
    ----------
    f
        Called as ``f(x, *args)``. It returns a real array of shape (), or a float.
    backend
        An `ADBackend`, its name, or None for the one that owns the arrays in `x`.
    x
        Where to differentiate: real floating arrays in any nesting of dict, list, tuple, namedtuple, OrderedDict, None
        and registered nodes. Python floats and NumPy arrays are converted. Parts in a `Constant` are not
        differentiated.
    args
        Further arguments of `f`, never differentiated.
    has_aux
        Whether `f` returns a pair ``(y, aux)``. The operation then returns ``(H, aux)``.
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

    Returns
    -------
    H
        The structure of `x`, with the structure of `x` again in place of each leaf. The block of leaves a and b has
        shape ``a.shape + b.shape`` and the dtype of a.

    Raises
    ------
    DTypeError
        `x` is complex: the second derivative is then not a complex matrix. Use `hessian_vector_product`.
    ShapeMismatchError, StructureMismatchError
        ``f(x)`` is not one real number.
    ArgumentError, ArgumentTypeError
        Another argument has a wrong value or type.
    AmbiguousBackendError, BackendNotFoundError, BackendLoadError
        No backend could be chosen.
    UnsupportedOperationError
        The framework lacks a derivative rule, and none can be derived.

    Examples
    --------
    >>> import numpy, adhelpers
    >>> x = numpy.asarray([1.0, 2.0])
    >>> adhelpers.hessian(lambda x: x[0] ** 2 * x[1], "finite-difference", x).round(3)
    array([[4., 2.],
           [2., 0.]])
    """
    return without_value(value_and_hessian(f, backend, x, has_aux=has_aux, **options))


@overload
def value_and_laplacian(
    f: Function, backend: Backend, x: Any, *, has_aux: Literal[True], **options: Unpack[HessianOptions]
) -> Triple: ...
@overload
def value_and_laplacian(
    f: Function, backend: Backend, x: Any, *, has_aux: Literal[False] = False, **options: Unpack[HessianOptions]
) -> Pair: ...
@overload
def value_and_laplacian(
    f: Function, backend: Backend, x: Any, *, has_aux: bool, **options: Unpack[HessianOptions]
) -> tuple[Any, ...]: ...
@declares(LAPLACIAN)
def value_and_laplacian(
    f: Function,
    backend: Backend,
    x: Any,
    *,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
    mode: Composition = "auto",
    chunk_size: int | None = None,
    check: Check = True,
) -> Any:
    """`laplacian` together with ``f(x)``, without an extra evaluation of `f`.

    Parameters
    ----------
    f, backend, x, args, has_aux, mode, chunk_size, check
        As in `laplacian`.

    Returns
    -------
    (y, v) or (y, v, aux)
        The latter with ``has_aux=True``.

    Examples
    --------
    >>> import numpy, adhelpers
    >>> y, v = adhelpers.value_and_laplacian(
    ...     lambda x: (x**3).sum(), "finite-difference", numpy.asarray([1.0, 2.0])
    ... )
    >>> float(y), round(float(v), 3)
    (9.0, 18.0)
    """
    return LAPLACIAN.call(f, backend, (x,), args, has_aux, {"mode": mode, "chunk_size": chunk_size, "check": check})


@overload
def laplacian(
    f: Function, backend: Backend, x: Any, *, has_aux: Literal[True], **options: Unpack[HessianOptions]
) -> Pair: ...
@overload
def laplacian(
    f: Function, backend: Backend, x: Any, *, has_aux: bool = False, **options: Unpack[HessianOptions]
) -> Any: ...
@twin_of(value_and_laplacian)
def laplacian(
    f: Function, backend: Backend, x: Any, *, has_aux: bool = False, **options: Unpack[HessianOptions]
) -> Any:
    """The trace of the Hessian, without holding the whole Hessian in memory.

    Parameters
    ----------
    f
        Called as ``f(x, *args)``. It returns a real array of shape (), or a float.
    backend
        An `ADBackend`, its name, or None for the one that owns the arrays in `x`.
    x
        Where to differentiate: real floating arrays in any nesting of dict, list, tuple, namedtuple, OrderedDict, None
        and registered nodes. Python floats and NumPy arrays are converted. Parts in a `Constant` are not
        differentiated.
    args
        Further arguments of `f`, never differentiated.
    has_aux
        Whether `f` returns a pair ``(y, aux)``. The operation then returns ``(v, aux)``.
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

    Returns
    -------
    v
        One number, with the shape and dtype of ``f(x)``.

    Raises
    ------
    DTypeError
        `x` is complex: the second derivative is then not a complex matrix. Use `hessian_vector_product`.
    ShapeMismatchError, StructureMismatchError
        ``f(x)`` is not one real number.
    ArgumentError, ArgumentTypeError
        Another argument has a wrong value or type.
    AmbiguousBackendError, BackendNotFoundError, BackendLoadError
        No backend could be chosen.
    UnsupportedOperationError
        The framework lacks a derivative rule, and none can be derived.

    Examples
    --------
    >>> import numpy, adhelpers
    >>> v = adhelpers.laplacian(lambda x: (x**3).sum(), "finite-difference", numpy.asarray([1.0, 2.0]))
    >>> round(float(v), 3)
    18.0
    """
    return without_value(value_and_laplacian(f, backend, x, has_aux=has_aux, **options))
