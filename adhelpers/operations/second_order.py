"""Second derivatives: the Hessian, its products and its trace."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from adhelpers.engine.composition import MODES, Mode, differentiate_twice, order, push_gradient
from adhelpers.engine.dense import Dense
from adhelpers.engine.derivatives import Gradient
from adhelpers.errors import DTypeError
from adhelpers.operations.declaration import evaluate
from adhelpers.operations.options import check_chunk_size, check_mode
from adhelpers.operations.products import constant_unless, with_aux, without_value
from adhelpers.plugins.contract import ADBackend
from adhelpers.trees.leafwise import LeafwiseFunction
from adhelpers.trees.leaves import is_complex
from adhelpers.trees.scalars import require_scalar_point
from adhelpers.trees.tree import Tree


def second_derivative(
    f: Callable[..., Any],
    backend: ADBackend | str | None,
    x: Any,
    *,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
) -> Any:
    """The second derivative of a function of one number.

    Parameters
    ----------
    f, backend, x, args, has_aux
        As in `adhelpers.derivative`.

    Returns
    -------
    v
        With the structure of ``f(x)`` and each leaf of the same shape, dtype and device; for complex `x` along the
        real axis.

    Raises
    ------
    ShapeMismatchError, StructureMismatchError, DTypeError, UnsupportedOperationError, ...
        As in `adhelpers.derivative`.

    Examples
    --------
    >>> import adhelpers
    >>> round(float(adhelpers.second_derivative(lambda x: x**3, "finite-difference", 2.0)), 3)
    12.0
    """
    return without_value(value_and_second_derivative(f, backend, x, args=args, has_aux=has_aux))


def value_and_second_derivative(
    f: Callable[..., Any],
    backend: ADBackend | str | None,
    x: Any,
    *,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
) -> Any:
    """`second_derivative` together with ``f(x)``, at no extra evaluation of `f`.

    Returns
    -------
    (y, v) or (y, v, aux)
        With `has_aux` the latter.

    Examples
    --------
    >>> import adhelpers
    >>> y, v = adhelpers.value_and_second_derivative(lambda x: x**3, "finite-difference", 2.0)
    >>> float(y), round(float(v), 3)
    (8.0, 12.0)
    """

    def compute(backend: ADBackend, flat: LeafwiseFunction, x: Tree) -> Any:
        point = require_scalar_point(x, "hessian or hessian_vector_product")
        outputs, second, aux = differentiate_twice(backend, flat, point)
        y = flat.output(outputs)
        return with_aux(flat, aux, y.rebuild(outputs), y.rebuild(second), has_aux=has_aux)

    return evaluate(value_and_second_derivative, compute, f, backend, {"x": x}, args, has_aux=has_aux)


def hessian_vector_product(
    f: Callable[..., Any],
    backend: ADBackend | str | None,
    x: Any,
    u: Any,
    *,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
    differentiate_u: bool = False,
    mode: Mode = "auto",
) -> Any:
    """The Hessian of `f` at `x` times `u`, without the Hessian: the derivative of the gradient along `u`.

    Parameters
    ----------
    f
        Called as ``f(x, *args)``; returns a real array of shape (), or a float.
    backend
        An `ADBackend`, its name, or None: then the arrays in `x` decide. It differentiates both times.
    x
        Where to differentiate: floating or complex arrays in any structure.
    u
        The direction, with the structure of `x` and each leaf of the same shape, dtype and device.
    args
        Further arguments of `f`, never differentiated.
    has_aux
        Whether `f` returns a pair ``(y, aux)``; the operation then returns ``(v, aux)``.
    differentiate_u
        An outer derivative sees `u` as a constant unless this is True.
    mode
        How the second derivative is taken of the first: ``"forward-over-reverse"`` pushes `u` through the gradient,
        ``"reverse-over-reverse"`` pulls it back, ``"reverse-over-forward"`` takes the gradient of the slope along
        `u`; ``"forward-over-forward"`` does so element by element of `x`, for functions without a reverse mode.
        ``"auto"`` is what is the fastest on the backend; a Hessian that `adhelpers.prepare` compiles is tried in both
        orders of its sweeps over the gradient.

    Returns
    -------
    v
        With the structure of `x` and each leaf of the same shape, dtype and device. For complex `x` the derivative
        along `u` of what `adhelpers.gradient` gives.

    Raises
    ------
    StructureMismatchError, ShapeMismatchError, DTypeError, DeviceMismatchError
        ``f(x)`` is not one real number, `u` does not match `x`, or a leaf of `x` is neither floating nor complex.
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
    y_v_aux = value_and_hessian_vector_product(
        f, backend, x, u, args=args, has_aux=has_aux, differentiate_u=differentiate_u, mode=mode
    )
    return without_value(y_v_aux)


def value_and_hessian_vector_product(
    f: Callable[..., Any],
    backend: ADBackend | str | None,
    x: Any,
    u: Any,
    *,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
    differentiate_u: bool = False,
    mode: Mode = "auto",
) -> Any:
    """`hessian_vector_product` together with ``f(x)``, at no extra evaluation of `f`.

    Returns
    -------
    (y, v) or (y, v, aux)
        With `has_aux` the latter.

    Examples
    --------
    >>> import numpy, adhelpers
    >>> x, u = numpy.asarray([1.0, 2.0]), numpy.asarray([1.0, -1.0])
    >>> y, v = adhelpers.value_and_hessian_vector_product(lambda x: (x**3).sum(), "finite-difference", x, u)
    >>> float(y), v.round(3)
    (9.0, array([  6., -12.]))
    """
    check_mode(mode, MODES)

    def compute(backend: ADBackend, flat: LeafwiseFunction, x: Tree) -> Any:
        direction = constant_unless(differentiate_u, backend, x.read_partner(u, "u"))
        y, product, aux = push_gradient(backend, flat, x.leaves, direction, mode)
        return with_aux(flat, aux, y, x.rebuild(product), has_aux=has_aux)

    point = {"x": x, "u": u}
    options = {"differentiate_u": differentiate_u, "mode": mode}
    return evaluate(value_and_hessian_vector_product, compute, f, backend, point, args, has_aux=has_aux, **options)


