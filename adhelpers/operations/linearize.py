"""Linear maps at a point: `linearize` for the derivative of a function, `linearize_gradient` for that of a gradient."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any, TypeVar

from adhelpers.engine import journal
from adhelpers.linear.at_point import AtPoint
from adhelpers.linear.gradient import GradientLinearization
from adhelpers.linear.linearization import Linearization
from adhelpers.operations.declaration import Backend, Function, resolve
from adhelpers.options import flag


def linearize(
    f: Function, backend: Backend, x: Any, *, args: tuple[Any, ...] = (), has_aux: bool = False
) -> Linearization:
    """Evaluate `f` at `x` once, and return its derivative there as a linear map for many products.

    Pulls do not run `f` again. Pushes do not either on JAX and autograd, while PyTorch's forward mode and finite
    differences run `f` for each push. Without a reverse mode, the first pull pushes each element of `x` forward. A
    backend that compiles every call does not compile `linearize`; to compile it, use `adhelpers.prepare`.

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
        Further arguments of `f`, never differentiated. They must not change, because `f` may run again.
    has_aux
        Whether `f` returns a pair ``(y, aux)``.

    Returns
    -------
    Linearization
        An object with `value`, `aux`, `push`, `pull`, `push_many`, `pull_many` and `operator`.

    Raises
    ------
    StructureMismatchError, ShapeMismatchError, DTypeError, DeviceMismatchError
        A leaf of `x` or ``f(x)`` is neither floating nor complex, or a vector in a product does not match.
    ArgumentError, ArgumentTypeError
        Another argument has a wrong value or type.
    AmbiguousBackendError, BackendNotFoundError, BackendLoadError
        No backend could be chosen.
    UnsupportedOperationError
        The framework lacks a derivative rule, and none can be derived.

    Examples
    --------
    >>> import numpy, adhelpers
    >>> lin = adhelpers.linearize(lambda x: x**2, "finite-difference", numpy.asarray([1.0, 2.0]))
    >>> lin.value, lin.push(numpy.asarray([1.0, -1.0])).round(6), lin.pull(numpy.asarray([1.0, 1.0])).round(6)
    (array([1., 4.]), array([ 2., -4.]), array([2., 4.]))
    """
    return _called(Linearization, f, backend, x, args, has_aux)


def linearize_gradient(
    f: Function, backend: Backend, x: Any, *, args: tuple[Any, ...] = (), has_aux: bool = False
) -> GradientLinearization:
    """Evaluate `f` and its gradient at `x` once, and return the Hessian there as a linear map.

    Products do not run `f` again on JAX, PyTorch and autograd. Finite differences run `f` for each product.

    Parameters
    ----------
    f
        Called as ``f(x, *args)``. It returns a real array of shape (), or a float.
    backend, x, args, has_aux
        As in `linearize`.

    Returns
    -------
    GradientLinearization
        An object with `value`, `gradient`, `aux`, `push`, `push_many` and `operator`.

    Raises
    ------
    StructureMismatchError, ShapeMismatchError, DTypeError, DeviceMismatchError
        ``f(x)`` is not one real number, or a leaf of `x` is neither floating nor complex, or a direction in a product
        does not match.
    ArgumentError, ArgumentTypeError
        Another argument has a wrong value or type.
    AmbiguousBackendError, BackendNotFoundError, BackendLoadError
        No backend could be chosen.
    UnsupportedOperationError
        The framework lacks a derivative rule, and none can be derived.

    Examples
    --------
    >>> import numpy, adhelpers
    >>> x = numpy.asarray([1.0, 2.0])
    >>> hessian = adhelpers.linearize_gradient(lambda x: (x**3).sum(), "finite-difference", x)
    >>> float(hessian.value), hessian.gradient.round(3), hessian.push(numpy.asarray([1.0, -1.0])).round(3)
    (9.0, array([ 3., 12.]), array([  6., -12.]))
    """
    return _called(GradientLinearization, f, backend, x, args, has_aux)


K = TypeVar("K", bound=AtPoint)


def _called(kind: type[K], f: Function, backend: Backend, x: Any, args: tuple[Any, ...], has_aux: bool) -> K:
    flag("has_aux", has_aux)
    resolved = resolve(f, backend, x).eager()
    with journal.call_of(kind.made_by, f, resolved.name) if journal.is_heard() else nullcontext():
        return kind.of(f, resolved, x, args, has_aux)
