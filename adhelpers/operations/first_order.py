"""First derivatives with one number on one side: `derivative` by one number, `gradient` of one number."""

from __future__ import annotations

from typing import Any, Literal, Unpack, overload

from adhelpers.engine import derived
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
from adhelpers.options import Options
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.functions import Leaves
from adhelpers.trees.leafwise import LeafwiseFunction
from adhelpers.trees.scalars import ones, require_scalar_output, require_scalar_point
from adhelpers.trees.tree import Tree


def _slope(backend: ADBackend, f: LeafwiseFunction, x: Tree) -> tuple[Any, Any, Leaves]:
    point = (require_scalar_point(x, "jacobian or jacobian_vector_product"),)
    outputs, pushed, aux = derived.jvp(backend, f, point, ones(backend, point))
    return f.rebuild(outputs), f.rebuild(pushed), aux


def _gradient(backend: ADBackend, f: LeafwiseFunction, x: Tree) -> tuple[Any, Any, Leaves]:
    outputs, pullback, aux = derived.vjp(backend, f, x.leaves)
    y = require_scalar_output(f.output(outputs))
    return y, x.rebuild(pullback(ones(backend, outputs))), aux


DERIVATIVE = Operation("derivative", _slope, {}, result="f(x)")
GRADIENT = Operation("gradient", _gradient, {}, result="x")


@overload
def value_and_derivative(
    f: Function, backend: Backend, x: Any, *, has_aux: Literal[True], **options: Unpack[Options]
) -> Triple: ...
@overload
def value_and_derivative(
    f: Function, backend: Backend, x: Any, *, has_aux: Literal[False] = False, **options: Unpack[Options]
) -> Pair: ...
@overload
def value_and_derivative(
    f: Function, backend: Backend, x: Any, *, has_aux: bool, **options: Unpack[Options]
) -> tuple[Any, ...]: ...
@declares(DERIVATIVE)
def value_and_derivative(
    f: Function,
    backend: Backend,
    x: Any,
    *,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
) -> Any:
    """`derivative` together with ``f(x)``, without an extra evaluation of `f`.

    Parameters
    ----------
    f, backend, x, args, has_aux
        As in `derivative`.

    Returns
    -------
    (y, v) or (y, v, aux)
        The latter with ``has_aux=True``.

    Examples
    --------
    >>> import adhelpers
    >>> y, v = adhelpers.value_and_derivative(lambda x: x**3, "finite-difference", 2.0)
    >>> float(y), float(v.round(6))
    (8.0, 12.0)
    """
    return DERIVATIVE.call(f, backend, (x,), args, has_aux, {})


@overload
def derivative(
    f: Function, backend: Backend, x: Any, *, has_aux: Literal[True], **options: Unpack[Options]
) -> Pair: ...
@overload
def derivative(f: Function, backend: Backend, x: Any, *, has_aux: bool = False, **options: Unpack[Options]) -> Any: ...
@twin_of(value_and_derivative)
def derivative(f: Function, backend: Backend, x: Any, *, has_aux: bool = False, **options: Unpack[Options]) -> Any:
    """The derivative of a function of one number.

    Parameters
    ----------
    f
        Called as ``f(x, *args)``. It returns arrays in any structure.
    backend
        An `ADBackend`, its name, or None for the one that owns the arrays in `x`.
    x
        A number, or an array of shape (). It may be real or complex.
    args
        Further arguments of `f`, never differentiated.
    has_aux
        Whether `f` returns a pair ``(y, aux)``. The operation then returns ``(v, aux)``.

    Returns
    -------
    v
        The same structure as ``f(x)``, and in each leaf the same shape, dtype and device. For complex `x`, the
        derivative along the real axis, which is the complex derivative of a holomorphic `f`.

    Raises
    ------
    ShapeMismatchError, StructureMismatchError
        `x` is not one number.
    DTypeError
        A leaf of `x` or ``f(x)`` is neither floating nor complex.
    ArgumentError, ArgumentTypeError
        Another argument has a wrong value or type.
    AmbiguousBackendError, BackendNotFoundError, BackendLoadError
        No backend could be chosen.
    UnsupportedOperationError
        The framework lacks a derivative rule, and none can be derived.

    Examples
    --------
    >>> import adhelpers
    >>> adhelpers.derivative(lambda x: x**3, "finite-difference", 2.0).round(6)
    np.float64(12.0)
    """
    return without_value(value_and_derivative(f, backend, x, has_aux=has_aux, **options))


