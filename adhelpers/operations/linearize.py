"""Linear maps at a point: `linearize` for the derivative of a function, `linearize_gradient` for that of a gradient."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from adhelpers.engine import journal
from adhelpers.engine.composition import order
from adhelpers.engine.derivatives import Gradient
from adhelpers.engine.linear_map import LinearMap, Made
from adhelpers.engine.sweeps import Check
from adhelpers.operations import options
from adhelpers.operations.declaration import Backend, Function, constant_unless, resolve
from adhelpers.operations.options import flag
from adhelpers.plugins.contract import ADBackend
from adhelpers.trees.leafwise import LeafwiseFunction
from adhelpers.trees.tree import Tree

if TYPE_CHECKING:
    from adhelpers.operations.linear_operator import DerivativeOperator


@dataclass(frozen=True, slots=True)
class Compiled:
    """What compiled code has made of a function at a point: the value or the gradient, both maps, and the aux."""

    y: Tree
    maps: Made
    aux: Any


class Linearization:
    """The derivative of a function at a point, to be multiplied many times; `adhelpers.linearize` makes it.

    It keeps what `f` has left behind at `x`, which may be much, as long as it lives. Any number of threads may use it.

    Attributes
    ----------
    value
        ``f(x)``.
    aux
        What `f` returned besides, with ``has_aux=True``; None without.
    """

    __slots__ = ("__weakref__", "_backend", "_map", "_name", "_x", "_y", "aux", "value")

    def __init__(self, backend: ADBackend, f: LeafwiseFunction, x: Tree, made: Compiled | None = None) -> None:
        self._backend = backend
        self._name = journal.name_of(f.function)
        self._x = x
        self._map = LinearMap(backend, f, x.leaves, None if made is None else made.maps)
        self._y = f.output(self._map.outputs) if made is None else made.y
        self.value: Any = self._y.rebuild(self._map.outputs)
        self.aux: Any = made.aux if made is not None else f.aux(self._map.aux) if f.has_aux else None

    def push(self, u: Any, *, differentiate_u: bool = False) -> Any:
        """The derivative times `u`: a Jacobian-vector product.

        Parameters
        ----------
        u
            A tangent: with the structure of `x` and each leaf of the same shape, dtype and device.
        differentiate_u
            Whether an outer derivative sees `u` vary. By default `u` is a constant to it.

        Returns
        -------
        v
            With the structure of ``f(x)`` and each leaf of the same shape, dtype and device.
        """
        flag("differentiate_u", differentiate_u)
        with self._product("push"):
            tangents = constant_unless(differentiate_u, self._backend, self._x.read_partner(u, "u"))
            return self._y.rebuild(self._map.push(tangents))

    def pull(self, v: Any, *, differentiate_v: bool = False) -> Any:
        """The transposed derivative times `v`: a vector-Jacobian product, under ``Re(sum(a * b))``, not conjugated.

        Parameters
        ----------
        v
            A cotangent: with the structure of ``f(x)`` and each leaf of the same shape, dtype and device.
        differentiate_v
            Whether an outer derivative sees `v` vary. By default `v` is a constant to it.

        Returns
        -------
        u
            With the structure of `x` and each leaf of the same shape, dtype and device.
        """
        flag("differentiate_v", differentiate_v)
        with self._product("pull"):
            cotangents = constant_unless(differentiate_v, self._backend, self._y.read_partner(v, "v"))
            return self._x.rebuild(self._map.pull(cotangents))

    def push_many(self, U: Any, *, check: Check = True, chunk_size: int | None = None) -> Any:
        """`push` of many tangents, in one sweep.

        Parameters
        ----------
        U
            With the structure of `x`, and each leaf with one axis more, in front, on which the tangents are stacked.
        check
            Whether each way to push many at once is proved by a single product, when it is first taken for this
            function (True), each time (``"always"``) or never (False).
        chunk_size
            How many are pushed at once; None keeps them within a memory budget.

        Returns
        -------
        V
            With the structure of ``f(x)``, stacked in the same way.
        """
        _check_sweep(check, chunk_size)
        with self._product("push_many"):
            stacks, count = self._x.read_stacks(U, "U")
            pushed = self._map.push_many(constant_unless(False, self._backend, stacks), count, check, chunk_size)
            return self._y.rebuild(pushed)

    def pull_many(self, V: Any, *, check: Check = True, chunk_size: int | None = None) -> Any:
        """`pull` of many cotangents, in one sweep.

        Parameters
        ----------
        V
            With the structure of ``f(x)``, and each leaf with one axis more, in front, on which they are stacked.
        check, chunk_size
            As in `push_many`.

        Returns
        -------
        U
            With the structure of `x`, stacked in the same way.
        """
        _check_sweep(check, chunk_size)
        with self._product("pull_many"):
            stacks, count = self._y.read_stacks(V, "V")
            pulled = self._map.pull_many(constant_unless(False, self._backend, stacks), count, check, chunk_size)
            return self._x.rebuild(pulled)

    def operator(self) -> DerivativeOperator:
        """The derivative as a `scipy.sparse.linalg.LinearOperator`, for SciPy's solvers.

        Returns
        -------
        scipy.sparse.linalg.LinearOperator
            Over vectors of NumPy's, in which the numbers of all leaves stand one after the other, of the dtype of the
            point. A product of a matrix is one sweep. The adjoint is the conjugate transpose, as everywhere in SciPy.

        Raises
        ------
        ImportError
            SciPy is not installed.
        DTypeError
            `x` is complex and `f` is not complex-differentiable there.

        Examples
        --------
        >>> import numpy, adhelpers
        >>> lin = adhelpers.linearize(lambda x: x**2, "finite-difference", numpy.asarray([1.0, 2.0]))
        >>> A = lin.operator()
        >>> A.shape, A.matvec(numpy.asarray([1.0, -1.0])).round(6)
        ((2, 2), array([ 2., -4.]))
        """
        from adhelpers.operations.linear_operator import operator_of

        return operator_of(self._backend, self._x, self._y, (self.push, self.pull), (self.push_many, self.pull_many))

    def _product(self, name: str) -> AbstractContextManager[Any]:
        return _product("linearize", name, self._name, self._backend)

    def __repr__(self) -> str:
        return f"<derivative at x of {self._name} by {self._backend!r}>"


class GradientLinearization:
    """The derivative of a gradient at a point, which is the Hessian; `adhelpers.linearize_gradient` makes it.

    It keeps what `f` has left behind at `x`, which may be much, as long as it lives. Any number of threads may use it.

    Attributes
    ----------
    value
        ``f(x)``.
    gradient
        That of `f` at `x`, with the structure of `x`.
    aux
        What `f` returned besides, with ``has_aux=True``; None without.
    """

    __slots__ = ("__weakref__", "_backend", "_map", "_name", "_x", "aux", "gradient", "value")

    def __init__(self, backend: ADBackend, f: LeafwiseFunction, x: Tree, made: Compiled | None = None) -> None:
        self._backend = backend
        self._name = journal.name_of(f.function)
        self._x = x
        _, inner = order(backend, "auto")
        self._map = LinearMap(backend, Gradient(backend, f, inner), x.leaves, None if made is None else made.maps)
        y, *aux = self._map.aux
        self.value: Any = y
        self.gradient: Any = x.rebuild(self._map.outputs)
        self.aux: Any = made.aux if made is not None else f.aux(tuple(aux)) if f.has_aux else None

    def push(self, u: Any, *, differentiate_u: bool = False) -> Any:
        """The Hessian times `u`.

        Parameters
        ----------
        u
            A direction: with the structure of `x` and each leaf of the same shape, dtype and device.
        differentiate_u
            Whether an outer derivative sees `u` vary. By default `u` is a constant to it.

        Returns
        -------
        v
            With the structure of `x` and each leaf of the same shape, dtype and device. For complex `x` it is the
            derivative along `u` of what `adhelpers.gradient` gives.
        """
        flag("differentiate_u", differentiate_u)
        with self._product("push"):
            directions = constant_unless(differentiate_u, self._backend, self._x.read_partner(u, "u"))
            # The second derivative is symmetric: what pulls u back is what would push it forward.
            product = self._map.pull if self._map.is_pulled_best else self._map.push
            return self._x.rebuild(product(directions))

    def push_many(self, U: Any, *, check: Check = True, chunk_size: int | None = None) -> Any:
        """`push` of many directions, in one sweep.

        Parameters
        ----------
        U
            With the structure of `x`, and each leaf with one axis more, in front, on which the directions are stacked.
        check, chunk_size
            As in `Linearization.push_many`.

        Returns
        -------
        V
            Like `U`.
        """
        _check_sweep(check, chunk_size)
        with self._product("push_many"):
            stacks, count = self._x.read_stacks(U, "U")
            product = self._map.pull_many if self._map.is_pulled_best else self._map.push_many
            return self._x.rebuild(product(constant_unless(False, self._backend, stacks), count, check, chunk_size))

    def operator(self) -> DerivativeOperator:
        """The Hessian as a `scipy.sparse.linalg.LinearOperator`, for SciPy's solvers.

        Returns
        -------
        scipy.sparse.linalg.LinearOperator
            As `Linearization.operator` makes it; it is symmetric.

        Raises
        ------
        ImportError
            SciPy is not installed.
        DTypeError
            `x` is complex, where the derivative of a gradient is no matrix.
        """
        from adhelpers.operations.linear_operator import operator_of

        return operator_of(self._backend, self._x, self._x, (self.push, self.push), (self.push_many, self.push_many))

    def _product(self, name: str) -> AbstractContextManager[Any]:
        return _product("linearize_gradient", name, self._name, self._backend)

    def __repr__(self) -> str:
        return f"<derivative at x of the gradient of {self._name} by {self._backend!r}>"


def linearize(
    f: Function, backend: Backend, x: Any, *, args: tuple[Any, ...] = (), has_aux: bool = False
) -> Linearization:
    """Evaluate `f` at `x` once, and give its derivative there as a linear map, to be multiplied many times.

    Pulls do not run `f` again, nor do pushes on JAX and autograd; PyTorch's forward mode and finite differences run it
    for each push. With a backend that has no reverse mode, the first pull pushes each element of `x` forward.

    Parameters
    ----------
    f
        Called as ``f(x, *args)``. It returns arrays in any structure.
    backend
        An `ADBackend`, its name, or None for the one that owns the arrays in `x`.
    x
        Where to differentiate: floating or complex arrays in any nesting of dict, list, tuple, namedtuple,
        OrderedDict, None and registered nodes. Python floats and NumPy arrays are converted.
    args
        Further arguments of `f`, never differentiated. They must stay as they are, for `f` may be run again.
    has_aux
        Whether `f` returns a pair ``(y, aux)``.

    Returns
    -------
    Linearization
        With `value`, `aux`, `push`, `pull`, `push_many` and `pull_many`.

    Raises
    ------
    StructureMismatchError, ShapeMismatchError, DTypeError, DeviceMismatchError
        A leaf of `x` or ``f(x)`` is neither floating nor complex; and in a product, a vector does not match.
    ArgumentError, ArgumentTypeError
        Another argument cannot serve.
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
    return _called(Linearization, "linearize", f, backend, x, args, has_aux)


