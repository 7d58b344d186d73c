"""First derivatives as arrays: `derivative`, `gradient` and `jacobian`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from adhelpers.engine import derived
from adhelpers.engine.dense import Dense
from adhelpers.errors import DTypeError
from adhelpers.operations.declaration import evaluate
from adhelpers.operations.options import check_chunk_size, check_mode
from adhelpers.operations.products import with_aux, without_value
from adhelpers.plugins.contract import ADBackend
from adhelpers.trees.leafwise import LeafwiseFunction
from adhelpers.trees.leaves import is_complex
from adhelpers.trees.scalars import ones, require_scalar_output, require_scalar_point
from adhelpers.trees.tree import Tree


def derivative(
    f: Callable[..., Any],
    backend: ADBackend | str | None,
    x: Any,
    *,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
) -> Any:
    """The derivative of a function of one number.

    Parameters
    ----------
    f
        Called as ``f(x, *args)``; returns arrays in any structure.
    backend
        An `ADBackend`, its name, or None: then `x` decides.
    x
        A number, or an array of shape (); real or complex.
    args
        Further arguments of `f`, never differentiated.
    has_aux
        Whether `f` returns a pair ``(y, aux)``; the operation then returns ``(v, aux)``.

    Returns
    -------
    v
        With the structure of ``f(x)`` and each leaf of the same shape, dtype and device. For complex `x` it is the
        derivative along the real axis, which for a holomorphic `f` is *the* derivative.

    Raises
    ------
    ShapeMismatchError, StructureMismatchError
        `x` is not one number.
    DTypeError
        A leaf is neither floating nor complex.
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
    return without_value(value_and_derivative(f, backend, x, args=args, has_aux=has_aux))


def value_and_derivative(
    f: Callable[..., Any],
    backend: ADBackend | str | None,
    x: Any,
    *,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
) -> Any:
    """`derivative` together with ``f(x)``, at no extra evaluation of `f`.

    Returns
    -------
    (y, v) or (y, v, aux)
        With `has_aux` the latter.

    Examples
    --------
    >>> import adhelpers
    >>> y, v = adhelpers.value_and_derivative(lambda x: x**3, "finite-difference", 2.0)
    >>> float(y), float(v.round(6))
    (8.0, 12.0)
    """

    def compute(backend: ADBackend, flat: LeafwiseFunction, x: Tree) -> Any:
        point = (require_scalar_point(x, "jacobian or jacobian_vector_product"),)
        outputs, pushed, aux = derived.jvp(backend, flat, point, ones(backend, point))
        y = flat.output(outputs)
        return with_aux(flat, aux, y.rebuild(outputs), y.rebuild(pushed), has_aux=has_aux)

    return evaluate(value_and_derivative, compute, f, backend, {"x": x}, args, has_aux=has_aux)


def gradient(
    f: Callable[..., Any],
    backend: ADBackend | str | None,
    x: Any,
    *,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
) -> Any:
    """The gradient of a function that gives one real number.

    Parameters
    ----------
    f
        Called as ``f(x, *args)``; returns a real array of shape (), or a float.
    backend, args, has_aux
        As in `derivative`.
    x
        Where to differentiate: floating or complex arrays in any structure.

    Returns
    -------
    v
        With the structure of `x` and each leaf of the same shape, dtype and device. For complex `x` it is the array
        with ``Re(sum(v * t))`` the derivative along every `t` (R7): the conjugate of the direction of steepest
        ascent, as in JAX.

    Raises
    ------
    ShapeMismatchError, StructureMismatchError, DTypeError
        ``f(x)`` is not one real number; a leaf of `x` is neither floating nor complex.
    AmbiguousBackendError, BackendNotFoundError, BackendLoadError, UnsupportedOperationError
        As in `derivative`.

    Examples
    --------
    >>> import numpy, adhelpers
    >>> adhelpers.gradient(lambda x: (x**2).sum(), "finite-difference", numpy.asarray([1.0, -2.0])).round(6)
    array([ 2., -4.])
    """
    return without_value(value_and_gradient(f, backend, x, args=args, has_aux=has_aux))


