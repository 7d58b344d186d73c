"""The Gauss-Newton product, which replaces the Hessian-vector product in least squares."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, Unpack, overload

from adhelpers.engine import derived
from adhelpers.engine.composition import push_gradient
from adhelpers.engine.derivatives import Directional
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
from adhelpers.options import Options, flag, function_or_none
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.functions import Array, Leaves
from adhelpers.trees.leafwise import LeafwiseFunction
from adhelpers.trees.leaves import constant_unless, is_complex
from adhelpers.trees.tree import Tree


class GaussNewtonOptions(Options, total=False):
    """The keywords of `gauss_newton_product` besides ``has_aux``."""

    loss: Callable[[Any], Any] | None
    differentiate_u: bool


def _gauss_newton(
    backend: ADBackend,
    f: LeafwiseFunction,
    x: Tree,
    u: Any,
    *,
    loss: Callable[[Any], Any] | None,
    differentiate_u: bool,
) -> tuple[Any, Any, Leaves]:
    direction = constant_unless(differentiate_u, backend, x.read_partner(u, "u"))
    outputs, pullback, rest = derived.vjp(backend, Linearised(backend, f, direction), x.leaves)
    pushed, aux = rest[: len(outputs)], rest[len(outputs) :]
    y = f.output(outputs)
    if loss is None:
        weighted = tuple([_conj(backend, leaf) for leaf in pushed])
    else:
        _, weighted, _ = push_gradient(backend, Loss(loss, y, (), has_aux=False), outputs, pushed, "auto")
    return y.rebuild(outputs), x.rebuild(pullback(weighted)), aux


class Loss(LeafwiseFunction):
    """A loss of ``f(x)``. Error messages call its result ``loss(f(x))``."""

    def output(self, leaves: Leaves) -> Tree:
        """The latest result."""
        y = super().output(leaves)
        y.name = "loss(f(x))"
        return y


class Linearised(Directional):
    """The function itself; its derivative along tangents travels as aux, and is not differentiated again."""

    def __call__(self, *leaves: Array) -> tuple[Leaves, Leaves]:
        """``(f(x), (tangents of f(x), *aux))``."""
        pushed, rest = super().__call__(*leaves)
        outputs, aux = rest[: len(pushed)], rest[len(pushed) :]
        return outputs, (*pushed, *aux)


def _conj(backend: ADBackend, leaf: Array) -> Array:
    return backend.array_namespace(leaf).conj(leaf) if is_complex(backend, leaf) else leaf


GAUSS_NEWTON_PRODUCT = Operation(
    "gauss_newton_product",
    _gauss_newton,
    {"loss": function_or_none, "differentiate_u": flag},
    along="x",
    result="x",  # of two first derivatives in turn; only that of a loss is a second derivative
)


@overload
def value_and_gauss_newton_product(
    f: Function, backend: Backend, x: Any, u: Any, *, has_aux: Literal[True], **options: Unpack[GaussNewtonOptions]
) -> Triple: ...
@overload
def value_and_gauss_newton_product(
    f: Function,
    backend: Backend,
    x: Any,
    u: Any,
    *,
    has_aux: Literal[False] = False,
    **options: Unpack[GaussNewtonOptions],
) -> Pair: ...
@overload
def value_and_gauss_newton_product(
    f: Function, backend: Backend, x: Any, u: Any, *, has_aux: bool, **options: Unpack[GaussNewtonOptions]
) -> tuple[Any, ...]: ...
@declares(GAUSS_NEWTON_PRODUCT)
def value_and_gauss_newton_product(
    f: Function,
    backend: Backend,
    x: Any,
    u: Any,
    *,
    loss: Callable[[Any], Any] | None = None,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
    differentiate_u: bool = False,
) -> Any:
    """`gauss_newton_product` together with ``f(x)``, without an extra evaluation of `f`.

    Parameters
    ----------
    f, backend, x, u, args, has_aux, loss, differentiate_u
        As in `gauss_newton_product`.

    Returns
    -------
    (y, v) or (y, v, aux)
        The latter with ``has_aux=True``.

    Examples
    --------
    >>> import numpy, adhelpers
    >>> x, u = numpy.asarray([1.0, 2.0]), numpy.asarray([1.0, -1.0])
    >>> y, v = adhelpers.value_and_gauss_newton_product(lambda x: x**2, "finite-difference", x, u)
    >>> y, v.round(5)
    (array([1., 4.]), array([  4., -16.]))
    """
    return GAUSS_NEWTON_PRODUCT.call(
        f, backend, (x, u), args, has_aux, {"loss": loss, "differentiate_u": differentiate_u}
    )


@overload
def gauss_newton_product(
    f: Function, backend: Backend, x: Any, u: Any, *, has_aux: Literal[True], **options: Unpack[GaussNewtonOptions]
) -> Pair: ...
@overload
def gauss_newton_product(
    f: Function, backend: Backend, x: Any, u: Any, *, has_aux: bool = False, **options: Unpack[GaussNewtonOptions]
) -> Any: ...
@twin_of(value_and_gauss_newton_product)
def gauss_newton_product(
    f: Function, backend: Backend, x: Any, u: Any, *, has_aux: bool = False, **options: Unpack[GaussNewtonOptions]
) -> Any:
    """The Gauss-Newton matrix ``J^T H J`` of ``loss(f(x))`` times `u`, without forming a matrix.

    The Gauss-Newton matrix is the Hessian of ``loss(f(x))`` without the second derivatives of `f`. It is positive
    semidefinite for a convex loss, and close to the Hessian if the residuals are small or `f` is nearly linear.

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
        The direction, with the same structure, shapes, dtypes and device as `x`.
    loss
        Called as ``loss(f(x))``, returns one real number. H is its Hessian at ``f(x)``. None means half the sum of
        squares, whose Hessian is the identity.
    args
        Further arguments of `f`, never differentiated.
    has_aux
        Whether `f` returns a pair ``(y, aux)``. The operation then returns ``(v, aux)``.
    differentiate_u
        Whether an enclosing derivative differentiates `u` too. By default it treats `u` as a constant.

    Returns
    -------
    v
        The same structure as `x`, and in each leaf the same shape, dtype and device. For complex ``f(x)`` and no loss,
        ``J^T conj(J u)``, where the loss is half the sum of ``abs(y)**2``.

    Notes
    -----
    The forward and the reverse pass share one evaluation of `f`. See Schraudolph, "Fast curvature
    matrix-vector products for second-order gradient descent", Neural Computation 14 (2002).

    Raises
    ------
    StructureMismatchError, ShapeMismatchError, DTypeError, DeviceMismatchError
        `u` does not match `x`, a leaf of `x` or ``f(x)`` is not floating or complex, or the loss does not return one
        number.
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
    >>> v = adhelpers.gauss_newton_product(lambda x: x**2, "finite-difference", x, u)  # J is diag(2, 4)
    >>> v.round(5)
    array([  4., -16.])
    """
    return without_value(value_and_gauss_newton_product(f, backend, x, u, has_aux=has_aux, **options))
