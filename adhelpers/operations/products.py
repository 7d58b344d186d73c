"""The two products: `jacobian_vector_product` and `vector_jacobian_product`."""

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
from adhelpers.options import Options, flag
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.functions import Leaves
from adhelpers.trees.leafwise import LeafwiseFunction
from adhelpers.trees.leaves import constant_unless
from adhelpers.trees.tree import Tree


class ProductOptions(Options, total=False):
    """The keywords of a product besides ``has_aux``."""

    differentiate_u: bool


def _push(
    backend: ADBackend, f: LeafwiseFunction, x: Tree, u: Any, *, differentiate_u: bool
) -> tuple[Any, Any, Leaves]:
    tangents = constant_unless(differentiate_u, backend, x.read_partner(u, "u"))
    outputs, pushed, aux = derived.jvp(backend, f, x.leaves, tangents)
    return f.rebuild(outputs), f.rebuild(pushed), aux


def _pull(
    backend: ADBackend, f: LeafwiseFunction, x: Tree, u: Any, *, differentiate_u: bool
) -> tuple[Any, Any, Leaves]:
    outputs, pullback, aux = derived.vjp(backend, f, x.leaves)
    y = f.output(outputs)
    pulled = pullback(constant_unless(differentiate_u, backend, y.read_partner(u, "u")))
    return y.rebuild(outputs), x.rebuild(pulled), aux


JVP = Operation("jacobian_vector_product", _push, {"differentiate_u": flag}, along="x", result="f(x)")
VJP = Operation("vector_jacobian_product", _pull, {"differentiate_u": flag}, along="f(x)", result="x")


@overload
def value_and_jacobian_vector_product(
    f: Function, backend: Backend, x: Any, u: Any, *, has_aux: Literal[True], **options: Unpack[ProductOptions]
) -> Triple: ...
@overload
def value_and_jacobian_vector_product(
    f: Function,
    backend: Backend,
    x: Any,
    u: Any,
    *,
    has_aux: Literal[False] = False,
    **options: Unpack[ProductOptions],
) -> Pair: ...
@overload
def value_and_jacobian_vector_product(
    f: Function, backend: Backend, x: Any, u: Any, *, has_aux: bool, **options: Unpack[ProductOptions]
) -> tuple[Any, ...]: ...
@declares(JVP)
def value_and_jacobian_vector_product(
    f: Function,
    backend: Backend,
    x: Any,
    u: Any,
    *,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
    differentiate_u: bool = False,
) -> Any:
    """`jacobian_vector_product` together with ``f(x)``, without an extra evaluation of `f`.

    Parameters
    ----------
    f, backend, x, u, args, has_aux, differentiate_u
        As in `jacobian_vector_product`.

    Returns
    -------
    (y, v) or (y, v, aux)
        The latter with ``has_aux=True``.

    Examples
    --------
    >>> import numpy, adhelpers
    >>> x, u = numpy.asarray([1.0, 2.0]), numpy.asarray([1.0, -1.0])
    >>> y, v = adhelpers.value_and_jacobian_vector_product(lambda x: 3.0 * x, "finite-difference", x, u)
    >>> y, v.round(6)
    (array([3., 6.]), array([ 3., -3.]))
    """
    return JVP.call(f, backend, (x, u), args, has_aux, {"differentiate_u": differentiate_u})


@overload
def jacobian_vector_product(
    f: Function, backend: Backend, x: Any, u: Any, *, has_aux: Literal[True], **options: Unpack[ProductOptions]
) -> Pair: ...
@overload
def jacobian_vector_product(
    f: Function, backend: Backend, x: Any, u: Any, *, has_aux: bool = False, **options: Unpack[ProductOptions]
) -> Any: ...
@twin_of(value_and_jacobian_vector_product)
def jacobian_vector_product(
    f: Function, backend: Backend, x: Any, u: Any, *, has_aux: bool = False, **options: Unpack[ProductOptions]
) -> Any:
    """Push the tangent `u` forward through `f` at `x`: the Jacobian times `u`.

    Parameters
    ----------
    f
        Called as ``f(x, *args)``. It returns arrays in any structure.
    backend
        An `ADBackend`, its name, or None for the one that owns the arrays in `x`.
    x
        Where to differentiate: floating or complex arrays in any nesting of dict, list, tuple, namedtuple, OrderedDict,
        None and registered nodes. Python floats and NumPy arrays are converted. Parts in a `Constant` are not
        differentiated.
    u
        The tangent, with the same structure, shapes, dtypes and device as `x`.
    args
        Further arguments of `f`, never differentiated.
    has_aux
        Whether `f` returns a pair ``(y, aux)``. The operation then returns ``(v, aux)``.
    differentiate_u
        Whether an enclosing derivative differentiates `u` too. By default it treats `u` as a constant.

    Returns
    -------
    v
        The product, with the same structure, shapes, dtypes and device as ``f(x)``. For complex arrays, the real-linear
        derivative in direction `u`.

    Raises
    ------
    StructureMismatchError, ShapeMismatchError, DTypeError, DeviceMismatchError
        `u` does not match `x`, or a leaf of `x` or ``f(x)`` is not floating or complex.
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
    >>> v = adhelpers.jacobian_vector_product(lambda x: x**2, "finite-difference", x, u)
    >>> v.round(6)
    array([ 2., -4.])
    """
    return without_value(value_and_jacobian_vector_product(f, backend, x, u, has_aux=has_aux, **options))