def hessian(
    f: Callable[..., Any],
    backend: ADBackend | str | None,
    x: Any,
    *,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
    mode: Mode = "auto",
    chunk_size: int | None = None,
) -> Any:
    """The Hessian of a function that gives one real number.

    Parameters
    ----------
    f, backend, args, has_aux, mode
        As in `hessian_vector_product`.
    x
        Where to differentiate: floating arrays in any structure.
    chunk_size
        How many vectors are pushed at once; None keeps a block within a memory budget.

    Returns
    -------
    H
        With the structure of `x` and that of `x` again inside it: for each pair of leaves a and b an array of shape
        ``a.shape + b.shape``.

    Raises
    ------
    DTypeError
        `x` is complex: then the second derivative is no matrix of complex numbers. `hessian_vector_product` applies it.
    ShapeMismatchError, StructureMismatchError, UnsupportedOperationError, ...
        As in `hessian_vector_product`.

    Examples
    --------
    >>> import numpy, adhelpers
    >>> x = numpy.asarray([1.0, 2.0])
    >>> adhelpers.hessian(lambda x: x[0] ** 2 * x[1], "finite-difference", x).round(3)
    array([[4., 2.],
           [2., 0.]])
    """
    return without_value(value_and_hessian(f, backend, x, args=args, has_aux=has_aux, mode=mode, chunk_size=chunk_size))


def value_and_hessian(
    f: Callable[..., Any],
    backend: ADBackend | str | None,
    x: Any,
    *,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
    mode: Mode = "auto",
    chunk_size: int | None = None,
) -> Any:
    """`hessian` together with ``f(x)``, at no extra evaluation of `f`.

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
    check_mode(mode, MODES)
    check_chunk_size(chunk_size)

    def compute(backend: ADBackend, flat: LeafwiseFunction, x: Tree) -> Any:
        _require_real(x, "hessian")
        outer, inner = order(backend, mode)
        dense = Dense(backend, Gradient(backend, flat, inner), x.leaves, chunk_size)
        _, blocks, (y, *aux) = dense.evaluate(outer)
        rows = tuple([x.rebuild(tuple(row)) for row in blocks])
        return with_aux(flat, tuple(aux), y, x.rebuild(rows), has_aux=has_aux)

    options = {"mode": mode, "chunk_size": chunk_size}
    return evaluate(value_and_hessian, compute, f, backend, {"x": x}, args, has_aux=has_aux, **options)


def laplacian(
    f: Callable[..., Any],
    backend: ADBackend | str | None,
    x: Any,
    *,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
    mode: Mode = "auto",
    chunk_size: int | None = None,
) -> Any:
    """The trace of the Hessian, which is never held as a whole.

    Parameters
    ----------
    f, backend, x, args, has_aux, mode, chunk_size
        As in `hessian`.

    Returns
    -------
    v
        One number, as ``f(x)`` is.

    Raises
    ------
    DTypeError, ShapeMismatchError, StructureMismatchError, UnsupportedOperationError, ...
        As in `hessian`.

    Examples
    --------
    >>> import numpy, adhelpers
    >>> v = adhelpers.laplacian(lambda x: (x**3).sum(), "finite-difference", numpy.asarray([1.0, 2.0]))
    >>> round(float(v), 3)
    18.0
    """
    return without_value(
        value_and_laplacian(f, backend, x, args=args, has_aux=has_aux, mode=mode, chunk_size=chunk_size)
    )


def value_and_laplacian(
    f: Callable[..., Any],
    backend: ADBackend | str | None,
    x: Any,
    *,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
    mode: Mode = "auto",
    chunk_size: int | None = None,
) -> Any:
    """`laplacian` together with ``f(x)``, at no extra evaluation of `f`.

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
    check_mode(mode, MODES)
    check_chunk_size(chunk_size)

    def compute(backend: ADBackend, flat: LeafwiseFunction, x: Tree) -> Any:
        _require_real(x, "laplacian")
        outer, inner = order(backend, mode)
        dense = Dense(backend, Gradient(backend, flat, inner), x.leaves, chunk_size)
        (y, *aux), trace = dense.trace(outer)
        xp = backend.array_namespace(y)
        total = xp.zeros_like(y) if trace is None else xp.astype(trace, y.dtype)
        return with_aux(flat, tuple(aux), y, total, has_aux=has_aux)

    options = {"mode": mode, "chunk_size": chunk_size}
    return evaluate(value_and_laplacian, compute, f, backend, {"x": x}, args, has_aux=has_aux, **options)


def _require_real(x: Tree, operation: str) -> None:
    for leaf in x.leaves:
        if is_complex(x.backend, leaf):
            msg = (
                f"x has a leaf of dtype {leaf.dtype}, for which the second derivative is no matrix of complex numbers, "
                f"so that there is no {operation}; hessian_vector_product applies it"
            )
            raise DTypeError(msg)
