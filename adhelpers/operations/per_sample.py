"""Functions that give one number for each batch element: their gradients and Hessians."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from adhelpers.compiled.prepared import compiled_call
from adhelpers.engine import derived
from adhelpers.engine.composition import MODES, Mode, order
from adhelpers.engine.derivatives import SingleMode
from adhelpers.errors import BatchAxisError, DTypeError
from adhelpers.operations.batched import TRIED, differentiate
from adhelpers.operations.options import check_batch_options, check_chunk_size, check_mode
from adhelpers.operations.products import resolve, with_aux, without_value
from adhelpers.plugins.containers import SINGLE, describe
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.formulations import Formulation
from adhelpers.plugins.functions import Array, GradientFunction, Leaves
from adhelpers.trees.leafwise import LeafwiseFunction
from adhelpers.trees.leaves import is_complex
from adhelpers.trees.scalars import ones
from adhelpers.trees.tree import Tree


def batched_gradient(
    f: Callable[..., Any],
    backend: ADBackend | str | None,
    x: Any,
    *,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
    batch_axis: Literal[-1, 0] = -1,
    check_batch: bool | Literal["always"] = True,
) -> Any:
    """The gradient of `f` for each element of a batch.

    Parameters
    ----------
    f
        Called as ``f(x, *args)`` on the whole batch; it must treat the elements independently.
    backend, args, has_aux, batch_axis, check_batch
        As in `adhelpers.batched_jacobian`.
    x
        One real array of shape ``(N1, ..., Nn, B)``, or ``(B, N1, ...)`` with ``batch_axis=0``; ``f(x)`` is a real one
        of shape ``(B,)``.

    Returns
    -------
    v
        Of shape ``(N, B)``, or ``(B, N)`` with ``batch_axis=0``, where N counts the elements of `x` for one batch
        element in row-major order: the only row of each Jacobian.

    Raises
    ------
    BatchAxisError
        `x` has fewer than two dimensions, or ``f(x)`` is not of shape ``(B,)``.
    BatchMixingError
        A batch element of ``f(x)`` depends on another element of `x`.
    DTypeError, UnsupportedOperationError
        `x` or ``f(x)`` is not real; the framework lacks derivative rules in both modes.

    Examples
    --------
    >>> import numpy, adhelpers
    >>> x = numpy.asarray([[1.0, 3.0, 5.0], [2.0, 4.0, 6.0]])
    >>> adhelpers.batched_gradient(lambda x: x[0] * x[1], "finite-difference", x).round(6)
    array([[2., 4., 6.],
           [1., 3., 5.]])
    """
    return without_value(
        value_and_batched_gradient(
            f, backend, x, args=args, has_aux=has_aux, batch_axis=batch_axis, check_batch=check_batch
        )
    )


def value_and_batched_gradient(
    f: Callable[..., Any],
    backend: ADBackend | str | None,
    x: Any,
    *,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
    batch_axis: Literal[-1, 0] = -1,
    check_batch: bool | Literal["always"] = True,
) -> Any:
    """`batched_gradient` together with ``f(x)``, at no extra evaluation of `f`.

    Returns
    -------
    (y, v) or (y, v, aux)
        With `has_aux` the latter; y has shape ``(B,)``.

    Examples
    --------
    >>> import numpy, adhelpers
    >>> x = numpy.asarray([[1.0, 3.0, 5.0], [2.0, 4.0, 6.0]])
    >>> y, v = adhelpers.value_and_batched_gradient(lambda x: x[0] * x[1], "finite-difference", x)
    >>> y, v.shape
    (array([ 2., 12., 30.]), (2, 3))
    """
    check_batch_options(batch_axis, check_batch)
    backend = resolve(f, backend, x)
    options: dict[str, Any] = {"has_aux": has_aux, "batch_axis": batch_axis, "check_batch": check_batch}
    if backend.eager() is not backend:
        return compiled_call(value_and_batched_gradient, f, backend, {"x": x}, args, **options)

    y, jacobian, flat, aux = _gradients(f, backend, x, args, **options)
    row = jacobian[0, ...] if batch_axis == -1 else jacobian[:, 0, :]
    return with_aux(flat, aux, flat.numbers(y), row, has_aux=has_aux)


def _gradients(
    f: Callable[..., Any],
    backend: ADBackend,
    x: Any,
    args: tuple[Any, ...],
    *,
    batch_axis: Literal[-1, 0],
    **options: Any,
) -> tuple[Array, Array, Values, Leaves]:
    def make(f: Callable[..., Any], x: Tree, args: tuple[Any, ...], *, has_aux: bool) -> Values:
        return Values(f, x, args, has_aux=has_aux, axis=batch_axis)

    options |= {"batch_axis": batch_axis, "mode": "reverse", "chunk_size": None, "holomorphic": None}
    return differentiate("gradient", make, f, backend, x, args, **options)


def batched_hessian(
    f: Callable[..., Any],
    backend: ADBackend | str | None,
    x: Any,
    *,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
    batch_axis: Literal[-1, 0] = -1,
    mode: Mode = "auto",
    chunk_size: int | None = None,
    check_batch: bool | Literal["always"] = True,
) -> Any:
    """The Hessian of `f` for each element of a batch: the batched Jacobian of the gradient.

    Parameters
    ----------
    f
        Called as ``f(x, *args)`` on the whole batch; it must treat the elements independently.
    backend, args, has_aux, batch_axis, chunk_size, check_batch
        As in `adhelpers.batched_jacobian`; the check is one of `f` and of its gradients.
    x
        One real array of shape ``(N1, ..., Nn, B)``, or ``(B, N1, ...)`` with ``batch_axis=0``; ``f(x)`` is a real one
        of shape ``(B,)``.
    mode
        As in `adhelpers.hessian_vector_product`.

    Returns
    -------
    H
        Of shape ``(N, N, B)``, or ``(B, N, N)`` with ``batch_axis=0``, where N counts the elements of `x` for one batch
        element in row-major order.

    Raises
    ------
    BatchAxisError, BatchMixingError, DTypeError, UnsupportedOperationError
        As in `batched_gradient`.

    Examples
    --------
    >>> import numpy, adhelpers
    >>> x = numpy.asarray([[1.0, 3.0, 5.0], [2.0, 4.0, 6.0]])
    >>> H = adhelpers.batched_hessian(lambda x: x[0] ** 2 * x[1], "finite-difference", x)
    >>> H[:, :, 1].round(3)
    array([[8., 6.],
           [6., 0.]])
    """
    return without_value(
        value_and_batched_hessian(
            f,
            backend,
            x,
            args=args,
            has_aux=has_aux,
            batch_axis=batch_axis,
            mode=mode,
            chunk_size=chunk_size,
            check_batch=check_batch,
        )
    )


def value_and_batched_hessian(
    f: Callable[..., Any],
    backend: ADBackend | str | None,
    x: Any,
    *,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
    batch_axis: Literal[-1, 0] = -1,
    mode: Mode = "auto",
    chunk_size: int | None = None,
    check_batch: bool | Literal["always"] = True,
) -> Any:
    """`batched_hessian` together with ``f(x)``, at no extra evaluation of `f`.

    Returns
    -------
    (y, H) or (y, H, aux)
        With `has_aux` the latter; y has shape ``(B,)``.

    Examples
    --------
    >>> import numpy, adhelpers
    >>> x = numpy.asarray([[1.0, 3.0, 5.0], [2.0, 4.0, 6.0]])
    >>> y, H = adhelpers.value_and_batched_hessian(lambda x: x[0] ** 2 * x[1], "finite-difference", x)
    >>> y, H.shape
    (array([  2.,  36., 150.]), (2, 2, 3))
    """
    check_batch_options(batch_axis, check_batch)
    check_mode(mode, (*MODES, *TRIED))
    check_chunk_size(chunk_size)
    backend = resolve(f, backend, x)
    options: dict[str, Any] = {"has_aux": has_aux, "batch_axis": batch_axis, "mode": mode}
    options |= {"chunk_size": chunk_size, "check_batch": check_batch}
    if backend.eager() is not backend:
        return compiled_call(value_and_batched_hessian, f, backend, {"x": x}, args, **options)
    outer, inner = order(backend, "auto" if isinstance(mode, Formulation) else mode)

    def make(f: Callable[..., Any], x: Tree, args: tuple[Any, ...], *, has_aux: bool) -> Gradients:
        return Gradients(Values(f, x, args, has_aux=has_aux, axis=batch_axis), inner)

    options["mode"] = mode if isinstance(mode, Formulation) else "auto" if mode == "auto" else outer

    def check_gradients() -> None:
        # The Hessians are those of the sum over the batch, which does not tell whether f permutes or pools its results.
        _gradients(f, backend, x, args, has_aux=has_aux, batch_axis=batch_axis, check_batch="always")

    kind = f"hessian by {inner} mode"
    _, jacobian, flat, (y, *aux) = differentiate(
        kind, make, f, backend, x, args, holomorphic=None, check_first=check_gradients, **options
    )
    return with_aux(flat, tuple(aux), flat.of.numbers(y), jacobian, has_aux=has_aux)


class Values(LeafwiseFunction):
    """A function that gives one number for each batch element, each of them as a vector with one entry."""

    def __init__(
        self, f: Callable[..., Any], x: Tree, args: tuple[Any, ...], *, has_aux: bool, axis: Literal[-1, 0]
    ) -> None:
        super().__init__(f, x, args, has_aux=has_aux)
        self.backend = x.backend
        self.point = x
        self._axis = axis

    def __call__(self, *leaves: Any) -> tuple[Leaves, Leaves]:
        """``(((1, B),), aux)``, or with the batch first ``(B, 1)``."""
        outputs, aux = super().__call__(*leaves)
        y, batch = super().output(outputs), leaves[0].shape[self._axis]
        if y.treedef is not SINGLE or tuple(outputs[0].shape) != (batch,):
            given = describe(y.rebuild(outputs)) if y.treedef is not SINGLE else f"of shape {tuple(outputs[0].shape)}"
            msg = (
                f"f(x) is {given}, but must be one number for each batch element, of shape ({batch},), for "
                f"batch_axis={self._axis}; for several numbers of each use batched_jacobian"
            )
            raise BatchAxisError(msg)
        if is_complex(self.backend, outputs[0]):
            msg = f"f(x) is complex ({outputs[0].dtype}), but a gradient is that of real numbers; return its real part"
            raise DTypeError(msg)
        return (self._reshaped(outputs[0], (1, batch) if self._axis == -1 else (batch, 1)),), aux

    def output(self, leaves: Leaves) -> Tree:
        """The latest result, with the arrays that came back through the plugin."""
        return Tree(self.backend, "f(x)", leaves, SINGLE)

    def numbers(self, y: Array) -> Array:
        """The numbers themselves, of shape ``(B,)``."""
        return self._reshaped(y, (y.shape[self._axis],))

    def _reshaped(self, array: Array, shape: tuple[int, ...]) -> Array:
        return self.backend.array_namespace(array).reshape(array, shape)


class Gradients(LeafwiseFunction, GradientFunction):
    """The gradients of `Values`; aux holds these first."""

    def __init__(self, of: Values, mode: SingleMode) -> None:
        super().__init__(of.function, of.point, of.args, has_aux=True)
        self.of = of
        self.mode = mode

    def __call__(self, *leaves: Any) -> tuple[Leaves, Leaves]:
        """``((gradients,), (values, *aux))``."""
        backend = self.of.backend
        outputs, pullback, aux = derived.vjp_by(self.mode, backend, self.of, leaves)
        # Each value depends on its own batch element alone, so that one pullback serves all of them.
        return pullback(ones(backend, outputs)), (*outputs, *aux)

    def values(self, *leaves: Any) -> tuple[Leaves, Leaves]:
        """``((values,), aux)``."""
        return self.of(*leaves)

    def output(self, leaves: Leaves) -> Tree:
        """The gradients that came back through the plugin."""
        return Tree(self.of.backend, "the gradient", leaves, SINGLE)

    def aux(self, arrays: Leaves) -> Any:
        """The latest aux of the user's, with the arrays that came back through the plugin."""
        return self.of.aux(arrays)
