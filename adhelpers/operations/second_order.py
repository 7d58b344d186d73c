"""Second derivatives along a direction: `second_derivative` and `hessian_vector_product`."""

from __future__ import annotations

from typing import Any, Literal, Unpack, overload

from adhelpers.engine.composition import COMPOSITIONS, Composition, differentiate_twice, push_gradient
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
from adhelpers.options import Options, flag, word
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.functions import Leaves
from adhelpers.trees.leafwise import LeafwiseFunction
from adhelpers.trees.leaves import constant_unless
from adhelpers.trees.scalars import require_scalar_point
from adhelpers.trees.tree import Tree


class HessianProductOptions(Options, total=False):
    """The keywords of `hessian_vector_product` besides ``has_aux``."""

    differentiate_u: bool
    mode: Composition


def _second_derivative(backend: ADBackend, f: LeafwiseFunction, x: Tree) -> tuple[Any, Any, Leaves]:
    point = require_scalar_point(x, "hessian or hessian_vector_product")
    outputs, second, aux = differentiate_twice(backend, f, point)
    return f.rebuild(outputs), f.rebuild(second), aux


def _push_gradient(
    backend: ADBackend, f: LeafwiseFunction, x: Tree, u: Any, *, differentiate_u: bool, mode: Composition
) -> tuple[Any, Any, Leaves]:
    direction = constant_unless(differentiate_u, backend, x.read_partner(u, "u"))
    y, product, aux = push_gradient(backend, f, x.leaves, direction, mode)
    return y, x.rebuild(product), aux


SECOND_DERIVATIVE = Operation("second_derivative", _second_derivative, {}, result="f(x)", order=2)
HESSIAN_VECTOR_PRODUCT = Operation(
    "hessian_vector_product",
    _push_gradient,
    {"differentiate_u": flag, "mode": word(COMPOSITIONS)},
    along="x",
    result="x",
    order=2,
)


@overload
def value_and_second_derivative(
    f: Function, backend: Backend, x: Any, *, has_aux: Literal[True], **options: Unpack[Options]
) -> Triple: ...
@overload
def value_and_second_derivative(
    f: Function, backend: Backend, x: Any, *, has_aux: Literal[False] = False, **options: Unpack[Options]
) -> Pair: ...
@overload
def value_and_second_derivative(
    f: Function, backend: Backend, x: Any, *, has_aux: bool, **options: Unpack[Options]
) -> tuple[Any, ...]: ...
@declares(SECOND_DERIVATIVE)
def value_and_second_derivative(
    f: Function,
    backend: Backend,
    x: Any,
    *,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
) -> Any:
    """`second_derivative` together with ``f(x)``, without an extra evaluation of `f`.

    Parameters
    ----------
    f, backend, x, args, has_aux
        As in `second_derivative`.

    Returns
    -------
    (y, v) or (y, v, aux)
        The latter with ``has_aux=True``.

    Examples
    --------
    >>> import adhelpers
    >>> y, v = adhelpers.value_and_second_derivative(lambda x: x**3, "finite-difference", 2.0)
    >>> float(y), round(float(v), 3)
    (8.0, 12.0)
    """
    return SECOND_DERIVATIVE.call(f, backend, (x,), args, has_aux, {})


@overload
def second_derivative(
    f: Function, backend: Backend, x: Any, *, has_aux: Literal[True], **options: Unpack[Options]
) -> Pair: ...
@overload
def second_derivative(
    f: Function, backend: Backend, x: Any, *, has_aux: bool = False, **options: Unpack[Options]
) -> Any: ...
@twin_of(value_and_second_derivative)
def second_derivative(
    f: Function, backend: Backend, x: Any, *, has_aux: bool = False, **options: Unpack[Options]
) -> Any:
    """The second derivative of a function of one number.

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
        The same structure as ``f(x)``, and in each leaf the same shape, dtype and device. For complex `x`, the second
        derivative along the real axis.

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
    >>> round(float(adhelpers.second_derivative(lambda x: x**3, "finite-difference", 2.0)), 3)
    12.0
    """
    return without_value(value_and_second_derivative(f, backend, x, has_aux=has_aux, **options))