@overload
def value_and_gradient(
    f: Function, backend: Backend, x: Any, *, has_aux: Literal[True], **options: Unpack[Options]
) -> Triple: ...
@overload
def value_and_gradient(
    f: Function, backend: Backend, x: Any, *, has_aux: Literal[False] = False, **options: Unpack[Options]
) -> Pair: ...
@overload
def value_and_gradient(
    f: Function, backend: Backend, x: Any, *, has_aux: bool, **options: Unpack[Options]
) -> tuple[Any, ...]: ...
@declares(GRADIENT)
def value_and_gradient(
    f: Function,
    backend: Backend,
    x: Any,
    *,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
) -> Any:
    """`gradient` together with ``f(x)``, without an extra evaluation of `f`.

    Parameters
    ----------
    f, backend, x, args, has_aux
        As in `gradient`.

    Returns
    -------
    (y, v) or (y, v, aux)
        The latter with ``has_aux=True``.

    Examples
    --------
    >>> import numpy, adhelpers
    >>> y, v = adhelpers.value_and_gradient(
    ...     lambda x: (x**2).sum(), "finite-difference", numpy.asarray([1.0, -2.0])
    ... )
    >>> float(y), v.round(6)
    (5.0, array([ 2., -4.]))
    """
    return GRADIENT.call(f, backend, (x,), args, has_aux, {})


@overload
def gradient(f: Function, backend: Backend, x: Any, *, has_aux: Literal[True], **options: Unpack[Options]) -> Pair: ...
@overload
def gradient(f: Function, backend: Backend, x: Any, *, has_aux: bool = False, **options: Unpack[Options]) -> Any: ...
@twin_of(value_and_gradient)
def gradient(f: Function, backend: Backend, x: Any, *, has_aux: bool = False, **options: Unpack[Options]) -> Any:
    """The gradient of a function that returns one real number.

    Parameters
    ----------
    f
        Called as ``f(x, *args)``. It returns a real array of shape (), or a float.
    backend
        An `ADBackend`, its name, or None for the one that owns the arrays in `x`.
    x
        Where to differentiate: floating or complex arrays in any nesting of dict, list, tuple, namedtuple, OrderedDict,
        None and registered nodes. Python floats and NumPy arrays are converted. Parts in a `Constant` are not
        differentiated.
    args
        Further arguments of `f`, never differentiated.
    has_aux
        Whether `f` returns a pair ``(y, aux)``. The operation then returns ``(v, aux)``.

    Returns
    -------
    v
        The same structure as `x`, and in each leaf the same shape, dtype and device. For complex `x`,
        ``Re(sum(v * t))`` is the derivative along every direction `t` (R7). So `v` is the conjugate of the direction of
        steepest ascent, as in JAX.

    Raises
    ------
    ShapeMismatchError, StructureMismatchError, DTypeError
        ``f(x)`` is not one real number, or a leaf of `x` is neither floating nor complex.
    ArgumentError, ArgumentTypeError
        Another argument has a wrong value or type.
    AmbiguousBackendError, BackendNotFoundError, BackendLoadError
        No backend could be chosen.
    UnsupportedOperationError
        The framework lacks a derivative rule, and none can be derived.

    Examples
    --------
    >>> import numpy, adhelpers
    >>> adhelpers.gradient(lambda x: (x**2).sum(), "finite-difference", numpy.asarray([1.0, -2.0])).round(6)
    array([ 2., -4.])
    """
    return without_value(value_and_gradient(f, backend, x, has_aux=has_aux, **options))
