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
    """What `jacobian` takes besides ``has_aux``."""

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
                "if f is, pass holomorphic=True, otherwise use the two products"
                if not holomorphic
                else f"holomorphic=True needs a complex x, but it has a leaf of dtype {leaf.dtype}; leave it out"
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
    """`jacobian` together with ``f(x)``, at no extra evaluation of `f`.

    Parameters
    ----------
    f, backend, x, args, has_aux, mode, chunk_size, check, holomorphic
        As in `jacobian`.

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

    For a batch of independent points `batched_jacobian` is cheaper by the size of the batch.

    Parameters
    ----------
    f
        Called as ``f(x, *args)``. It returns arrays in any structure.
    backend
        An `ADBackend`, its name, or None for the one that owns the arrays in `x`.
    x
        Where to differentiate: floating or complex arrays in any nesting of dict, list, tuple, namedtuple,
        OrderedDict, None and registered nodes. Python floats and NumPy arrays are converted.
        What is in a `Constant` is not differentiated.
    args
        Further arguments of `f`, never differentiated.
    has_aux
        Whether `f` returns a pair ``(y, aux)``. The operation then returns ``(J, aux)``.
    mode
        ``"forward"`` costs a pass for each element of `x`, ``"reverse"`` one for each element of ``f(x)``, and
        ``"auto"`` takes the cheaper.
    chunk_size
        How many vectors are pushed at once. None keeps a block of them within a memory budget.
    check
        Whether to verify, at the price of one product, that many vectors pushed at once give what one gives by itself,
        and that `f` does not mix a batch. A sweep that is wrong is replaced by a slower one. True verifies a function
        object the first time it is seen with a shape and dtype, ``"always"`` verifies each call.
    holomorphic
        Must be True for complex `x`, and promises that `f` is holomorphic.

    Returns
    -------
    J
        With the structure of ``f(x)`` and that of `x` inside it: for each leaf y of the one and x of the other an array
        of shape ``y.shape + x.shape``, in the dtype of y.

    Raises
    ------
    DTypeError
        A leaf of `x` or ``f(x)`` is neither floating nor complex, or `holomorphic` does not fit.
    ArgumentError, ArgumentTypeError
        Another argument cannot serve.
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
