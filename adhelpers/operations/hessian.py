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
    """What `hessian` and `laplacian` take besides ``has_aux``."""

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
    return y, xp.zeros_like(y) if trace is None else xp.astype(trace, y.dtype), tuple(aux)


def _require_real(x: Tree, operation: str) -> None:
    for leaf in x.leaves:
        if is_complex(x.backend, leaf):
            msg = (
                f"x has a leaf of dtype {leaf.dtype}, for which the second derivative is no matrix of complex numbers, "
                f"so that there is no {operation}; hessian_vector_product applies it"
            )
            raise DTypeError(msg)


def _ways(backend: ADBackend, options: dict[str, Any], x: Array, shape: tuple[int, ...]) -> list[Way]:
    """Both orders of sweeps over the gradient; none for an empty Hessian, or where the user has chosen."""
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
    """`hessian` together with ``f(x)``, at no extra evaluation of `f`.

    Parameters
    ----------
    f, backend, x, args, has_aux, mode, chunk_size, check
        As in `hessian`.

    Returns
    -------
    (y, H) or (y, H, aux)
        With `has_aux` the latter.

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
    """The Hessian of a function that gives one real number.

    Parameters
    ----------
    f
        Called as ``f(x, *args)``. It returns a real array of shape (), or a float.
    backend
        An `ADBackend`, its name, or None for the one that owns the arrays in `x`.
    x
        Where to differentiate: real floating arrays in any nesting of dict, list, tuple, namedtuple,
        OrderedDict, None and registered nodes. Python floats and NumPy arrays are converted.
    args
        Further arguments of `f`, never differentiated.
    has_aux
        Whether `f` returns a pair ``(y, aux)``. The operation then returns ``(H, aux)``.
    mode
        How the second derivative is taken of the first. ``"forward-over-reverse"`` pushes directions through the
        gradient, and ``"reverse-over-reverse"`` pulls them back. ``"reverse-over-forward"`` takes the gradient of the
        slope. ``"forward-over-forward"`` does so for each element of `x`, and serves functions without a reverse mode.
        ``"auto"`` takes the backend's fastest.
    chunk_size
        How many vectors are pushed at once. None keeps a block of them within a memory budget.
    check
        Whether to verify, at the price of one product, that many vectors pushed at once give what one gives by itself,
        and that `f` does not mix a batch. A sweep that is wrong is replaced by a slower one. True verifies a function
        object the first time it is seen with a shape and dtype, ``"always"`` verifies each call.

    Returns
    -------
    H
        With the structure of `x` and that of `x` again inside it: for each pair of leaves a and b an array of shape
        ``a.shape + b.shape``, in the dtype of a.

    Raises
    ------
    DTypeError
        `x` is complex: then the second derivative is no matrix of complex numbers. `hessian_vector_product` applies it.
    ShapeMismatchError, StructureMismatchError
        ``f(x)`` is not one real number.
    ArgumentError, ArgumentTypeError
        Another argument cannot serve.
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
    """`laplacian` together with ``f(x)``, at no extra evaluation of `f`.

    Parameters
    ----------
    f, backend, x, args, has_aux, mode, chunk_size, check
        As in `laplacian`.

    Returns
    -------
    (y, v) or (y, v, aux)
        With `has_aux` the latter.

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
    """The trace of the Hessian, which is never held as a whole.

    Parameters
    ----------
    f
        Called as ``f(x, *args)``. It returns a real array of shape (), or a float.
    backend
        An `ADBackend`, its name, or None for the one that owns the arrays in `x`.
    x
        Where to differentiate: real floating arrays in any nesting of dict, list, tuple, namedtuple,
        OrderedDict, None and registered nodes. Python floats and NumPy arrays are converted.
    args
        Further arguments of `f`, never differentiated.
    has_aux
        Whether `f` returns a pair ``(y, aux)``. The operation then returns ``(v, aux)``.
    mode
        How the second derivative is taken of the first. ``"forward-over-reverse"`` pushes directions through the
        gradient, and ``"reverse-over-reverse"`` pulls them back. ``"reverse-over-forward"`` takes the gradient of the
        slope. ``"forward-over-forward"`` does so for each element of `x`, and serves functions without a reverse mode.
        ``"auto"`` takes the backend's fastest.
    chunk_size
        How many vectors are pushed at once. None keeps a block of them within a memory budget.
    check
        Whether to verify, at the price of one product, that many vectors pushed at once give what one gives by itself,
        and that `f` does not mix a batch. A sweep that is wrong is replaced by a slower one. True verifies a function
        object the first time it is seen with a shape and dtype, ``"always"`` verifies each call.

    Returns
    -------
    v
        One number, in shape and dtype like ``f(x)``.

    Raises
    ------
    DTypeError
        `x` is complex: then the second derivative is no matrix of complex numbers. `hessian_vector_product` applies it.
    ShapeMismatchError, StructureMismatchError
        ``f(x)`` is not one real number.
    ArgumentError, ArgumentTypeError
        Another argument cannot serve.
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
