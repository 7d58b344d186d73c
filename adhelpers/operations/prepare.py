"""`prepare`: do once whatever of an operation can be done once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from adhelpers.batch import strategies as formulations
from adhelpers.compiled.prepared import Prepared
from adhelpers.compiled.trials import Alternatives
from adhelpers.engine import composition
from adhelpers.operations import batched, first_order, gauss_newton, per_sample, second_order
from adhelpers.operations import products as operations
from adhelpers.operations.products import resolve
from adhelpers.plugins.containers import describe
from adhelpers.plugins.contract import ADBackend
from adhelpers.trees.leafwise import require_tuple

_AT_X = (
    first_order.derivative,
    first_order.value_and_derivative,
    first_order.gradient,
    first_order.value_and_gradient,
    first_order.jacobian,
    first_order.value_and_jacobian,
    second_order.second_derivative,
    second_order.value_and_second_derivative,
    second_order.hessian,
    second_order.value_and_hessian,
    second_order.laplacian,
    second_order.value_and_laplacian,
    batched.batched_jacobian,
    batched.value_and_batched_jacobian,
    per_sample.batched_gradient,
    per_sample.value_and_batched_gradient,
    per_sample.batched_hessian,
    per_sample.value_and_batched_hessian,
)
_ALONG_U = (
    operations.jacobian_vector_product,
    operations.value_and_jacobian_vector_product,
    operations.vector_jacobian_product,
    operations.value_and_vector_jacobian_product,
    second_order.hessian_vector_product,
    second_order.value_and_hessian_vector_product,
    gauss_newton.gauss_newton_product,
    gauss_newton.value_and_gauss_newton_product,
)
_NAMES: dict[Callable[..., Any], tuple[str, ...]] = {
    **dict.fromkeys(_ALONG_U, ("x", "u")),
    **dict.fromkeys(_AT_X, ("x",)),
}
"""The operations, and what each differentiates at and along."""
_ALTERNATIVES: dict[Callable[..., Any], Alternatives] = {
    batched.batched_jacobian: formulations.sweeps_and_samples,
    batched.value_and_batched_jacobian: formulations.sweeps_and_samples,
    per_sample.batched_hessian: formulations.sweeps,
    per_sample.value_and_batched_hessian: formulations.sweeps,
    second_order.hessian: composition.alternatives,
    second_order.value_and_hessian: composition.alternatives,
}
"""What is compiled besides the usual way, to keep the fastest; for operations without any, nothing."""


def prepare(
    operation: Callable[..., Any],
    f: Callable[..., Any],
    backend: ADBackend | str | None,
    x: Any,
    u: Any = None,
    *,
    args: tuple[Any, ...] = (),
    strict: bool = False,
    **options: Any,
) -> Prepared:
    """An operation on `f`, ready to be called often.

    Its results are those of the operation itself. What can be done once is done here: the arguments are checked, a
    batched Jacobian's `f` is checked for mixing, and where the backend compiles (JAX does, PyTorch with
    ``TorchBackend(compiled=True)``) code is compiled: where there are several ways to a batched Jacobian or a Hessian,
    that of each, to keep the fastest. Elsewhere little is left to prepare.

    Parameters
    ----------
    operation
        One of the operations, such as `adhelpers.jacobian_vector_product`.
    f, backend, x, u, args
        As the operation takes them; an example of a call. `f` may be called, with `x`, and a compiled call need not
        call it any more: then it must be pure, the compiler must understand it, and what it closes over is frozen as
        it is now.
    strict
        Whether a call whose structures, shapes, dtypes, devices or numbers differ from this one is an error.
        Otherwise it is prepared anew, without a word.
    **options
        Further keywords of the operation, such as ``has_aux=True`` or ``batch_axis=0``. With ``check_batch="always"``
        every shape and dtype is checked, once.

    Returns
    -------
    Prepared
        A function ``(x, u, *args)``, or ``(x, *args)`` of an operation without `u`. Any number of threads may call it.
        It cannot be pickled. What of `args` and `u` is no array is compiled into the code: a new number, word or
        function is prepared anew, and a call with other objects, which may have changed unseen, is not compiled.

    Raises
    ------
    PreparationMismatchError
        A strict call is not like the one that was prepared; one line for each leaf that differs.
    TypeError, ValueError, ...
        As the operation raises them.

    Examples
    --------
    >>> import numpy, adhelpers
    >>> x, u = numpy.asarray([1.0, 2.0]), numpy.asarray([1.0, -1.0])
    >>> push = adhelpers.prepare(
    ...     adhelpers.jacobian_vector_product, lambda x, a: a * x**2, "finite-difference", x, u, args=(3.0,)
    ... )
    >>> push(x, u, 3.0).round(6)
    array([  6., -12.])
    """
    names = _NAMES.get(operation)
    if names is None:
        given = getattr(operation, "__name__", describe(operation))
        known = ", ".join(known.__name__ for known in _NAMES)
        msg = f"operation must be a function such as adhelpers.gradient, but {given} was given; there are {known}"
        raise TypeError(msg)
    if "u" not in names and u is not None:
        msg = f"{operation.__name__} takes no u; leave it out"
        raise TypeError(msg)
    require_tuple(args)
    alternatives = _ALTERNATIVES.get(operation)
    prepared = Prepared(
        operation, f, resolve(f, backend, x), names, strict=strict, options=options, alternatives=alternatives
    )
    prepared(*((x, u)[: len(names)]), *args)
    return prepared
