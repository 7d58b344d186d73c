"""The Gauss-Newton product: what takes the place of the Hessian's in least squares."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from adhelpers.engine import derived
from adhelpers.engine.composition import push_gradient
from adhelpers.engine.derivatives import Directional
from adhelpers.operations.declaration import evaluate
from adhelpers.operations.products import constant_unless, with_aux, without_value
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.functions import Array, Leaves
from adhelpers.trees.leafwise import LeafwiseFunction
from adhelpers.trees.leaves import is_complex
from adhelpers.trees.tree import Tree


def gauss_newton_product(
    f: Callable[..., Any],
    backend: ADBackend | str | None,
    x: Any,
    u: Any,
    *,
    loss: Callable[[Any], Any] | None = None,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
    differentiate_u: bool = False,
) -> Any:
    """The Gauss-Newton matrix ``J^T H J`` of a loss of ``f(x)`` times `u`, without any of the matrices.

    It is the Hessian of ``loss(f(x))`` without the term with second derivatives of `f`: positive semidefinite for a
    convex loss, and close to the Hessian where residuals are small or `f` is nearly linear.

    Parameters
    ----------
    f
        Called as ``f(x, *args)``; returns floating or complex arrays in any structure.
    backend, x, u, args, has_aux, differentiate_u
        As in `adhelpers.jacobian_vector_product`.
    loss
        Called with ``f(x)``, gives one real number; H is its Hessian there. None stands for half of the sum of
        squares, whose Hessian is the identity.

    Returns
    -------
    v
        With the structure of `x` and each leaf of the same shape, dtype and device. For complex ``f(x)`` and no loss
        it is ``J^T conj(J u)``, of the loss half the sum of ``abs(y)**2``.

    Raises
    ------
    StructureMismatchError, ShapeMismatchError, DTypeError, DeviceMismatchError, UnsupportedOperationError, ...
        As in `adhelpers.jacobian_vector_product`; the loss is not one real number.

    Notes
    -----
    The forward and the reverse pass go through one evaluation of `f`. See Schraudolph, "Fast curvature matrix-vector
    products for second-order gradient descent", Neural Computation 14 (2002).

    Examples
    --------
    >>> import numpy, adhelpers
    >>> x, u = numpy.asarray([1.0, 2.0]), numpy.asarray([1.0, -1.0])
    >>> v = adhelpers.gauss_newton_product(lambda x: x**2, "finite-difference", x, u)  # J is diag(2, 4)
    >>> v.round(5)
    array([  4., -16.])
    """
    y_v_aux = value_and_gauss_newton_product(
        f, backend, x, u, loss=loss, args=args, has_aux=has_aux, differentiate_u=differentiate_u
    )
    return without_value(y_v_aux)


def value_and_gauss_newton_product(
    f: Callable[..., Any],
    backend: ADBackend | str | None,
    x: Any,
    u: Any,
    *,
    loss: Callable[[Any], Any] | None = None,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
    differentiate_u: bool = False,
) -> Any:
    """`gauss_newton_product` together with ``f(x)``, at no extra evaluation of `f`.

    Returns
    -------
    (y, v) or (y, v, aux)
        With `has_aux` the latter.

    Examples
    --------
    >>> import numpy, adhelpers
    >>> x, u = numpy.asarray([1.0, 2.0]), numpy.asarray([1.0, -1.0])
    >>> y, v = adhelpers.value_and_gauss_newton_product(lambda x: x**2, "finite-difference", x, u)
    >>> y, v.round(5)
    (array([1., 4.]), array([  4., -16.]))
    """
    if loss is not None and not callable(loss):
        msg = f"loss is {loss!r}; give a function of f(x) that returns one real number, or None for half of the squares"
        raise TypeError(msg)

    def compute(backend: ADBackend, flat: LeafwiseFunction, x: Tree) -> Any:
        direction = constant_unless(differentiate_u, backend, x.read_partner(u, "u"))
        outputs, pullback, rest = derived.vjp(backend, Linearised(backend, flat, direction), x.leaves)
        pushed, aux = rest[: len(outputs)], rest[len(outputs) :]
        y = flat.output(outputs)
        if loss is None:
            weighted = tuple([_conj(backend, leaf) for leaf in pushed])
        else:
            of_outputs = Loss(loss, y, (), has_aux=False)
            _, weighted, _ = push_gradient(backend, of_outputs, outputs, pushed, "auto")
        return with_aux(flat, aux, y.rebuild(outputs), x.rebuild(pullback(weighted)), has_aux=has_aux)

    point = {"x": x, "u": u}
    options = {"loss": loss, "differentiate_u": differentiate_u}
    return evaluate(value_and_gauss_newton_product, compute, f, backend, point, args, has_aux=has_aux, **options)


class Loss(LeafwiseFunction):
    """What is made of ``f(x)``, by which messages call it."""

    def output(self, leaves: Leaves) -> Tree:
        """The latest result."""
        y = super().output(leaves)
        y.name = "loss(f(x))"
        return y


class Linearised(Directional):
    """The function itself, with its derivative along tangents beside it, which is not differentiated again."""

    def __call__(self, *leaves: Array) -> tuple[Leaves, Leaves]:
        """``(f(x), (tangents of f(x), *aux))``."""
        pushed, rest = super().__call__(*leaves)
        outputs, aux = rest[: len(pushed)], rest[len(pushed) :]
        return outputs, (*pushed, *aux)


def _conj(backend: ADBackend, leaf: Array) -> Array:
    return backend.array_namespace(leaf).conj(leaf) if is_complex(backend, leaf) else leaf
