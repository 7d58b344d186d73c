"""`jacobian`: the whole Jacobian, leaf by leaf."""

from __future__ import annotations

from typing import Any, Literal, Unpack, overload

from adhelpers.engine import dense
from adhelpers.engine.sweeps import Check
from adhelpers.errors import DTypeError
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
from adhelpers.options import Options, check, chunk_size, flag, word
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.formulations import Mode
from adhelpers.plugins.functions import Leaves
from adhelpers.trees.leafwise import LeafwiseFunction
from adhelpers.trees.leaves import is_complex
from adhelpers.trees.tree import Tree


class JacobianOptions(Options, total=False):
    """The keywords of `jacobian` besides ``has_aux``."""

    mode: Literal["auto", "forward", "reverse"]
    chunk_size: int | None
    check: Check
    holomorphic: bool


def _jacobian(
    backend: ADBackend,
    f: LeafwiseFunction,
    x: Tree,
    *,
    mode: Mode | Literal["auto"],
    chunk_size: int | None,
    check: Check,
    holomorphic: bool,
) -> tuple[Any, Any, Leaves]:
    for leaf in x.leaves:
        if is_complex(backend, leaf) != holomorphic:
            msg = (
                f"x has a leaf of dtype {leaf.dtype}, and a complex function has a Jacobian only if it is holomorphic; "
                "pass holomorphic=True if f is holomorphic, otherwise use jacobian_vector_product or "
                "vector_jacobian_product"
                if not holomorphic
                else f"holomorphic=True needs a complex x, but a leaf has dtype {leaf.dtype}; leave holomorphic out"
            )
            raise DTypeError(msg)
    outputs, blocks, aux = dense.jacobian(backend, f, x.leaves, mode, chunk_size, check=check, holomorphic=holomorphic)
    y = f.output(outputs)
    rows = tuple([x.rebuild(tuple(row)) for row in blocks])
    return y.rebuild(outputs), y.rebuild(rows), aux


JACOBIAN = Operation(
    "jacobian",
    _jacobian,
    {"mode": word(("auto", "forward", "reverse")), "chunk_size": chunk_size, "check": check, "holomorphic": flag},
)


@overload
def value_and_jacobian(
    f: Function, backend: Backend, x: Any, *, has_aux: Literal[True], **options: Unpack[JacobianOptions]
) -> Triple: ...
@overload
def value_and_jacobian(
    f: Function, backend: Backend, x: Any, *, has_aux: Literal[False] = False, **options: Unpack[JacobianOptions]
) -> Pair: ...
@overload
def value_and_jacobian(
    f: Function, backend: Backend, x: Any, *, has_aux: bool, **options: Unpack[JacobianOptions]
) -> tuple[Any, ...]: ...
@declares(JACOBIAN)
def value_and_jacobian(
    f: Function,
    backend: Backend,
    x: Any,
    *,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
    mode: Literal["auto", "forward", "reverse"] = "auto",
    chunk_size: int | None = None,
    check: Check = True,
    holomorphic: bool = False,
) -> Any:
    """`jacobian` together with ``f(x)``, without an extra evaluation of `f`.

    Parameters
    ----------
    f, backend, x, args, has_aux, mode, chunk_size, check, holomorphic
        As in `jacobian`.

    Returns
    -------
    (y, J) or (y, J, aux)
        The latter with ``has_aux=True``.

    Examples
    --------
    >>> import numpy, adhelpers
    >>> y, J = adhelpers.value_and_jacobian(lambda x: 3.0 * x, "finite-difference", numpy.asarray([1.0, 3.0]))
    >>> y, J.round(6)
    (array([3., 9.]), array([[3., 0.],
           [0., 3.]]))
    """
    return JACOBIAN.call(
        f,
        backend,
        (x,),
        args,
        has_aux,
        {"mode": mode, "chunk_size": chunk_size, "check": check, "holomorphic": holomorphic},
    )


@overload
def jacobian(
    f: Function, backend: Backend, x: Any, *, has_aux: Literal[True], **options: Unpack[JacobianOptions]
) -> Pair: ...
@overload
def jacobian(
    f: Function, backend: Backend, x: Any, *, has_aux: bool = False, **options: Unpack[JacobianOptions]
) -> Any: ...
@twin_of(value_and_jacobian)
def jacobian(
    f: Function, backend: Backend, x: Any, *, has_aux: bool = False, **options: Unpack[JacobianOptions]
) -> Any:
    """The whole Jacobian of `f`.

    For a batch of independent points, `batched_jacobian` is cheaper by a factor of the batch size.

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
    args
        Further arguments of `f`, never differentiated.
    has_aux
        Whether `f` returns a pair ``(y, aux)``. The operation then returns ``(J, aux)``.
    mode
        ``"forward"`` costs one pass for each element of `x`, and ``"reverse"`` one for each element of ``f(x)``.
        ``"auto"`` takes the cheaper mode.
    chunk_size
        How many vectors are pushed at once. None takes as many as fit a memory budget.
    check
        Whether to verify, at the cost of one product, that vectors pushed together give the same results as one by one,
        and in a batched operation that `f` does not mix the batch. A slower sweep replaces a wrong one. True verifies a
        function object once for each shape and dtype, ``"always"`` verifies each call, False verifies nothing.
    holomorphic
        True promises that `f` is holomorphic. Complex `x` requires it.

    Returns
    -------
    J
        The structure of ``f(x)``, with the structure of `x` in place of each leaf. The block of a leaf y of ``f(x)``
        and a leaf x of `x` has shape ``y.shape + x.shape`` and the dtype of y.

    Raises
    ------
    DTypeError
        A leaf of `x` or ``f(x)`` is neither floating nor complex, or `holomorphic` does not match the dtypes.
    ArgumentError, ArgumentTypeError
        Another argument has a wrong value or type.
    AmbiguousBackendError, BackendNotFoundError, BackendLoadError
        No backend could be chosen.
    UnsupportedOperationError
        The framework lacks a derivative rule, and none can be derived.

    Examples
    --------
    >>> import numpy, adhelpers
    >>> adhelpers.jacobian(lambda x: x[::-1] ** 2, "finite-difference", numpy.asarray([1.0, 3.0])).round(6)
    array([[0., 6.],
           [2., 0.]])
    """
    return without_value(value_and_jacobian(f, backend, x, has_aux=has_aux, **options))
