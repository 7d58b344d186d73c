"""The two products: check, choose the backend, delegate, rebuild."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from adhelpers.compiled.prepared import compiled_call
from adhelpers.engine import derived
from adhelpers.plugins import lookup
from adhelpers.plugins.containers import describe
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.functions import Leaves
from adhelpers.trees.leafwise import LeafwiseFunction
from adhelpers.trees.tree import Tree


def jacobian_vector_product(
    f: Callable[..., Any],
    backend: ADBackend | str | None,
    x: Any,
    u: Any,
    *,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
    differentiate_u: bool = False,
) -> Any:
    """Push the tangent `u` forward through `f` at `x`: the Jacobian times `u`.

    Parameters
    ----------
    f
        Called as ``f(x, *args)``; returns arrays in any structure.
    backend
        An `ADBackend`, its name, or None: then the arrays in `x` decide.
    x
        Where to differentiate: floating or complex arrays in nested dict, list, tuple, namedtuple,
        OrderedDict, None, or registered nodes. Python floats and NumPy arrays are converted.
    u
        The tangent, with the structure of `x` and each leaf of the same shape, dtype and device.
    args
        Further arguments of `f`, never differentiated.
    has_aux
        Whether `f` returns a pair ``(y, aux)``; the operation then returns ``(v, aux)``.
    differentiate_u
        An outer derivative sees `u` as a constant unless this is True.

    Returns
    -------
    v
        The product, with the structure of ``f(x)`` and each leaf of the same shape, dtype and device. For
        complex arrays it is the real-linear derivative in direction `u`.

    Raises
    ------
    StructureMismatchError, ShapeMismatchError, DTypeError, DeviceMismatchError
        `u` does not match `x`, or a leaf of `x` or ``f(x)`` is not floating or complex.
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
    y_v_aux = value_and_jacobian_vector_product(
        f, backend, x, u, args=args, has_aux=has_aux, differentiate_u=differentiate_u
    )
    return without_value(y_v_aux)


def value_and_jacobian_vector_product(
    f: Callable[..., Any],
    backend: ADBackend | str | None,
    x: Any,
    u: Any,
    *,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
    differentiate_u: bool = False,
) -> Any:
    """`jacobian_vector_product` together with ``f(x)``, at no extra evaluation of `f`.

    Returns
    -------
    (y, v) or (y, v, aux)
        With `has_aux` the latter.

    Examples
    --------
    >>> import numpy, adhelpers
    >>> x, u = numpy.asarray([1.0, 2.0]), numpy.asarray([1.0, -1.0])
    >>> y, v = adhelpers.value_and_jacobian_vector_product(lambda x: 3.0 * x, "finite-difference", x, u)
    >>> y, v.round(6)
    (array([3., 6.]), array([ 3., -3.]))
    """
    backend = resolve(f, backend, x)
    if backend.eager() is not backend:
        options = {"has_aux": has_aux, "differentiate_u": differentiate_u}
        return compiled_call(value_and_jacobian_vector_product, f, backend, {"x": x, "u": u}, args, **options)
    with backend.scope():
        point = Tree.read(backend, x, "x")
        tangents = constant_unless(differentiate_u, backend, point.read_partner(u, "u"))
        flat = LeafwiseFunction(f, point, args, has_aux=has_aux)
        outputs, pushed, aux = derived.jvp(backend, flat, point.leaves, tangents)
        y = flat.output(outputs)
        return with_aux(flat, aux, y.rebuild(outputs), y.rebuild(pushed), has_aux=has_aux)


