"""`value`: the user's function itself, called like an operation."""

from __future__ import annotations

from typing import Any, Literal, Unpack, overload

from adhelpers.operations.declaration import Backend, Function, Operation, Pair, declares, without_value
from adhelpers.options import Options
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.functions import Leaves
from adhelpers.trees.leafwise import LeafwiseFunction
from adhelpers.trees.leaves import copies
from adhelpers.trees.tree import Tree


def _value(backend: ADBackend, f: LeafwiseFunction, x: Tree) -> tuple[Any, Any, Leaves]:
    outputs, aux = f(*copies(backend, x.leaves))  # because f may work in place
    y = f.rebuild(copies(backend, outputs))
    return y, y, copies(backend, aux)


VALUE = Operation("value", _value, {}, result="f(x)", order=0)


@overload
def value(f: Function, backend: Backend, x: Any, *, has_aux: Literal[True], **options: Unpack[Options]) -> Pair: ...
@overload
def value(f: Function, backend: Backend, x: Any, *, has_aux: bool = False, **options: Unpack[Options]) -> Any: ...
@declares(VALUE, with_value=False)
def value(f: Function, backend: Backend, x: Any, *, args: tuple[Any, ...] = (), has_aux: bool = False) -> Any:
    """Evaluate ``f(x)``, with the same conversions and checks as the derivatives of `f`.

    Numbers and NumPy arrays in `x` are converted, `f` may work in place, and its results are checked. `f` runs once,
    and needs no derivative rule. ``prepare(value, f, backend, x)`` compiles `f`, and takes the same arguments as a
    prepared gradient.

    Parameters
    ----------
    f
        Called as ``f(x, *args)``. It returns arrays in any structure.
    backend
        An `ADBackend`, its name, or None for the one that owns the arrays in `x`.
    x
        Where to evaluate: floating or complex arrays in any nesting of dict, list, tuple, namedtuple, OrderedDict, None
        and registered nodes. Python floats and NumPy arrays are converted. Parts in a `Constant` are not
        differentiated.
    args
        Further arguments of `f`, never differentiated.
    has_aux
        Whether `f` returns a pair ``(y, aux)``. The operation then returns ``(v, aux)``.

    Returns
    -------
    v
        ``f(x)``, in its own memory. An enclosing derivative differentiates it.

    Raises
    ------
    DTypeError
        A leaf of `x` or ``f(x)`` is neither floating nor complex.
    ArgumentError, ArgumentTypeError
        Another argument has a wrong value or type.
    AmbiguousBackendError, BackendNotFoundError, BackendLoadError
        No backend could be chosen.

    Examples
    --------
    >>> import numpy, adhelpers
    >>> adhelpers.value(lambda x: {"squares": x["a"] ** 2}, "finite-difference", {"a": numpy.asarray([1.0, 2.0])})
    {'squares': array([1., 4.])}
    """
    return without_value(VALUE.call(f, backend, (x,), args, has_aux, {}))