def value_and_gradient(
    f: Callable[..., Any],
    backend: ADBackend | str | None,
    x: Any,
    *,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
) -> Any:
    """`gradient` together with ``f(x)``, at no extra evaluation of `f`.

    Returns
    -------
    (y, v) or (y, v, aux)
        With `has_aux` the latter.

    Examples
    --------
    >>> import numpy, adhelpers
    >>> y, v = adhelpers.value_and_gradient(
    ...     lambda x: (x**2).sum(), "finite-difference", numpy.asarray([1.0, -2.0])
    ... )
    >>> float(y), v.round(6)
    (5.0, array([ 2., -4.]))
    """

    def compute(backend: ADBackend, flat: LeafwiseFunction, x: Tree) -> Any:
        outputs, pullback, aux = derived.vjp(backend, flat, x.leaves)
        y = require_scalar_output(flat.output(outputs))
        pulled = pullback(ones(backend, outputs))
        return with_aux(flat, aux, y, x.rebuild(pulled), has_aux=has_aux)

    return evaluate(value_and_gradient, compute, f, backend, {"x": x}, args, has_aux=has_aux)


def jacobian(
    f: Callable[..., Any],
    backend: ADBackend | str | None,
    x: Any,
    *,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
    mode: Literal["auto", "forward", "reverse"] = "auto",
    chunk_size: int | None = None,
    holomorphic: bool = False,
) -> Any:
    """The whole Jacobian of `f`.

    For a batch of independent points `batched_jacobian` is cheaper by the size of the batch.

    Parameters
    ----------
    f, backend, args, has_aux
        As in `derivative`.
    x
        Where to differentiate: floating or complex arrays in any structure.
    mode
        Forward sweeps cost a pass for each element of `x`, reverse ones for each of ``f(x)``; ``"auto"`` takes the
        cheaper.
    chunk_size
        How many vectors are pushed at once; None keeps a block within a memory budget.
    holomorphic
        Required to be True for complex `x`; promises that `f` is holomorphic.

    Returns
    -------
    J
        With the structure of ``f(x)`` and that of `x` inside it: for each leaf y of the one and x of the other an array
        of shape ``y.shape + x.shape``, in the dtype of y.

    Raises
    ------
    DTypeError
        A leaf is neither floating nor complex, or `holomorphic` does not fit.
    AmbiguousBackendError, BackendNotFoundError, BackendLoadError, UnsupportedOperationError
        As in `derivative`.

    Examples
    --------
    >>> import numpy, adhelpers
    >>> adhelpers.jacobian(lambda x: x[::-1] ** 2, "finite-difference", numpy.asarray([1.0, 3.0])).round(6)
    array([[0., 6.],
           [2., 0.]])
    """
    return without_value(
        value_and_jacobian(
            f,
            backend,
            x,
            args=args,
            has_aux=has_aux,
            mode=mode,
            chunk_size=chunk_size,
            holomorphic=holomorphic,
        )
    )


def value_and_jacobian(
    f: Callable[..., Any],
    backend: ADBackend | str | None,
    x: Any,
    *,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
    mode: Literal["auto", "forward", "reverse"] = "auto",
    chunk_size: int | None = None,
    holomorphic: bool = False,
) -> Any:
    """`jacobian` together with ``f(x)``, at no extra evaluation of `f`.

    Returns
    -------
    (y, J) or (y, J, aux)
        With `has_aux` the latter.

    Examples
    --------
    >>> import numpy, adhelpers
    >>> y, J = adhelpers.value_and_jacobian(lambda x: 3.0 * x, "finite-difference", numpy.asarray([1.0, 3.0]))
    >>> y, J.round(6)
    (array([3., 9.]), array([[3., 0.],
           [0., 3.]]))
    """
    check_mode(mode, ("auto", "forward", "reverse"))
    check_chunk_size(chunk_size)

    def compute(backend: ADBackend, flat: LeafwiseFunction, x: Tree) -> Any:
        _require_holomorphic(x, holomorphic)
        outputs, blocks, aux = Dense(backend, flat, x.leaves, chunk_size, holomorphic).evaluate(mode)
        y = flat.output(outputs)
        rows = tuple([x.rebuild(tuple(row)) for row in blocks])
        return with_aux(flat, aux, y.rebuild(outputs), y.rebuild(rows), has_aux=has_aux)

    options = {"mode": mode, "chunk_size": chunk_size, "holomorphic": holomorphic}
    return evaluate(value_and_jacobian, compute, f, backend, {"x": x}, args, has_aux=has_aux, **options)


def _require_holomorphic(x: Tree, holomorphic: bool) -> None:
    for leaf in x.leaves:
        if is_complex(x.backend, leaf) != holomorphic:
            msg = (
                f"x has a leaf of dtype {leaf.dtype}, and a complex function has a Jacobian only if it is holomorphic; "
                "if f is, pass holomorphic=True, otherwise use the two products"
                if not holomorphic
                else f"holomorphic=True needs a complex x, but it has a leaf of dtype {leaf.dtype}; leave it out"
            )
            raise DTypeError(msg)
