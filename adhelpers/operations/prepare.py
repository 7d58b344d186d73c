"""`prepare`: do once what repeated calls of an operation would repeat."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from adhelpers.compiled.prepared import Prepared, rehearse
from adhelpers.errors import ArgumentTypeError
from adhelpers.linear.gradient import GradientLinearization
from adhelpers.linear.linear_code import LinearOperation, PreparedLinearMap
from adhelpers.linear.linearization import Linearization
from adhelpers.operations.declaration import Backend, Function, Operation, declaration_of, resolve
from adhelpers.operations.linearize import linearize, linearize_gradient
from adhelpers.options import flag
from adhelpers.trees.leafwise import require_tuple


def prepare(
    operation: Callable[..., Any],
    f: Function,
    backend: Backend,
    x: Any,
    u: Any = None,
    *,
    args: tuple[Any, ...] = (),
    strict: bool = False,
    **options: Any,
) -> Prepared:
    """Prepare an operation on `f` for many calls: check it, compile it where the backend can, and keep the code.

    The prepared operation gives the same results as the operation itself. `prepare` checks the arguments, and checks
    that the `f` of a batched operation does not mix its batch. It compiles on JAX, and on PyTorch with
    ``TorchBackend(compiled=True)``. For a batched Jacobian or a Hessian it compiles and times several formulations, and
    keeps the fastest. `Prepared.report` tells what was tried.

    Parameters
    ----------
    operation
        One of the operations, such as `adhelpers.jacobian_vector_product`.
    f, backend, x, u, args
        The arguments of an example call, which `prepare` makes. Compiled code does not call `f` again: `f` must be
        pure, the compiler must understand it, and values that it closes over are frozen.
    strict
        Whether a call with other structures, shapes, dtypes, devices or numbers is an error. If False, such a call
        compiles again silently.
    **options
        Further keywords of the operation, such as ``has_aux=True`` or ``batch_axis=0``. With ``check="always"`` every
        shape and dtype is checked, once.

    Returns
    -------
    Prepared
        A function ``(x, u, *args)``, or ``(x, *args)`` for an operation without `u`. Any number of threads may call it.
        It cannot be copied or pickled. Non-array arguments are compile-time constants: a new value recompiles, and
        mutable objects disable compilation.

    Raises
    ------
    PreparationMismatchError
        A call with ``strict=True`` differs from the example call. The message has one line for each leaf that differs.
    ArgumentError, ArgumentTypeError
        The operation or an option does not exist, or has a wrong value.
    AdhelpersError
        Any error of the operation itself.

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
    linear = next((declared for face, declared in LINEAR.items() if face is operation), None)
    declared: Operation | LinearOperation
    made: type[Prepared]
    if linear is None:
        declaration = declaration_of(operation)
        declared, with_value, made = declaration.operation, declaration.with_value, Prepared
    else:
        declared, with_value, made = linear, False, PreparedLinearMap
    if declared.along is None and u is not None:
        msg = f"{operation.__name__} takes no u; leave it out"
        raise ArgumentTypeError(msg)
    known = ("has_aux", *declared.options)
    unknown = [name for name in options if name not in known]
    if unknown:
        msg = f"{operation.__name__} has no option {', '.join(map(repr, unknown))}; its options are {', '.join(known)}"
        raise ArgumentTypeError(msg)
    flag("has_aux", options.get("has_aux", False))
    declared.check({**declared.defaults, **options})
    require_tuple(args)
    backend = resolve(f, backend, x)
    prepared = made(operation, declared, f, backend, with_value=with_value, strict=strict, options=options)
    rehearse(prepared, (x, *args) if declared.along is None else (x, u, *args))
    return prepared


LINEAR = {
    linearize: LinearOperation(Linearization),
    linearize_gradient: LinearOperation(GradientLinearization),
}
"""Functions that are prepared like operations, but return linear maps."""