@overload
def value_and_vector_jacobian_product(
    f: Function, backend: Backend, x: Any, u: Any, *, has_aux: Literal[True], **options: Unpack[ProductOptions]
) -> Triple: ...
@overload
def value_and_vector_jacobian_product(
    f: Function,
    backend: Backend,
    x: Any,
    u: Any,
    *,
    has_aux: Literal[False] = False,
    **options: Unpack[ProductOptions],
) -> Pair: ...
@overload
def value_and_vector_jacobian_product(
    f: Function, backend: Backend, x: Any, u: Any, *, has_aux: bool, **options: Unpack[ProductOptions]
) -> tuple[Any, ...]: ...
@declares(VJP)
def value_and_vector_jacobian_product(
    f: Function,
    backend: Backend,
    x: Any,
    u: Any,
    *,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
    differentiate_u: bool = False,
) -> Any:
    """`vector_jacobian_product` together with ``f(x)``, without an extra evaluation of `f`.

    Parameters
    ----------
    f, backend, x, u, args, has_aux, differentiate_u
        As in `vector_jacobian_product`.

    Returns
    -------
    (y, v) or (y, v, aux)
        The latter with ``has_aux=True``.

    Examples
    --------
    >>> import numpy, adhelpers
    >>> x, u = numpy.asarray([1.0, 2.0]), numpy.asarray([1.0, 1.0])
    >>> y, v = adhelpers.value_and_vector_jacobian_product(lambda x: 3.0 * x, "finite-difference", x, u)
    >>> y, v.round(6)
    (array([3., 6.]), array([3., 3.]))
    """
    return VJP.call(f, backend, (x, u), args, has_aux, {"differentiate_u": differentiate_u})


@overload
def vector_jacobian_product(
    f: Function, backend: Backend, x: Any, u: Any, *, has_aux: Literal[True], **options: Unpack[ProductOptions]
) -> Pair: ...
@overload
def vector_jacobian_product(
    f: Function, backend: Backend, x: Any, u: Any, *, has_aux: bool = False, **options: Unpack[ProductOptions]
) -> Any: ...
@twin_of(value_and_vector_jacobian_product)
def vector_jacobian_product(
    f: Function, backend: Backend, x: Any, u: Any, *, has_aux: bool = False, **options: Unpack[ProductOptions]
) -> Any:
    """Pull the cotangent `u` back through `f` at `x`: the Jacobian's transpose times `u`.

    Parameters
    ----------
    f
        Called as ``f(x, *args)``. It returns arrays in any structure.
    backend
        An `ADBackend`, its name, or None for the one that owns the arrays in `x`.
    x
        Where to differentiate: floating or complex arrays in any nesting of dict, list, tuple, namedtuple, OrderedDict,
        None and registered nodes. Python floats and NumPy arrays are converted. Parts in a `Constant` are not
        differentiated.
    u
        The cotangent, with the same structure, shapes, dtypes and device as ``f(x)``.
    args
        Further arguments of `f`, never differentiated.
    has_aux
        Whether `f` returns a pair ``(y, aux)``. The operation then returns ``(v, aux)``.
    differentiate_u
        Whether an enclosing derivative differentiates `u` too. By default it treats `u` as a constant.

    Returns
    -------
    v
        The product, with the same structure, shapes, dtypes and device as `x`. For complex arrays, `v` is the transpose
        applied to `u` under the pairing ``Re(sum(a * b))``, without conjugation:
        ``Re(sum(u * jvp(t))) == Re(sum(vjp(u) * t))`` for every tangent ``t``. This is JAX's convention.

    Raises
    ------
    StructureMismatchError, ShapeMismatchError, DTypeError, DeviceMismatchError
        `u` does not match ``f(x)``, or a leaf of `x` or ``f(x)`` is not floating or complex.
    ArgumentError, ArgumentTypeError
        Another argument has a wrong value or type.
    AmbiguousBackendError, BackendNotFoundError, BackendLoadError
        No backend could be chosen.
    UnsupportedOperationError
        The framework lacks a derivative rule, and none can be derived.

    Examples
    --------
    >>> import numpy, adhelpers
    >>> x, u = numpy.asarray([1.0, 2.0]), numpy.asarray(1.0)
    >>> v = adhelpers.vector_jacobian_product(lambda x: (x**2).sum(), "finite-difference", x, u)
    >>> v.round(6)
    array([2., 4.])
    """
    return without_value(value_and_vector_jacobian_product(f, backend, x, u, has_aux=has_aux, **options))
