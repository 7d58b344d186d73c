"""`prepare`: do once whatever of an operation can be done once."""

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
    """Make an operation on `f` ready to be called often.

    Its results are those of the operation itself. What can be done once is done here: arguments are checked, the `f` of
    a batched operation is checked for mixing its batch, and where the backend compiles, code is compiled. JAX compiles,
    and PyTorch does with ``TorchBackend(compiled=True)``. Where there are several ways to a batched Jacobian or a
    Hessian, each is compiled and timed, and the fastest is kept. `Prepared.report` tells what was tried.

    Parameters
    ----------
    operation
        One of the operations, such as `adhelpers.jacobian_vector_product`.
    f, backend, x, u, args
        As the operation takes them: an example of a call. `f` is called. Compiled code need not call it again: `f` must
        be pure then, the compiler must understand it, and what it closes over is frozen.
    strict
        Whether a call whose structures, shapes, dtypes, devices or numbers differ from this one is an error.
        Otherwise code is made for it without a word.
    **options
        Further keywords of the operation, such as ``has_aux=True`` or ``batch_axis=0``. With ``check_batch="always"``
        every shape and dtype is checked, once.

    Returns
    -------
    Prepared
        A function ``(x, u, *args)``, or ``(x, *args)`` of an operation without `u`. Any number of threads may call it.
        It cannot be pickled. Arguments that are no arrays are compile-time constants: a new value recompiles, and
        mutable objects among them disable compilation.

    Raises
    ------
    PreparationMismatchError
        A strict call is not like the one that was prepared. The message has one line for each leaf that differs.
    ArgumentError, ArgumentTypeError
        The operation, or one of its options, is none that there is.
    AdhelpersError
        What the operation itself raises.

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
"""What is no operation, but is prepared like one."""