@overload
def value_and_hessian_vector_product(
    f: Function, backend: Backend, x: Any, u: Any, *, has_aux: Literal[True], **options: Unpack[HessianProductOptions]
) -> Triple: ...
@overload
def value_and_hessian_vector_product(
    f: Function,
    backend: Backend,
    x: Any,
    u: Any,
    *,
    has_aux: Literal[False] = False,
    **options: Unpack[HessianProductOptions],
) -> Pair: ...
@overload
def value_and_hessian_vector_product(
    f: Function, backend: Backend, x: Any, u: Any, *, has_aux: bool, **options: Unpack[HessianProductOptions]
) -> tuple[Any, ...]: ...
@declares(HESSIAN_VECTOR_PRODUCT)
def value_and_hessian_vector_product(
    f: Function,
    backend: Backend,
    x: Any,
    u: Any,
    *,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
    differentiate_u: bool = False,
    mode: Composition = "auto",
) -> Any:
    """`hessian_vector_product` together with ``f(x)``, without an extra evaluation of `f`.

    Parameters
    ----------
    f, backend, x, u, args, has_aux, differentiate_u, mode
        As in `hessian_vector_product`.

    Returns
    -------
    (y, v) or (y, v, aux)
        The latter with ``has_aux=True``.

    Examples
    --------
    >>> import numpy, adhelpers
    >>> x, u = numpy.asarray([1.0, 2.0]), numpy.asarray([1.0, -1.0])
    >>> y, v = adhelpers.value_and_hessian_vector_product(lambda x: (x**3).sum(), "finite-difference", x, u)
    >>> float(y), v.round(3)
    (9.0, array([  6., -12.]))
    """
    return HESSIAN_VECTOR_PRODUCT.call(
        f, backend, (x, u), args, has_aux, {"differentiate_u": differentiate_u, "mode": mode}
    )


@overload
def hessian_vector_product(
    f: Function, backend: Backend, x: Any, u: Any, *, has_aux: Literal[True], **options: Unpack[HessianProductOptions]
) -> Pair: ...
@overload
def hessian_vector_product(
    f: Function, backend: Backend, x: Any, u: Any, *, has_aux: bool = False, **options: Unpack[HessianProductOptions]
) -> Any: ...
@twin_of(value_and_hessian_vector_product)
def hessian_vector_product(
    f: Function, backend: Backend, x: Any, u: Any, *, has_aux: bool = False, **options: Unpack[HessianProductOptions]
) -> Any:
    """The Hessian of `f` at `x` times `u`, without forming the Hessian: the derivative of the gradient along `u`.

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
    u
        The direction, with the same structure, shapes, dtypes and device as `x`.
    args
        Further arguments of `f`, never differentiated.
    has_aux
        Whether `f` returns a pair ``(y, aux)``. The operation then returns ``(v, aux)``.
    differentiate_u
        Whether an enclosing derivative differentiates `u` too. By default it treats `u` as a constant.
    mode
        How the two derivatives are composed, the outer mode first. ``"forward-over-reverse"`` pushes directions forward
        through the gradient, and ``"reverse-over-reverse"`` pulls them back through it. ``"reverse-over-forward"``
        takes the gradient of the derivative along a direction. ``"forward-over-forward"`` needs no reverse mode, and
        repeats its work for each element of `x`. ``"auto"`` takes the backend's fastest.

    Returns
    -------
    v
        The same structure as `x`, and in each leaf the same shape, dtype and device. For complex `x`, the derivative of
        `adhelpers.gradient` along `u`.

    Raises
    ------
    StructureMismatchError, ShapeMismatchError, DTypeError, DeviceMismatchError
        ``f(x)`` is not one real number, `u` does not match `x`, or a leaf of `x` is neither floating nor complex.
    ArgumentError, ArgumentTypeError
        Another argument has a wrong value or type.
    AmbiguousBackendError, BackendNotFoundError, BackendLoadError
        No backend could be chosen.
    UnsupportedOperationError
        The framework lacks a derivative rule, and none can be derived.

    Examples
    --------
    >>> import numpy, adhelpers
    >>> x, u = numpy.asarray([1.0, 2.0]), numpy.asarray([1.0, -1.0])
    >>> v = adhelpers.hessian_vector_product(lambda x: (x**3).sum(), "finite-difference", x, u)
    >>> v.round(3)
    array([  6., -12.])
    """
    return without_value(value_and_hessian_vector_product(f, backend, x, u, has_aux=has_aux, **options))