def vector_jacobian_product(
    f: Callable[..., Any],
    backend: ADBackend | str | None,
    x: Any,
    u: Any,
    *,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
    differentiate_u: bool = False,
) -> Any:
    """Pull the cotangent `u` back through `f` at `x`: the Jacobian's transpose times `u`.

    Parameters
    ----------
    f, backend, x, args, has_aux, differentiate_u
        As in `jacobian_vector_product`.
    u
        The cotangent, with the structure of ``f(x)`` and each leaf of the same shape, dtype and device.

    Returns
    -------
    v
        The product, with the structure of `x` and each leaf of the same shape, dtype and device. For
        complex arrays it is the transpose under the pairing ``Re(sum(a * b))``, without conjugation:
        ``Re(sum(u * jvp(t))) == Re(sum(vjp(u) * t))`` for every tangent ``t``. This is JAX's convention.

    Raises
    ------
    StructureMismatchError, ShapeMismatchError, DTypeError, DeviceMismatchError
        `u` does not match ``f(x)``, or a leaf of `x` or ``f(x)`` is not floating or complex.
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
    y_v_aux = value_and_vector_jacobian_product(
        f, backend, x, u, args=args, has_aux=has_aux, differentiate_u=differentiate_u
    )
    return without_value(y_v_aux)


def value_and_vector_jacobian_product(
    f: Callable[..., Any],
    backend: ADBackend | str | None,
    x: Any,
    u: Any,
    *,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
    differentiate_u: bool = False,
) -> Any:
    """`vector_jacobian_product` together with ``f(x)``, at no extra evaluation of `f`.

    Returns
    -------
    (y, v) or (y, v, aux)
        With `has_aux` the latter.

    Examples
    --------
    >>> import numpy, adhelpers
    >>> x, u = numpy.asarray([1.0, 2.0]), numpy.asarray([1.0, 1.0])
    >>> y, v = adhelpers.value_and_vector_jacobian_product(lambda x: 3.0 * x, "finite-difference", x, u)
    >>> y, v.round(6)
    (array([3., 6.]), array([3., 3.]))
    """
    backend = resolve(f, backend, x)
    if backend.eager() is not backend:
        options = {"has_aux": has_aux, "differentiate_u": differentiate_u}
        return compiled_call(value_and_vector_jacobian_product, f, backend, {"x": x, "u": u}, args, **options)
    with backend.scope():
        point = Tree.read(backend, x, "x")
        flat = LeafwiseFunction(f, point, args, has_aux=has_aux)
        outputs, pullback, aux = derived.vjp(backend, flat, point.leaves)
        y = flat.output(outputs)
        cotangents = constant_unless(differentiate_u, backend, y.read_partner(u, "u"))
        pulled = pullback(cotangents)
        return with_aux(flat, aux, y.rebuild(outputs), point.rebuild(pulled), has_aux=has_aux)


def resolve(f: Callable[..., Any], backend: ADBackend | str | None, x: Any) -> ADBackend:
    """The backend that a caller means, once `f` is seen to be callable."""
    if not callable(f):
        msg = f"f must be callable as f(x, *args), but {describe(f)} was given; pass the function itself"
        raise TypeError(msg)
    if isinstance(backend, ADBackend):
        return backend
    if isinstance(backend, str):
        return lookup.backend(backend)
    if backend is None:
        return lookup.infer(x)
    if isinstance(backend, type) and issubclass(backend, ADBackend):
        msg = f"backend is the class {backend.__name__}; make an instance of it: {backend.__name__}()"
    else:
        msg = (
            f"backend must be an ADBackend, its name or None, but {describe(backend)} was given; "
            'arguments come in the order f, backend, x: write for example "finite-difference" for it'
        )
    raise TypeError(msg)


def constant_unless(differentiate: bool, backend: ADBackend, u: Leaves) -> Leaves:
    """`u`, which an enclosing derivative sees as constant unless it is to be differentiated (R13)."""
    return u if differentiate else tuple([backend.stop_gradient(leaf) for leaf in u])


def with_aux(flat: LeafwiseFunction, aux: Leaves, *results: Any, has_aux: bool) -> tuple[Any, ...]:
    """The results, and the user's aux behind them if there is one."""
    return (*results, flat.aux(aux)) if has_aux else results


def without_value(results: tuple[Any, ...]) -> Any:
    """``v`` from ``(y, v)``, or ``(v, aux)`` from ``(y, v, aux)``."""
    return results[1] if len(results) == 2 else results[1:]