def linearize_gradient(
    f: Function, backend: Backend, x: Any, *, args: tuple[Any, ...] = (), has_aux: bool = False
) -> GradientLinearization:
    """Evaluate `f` and its gradient at `x` once, and give the Hessian there as a linear map.

    Its products do not run `f` again on JAX, PyTorch and autograd; finite differences run it for each.

    Parameters
    ----------
    f
        Called as ``f(x, *args)``. It returns a real array of shape (), or a float.
    backend, x, args, has_aux
        As in `linearize`.

    Returns
    -------
    GradientLinearization
        With `value`, `gradient`, `aux`, `push` and `push_many`.

    Raises
    ------
    StructureMismatchError, ShapeMismatchError, DTypeError, DeviceMismatchError
        ``f(x)`` is not one real number, or a leaf of `x` is neither floating nor complex; and in a product, a direction
        does not match.
    ArgumentError, ArgumentTypeError
        Another argument cannot serve.
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
    return _called(GradientLinearization, "linearize_gradient", f, backend, x, args, has_aux)


K = TypeVar("K", bound=Linearization | GradientLinearization)


def at_point(kind: type[K], f: Function, backend: ADBackend, x: Any, args: tuple[Any, ...], has_aux: bool) -> K:
    """The linear map of that kind."""
    with backend.scope():
        point = Tree.read(backend, x, "x")
        return kind(backend, LeafwiseFunction(f, point, args, has_aux=has_aux), point)


def _called(kind: type[K], name: str, f: Function, backend: Backend, x: Any, args: tuple[Any, ...], has_aux: bool) -> K:
    flag("has_aux", has_aux)
    resolved = resolve(f, backend, x).eager()
    with journal.call_of(name, f, resolved.name) if journal.is_heard() else nullcontext():
        return at_point(kind, f, resolved, x, args, has_aux)


def _product(made_by: str, name: str, function: str, backend: ADBackend) -> AbstractContextManager[Any]:
    """What is around a product: the backend's scope and, if anybody listens, its place in the journal."""
    return _told(f"{made_by}().{name}", function, backend) if journal.is_heard() else backend.scope()


@contextmanager
def _told(operation: str, function: str, backend: ADBackend) -> Iterator[None]:
    with journal.call_of(operation, function, backend.name), backend.scope():
        yield


def _check_sweep(check: Check, chunk_size: int | None) -> None:
    options.check("check", check)
    options.chunk_size("chunk_size", chunk_size)
