"""`view`: a function of arrays in any structure, for SciPy's solvers."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adhelpers.errors import ArgumentError
from adhelpers.operations.declaration import Backend, Function, resolve
from adhelpers.operations.hessian import hessian as hessian_of
from adhelpers.operations.jacobian import jacobian as jacobian_of
from adhelpers.operations.linearize import linearize
from adhelpers.operations.products import jacobian_vector_product, vector_jacobian_product
from adhelpers.operations.second_order import hessian_vector_product
from adhelpers.scipy.calls import HostFunction
from adhelpers.scipy.latest import Latest, matrix_of, no_residuals
from adhelpers.scipy.pickled import Pickled
from adhelpers.scipy.raveled import FLOAT64, Raveled
from adhelpers.trees.leafwise import require_tuple

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]


class View:
    """A function and its derivatives for SciPy's solvers; `view` makes it.

    The methods take and return NumPy arrays of float64 on the host. Each result is a new array, writable and
    contiguous. Each method takes ``x``, or ``(x, *args)`` to replace the `args` of `view`; with `argnum`, give the
    arguments in the order of `f`. The first call of a method prepares its operation. Any number of threads may call.

    `f` must be pure: its closure and `args` must not change while the view is used.
    """

    def __init__(self, f: Function, raveled: Raveled, args: tuple[Any, ...], argnum: int) -> None:
        self.f = f
        self.backend = raveled.backend
        self._raveled = raveled
        self._function = HostFunction(f, raveled, args, argnum)
        self._x0 = raveled.flatten(raveled.point.rebuild(raveled.point.leaves))
        self._latest = Latest(self._function)

    def __reduce__(self) -> tuple[Callable[[], View], tuple[()]]:
        """Pickled is what `view` was given, as for SciPy's `workers`; operations are prepared anew where it is read."""
        pickled: Callable[[Any], Any] = functools.partial(Pickled, self.backend)
        (args, argnum), x0 = self._function.given, self._raveled.point.as_given()
        return functools.partial(view, self.f, self.backend, pickled(x0), args=pickled(args), argnum=argnum), ()

    # -- the structure ----------------------------------------------------------------------------

    @property
    def x0(self) -> Vector:
        """The point that `view` was given, as a new vector of shape ``(n,)``."""
        return self._x0.copy()

    def flatten(self, tree: Any) -> Vector:
        """The numbers of a tree with the structure of `x0`, as a new vector.

        Bounds and the coefficients of a linear constraint are flattened like a point.

        Parameters
        ----------
        tree
            Real arrays of any dtype, or numbers, in the structure of `x0`. A number fills its leaf. One number in place
            of the whole tree fills the whole vector.

        Returns
        -------
        numpy.ndarray
            A vector of shape ``(n,)`` and float64.

        Examples
        --------
        >>> import numpy, adhelpers.scipy
        >>> x0 = {"rate": numpy.asarray([1.0, 2.0]), "offset": 0.5}
        >>> view = adhelpers.scipy.view(lambda x: (x["rate"] ** 2).sum() + x["offset"], "finite-difference", x0)
        >>> view.flatten({"rate": 0.0, "offset": -numpy.inf})  # "offset" is before "rate" in the vector
        array([-inf,   0.,   0.])
        """
        return self._raveled.flatten(tree)

    def rebuild(self, vector: Any) -> Any:
        """Convert a vector, such as ``result.x``, to the structure of `x0`.

        Parameters
        ----------
        vector
            Real numbers of shape ``(n,)``.

        Returns
        -------
        tree
            Arrays of the backend with the shapes, dtypes and device of `x0`.

        Examples
        --------
        >>> import numpy, adhelpers.scipy
        >>> x0 = {"rate": numpy.asarray([1.0, 2.0]), "offset": 0.5}
        >>> view = adhelpers.scipy.view(lambda x: (x["rate"] ** 2).sum() + x["offset"], "finite-difference", x0)
        >>> view.rebuild(numpy.asarray([7.0, 8.0, 9.0]))
        {'rate': array([8., 9.]), 'offset': array(7.)}
        """
        return self._raveled.rebuild(vector)

    # -- values -----------------------------------------------------------------------------------

    def value(self, *arguments: Any) -> Any:
        """``f(x)``: a float for a scalar `f`, or else all its numbers in one vector.

        `f` does not run again at an x whose gradient or Jacobian was computed last. Once a solver has asked for the
        gradient at an x with known value, both are computed together. So is the Jacobian after two such requests in a
        row, except on a backend that compiles.

        Examples
        --------
        >>> import numpy, adhelpers.scipy
        >>> view = adhelpers.scipy.view(lambda x: (x**2).sum(), "finite-difference", numpy.asarray([1.0, 2.0]))
        >>> view.value(view.x0)
        5.0
        """
        (x,), args, key = self._function.read(arguments, "x")
        return self._handed_out(self._latest.value(x, args, key))

    def residuals(self, *arguments: Any) -> Vector:
        """The numbers of ``f(x)`` in a vector of shape ``(m,)``: `value` for an `f` that is not scalar."""
        value = self.value(*arguments)
        if isinstance(value, float):
            raise no_residuals()
        return value

    # -- objectives -------------------------------------------------------------------------------

    def gradient(self, *arguments: Any) -> Vector:
        """The gradient of a scalar `f`, of shape ``(n,)``.

        Examples
        --------
        >>> import numpy, adhelpers.scipy
        >>> view = adhelpers.scipy.view(lambda x: (x**2).sum(), "finite-difference", numpy.asarray([1.0, 2.0]))
        >>> view.gradient(view.x0).round(6)
        array([2., 4.])
        """
        (x,), args, key = self._function.read(arguments, "x")
        return self._latest.gradient(x, args, key).copy()

    def value_and_gradient(self, *arguments: Any) -> tuple[float, Vector]:
        """The value and the gradient from one evaluation of `f`, for ``minimize(..., jac=True)``.

        Examples
        --------
        >>> import numpy, adhelpers.scipy, scipy.optimize
        >>> view = adhelpers.scipy.view(lambda x: ((x - 3.0) ** 2).sum(), "finite-difference", numpy.zeros(2))
        >>> scipy.optimize.minimize(view.value_and_gradient, view.x0, jac=True, method="BFGS").x.round(4)
        array([3., 3.])
        """
        (x,), args, key = self._function.read(arguments, "x")
        seen = self._latest.with_gradient(x, args, key)
        return self._handed_out(seen.value), seen.gradient.copy()

    def hessian(self, *arguments: Any) -> Matrix:
        """The Hessian of a scalar `f`, of shape ``(n, n)`` and exactly symmetric.

        Examples
        --------
        >>> import numpy, adhelpers.scipy
        >>> view = adhelpers.scipy.view(lambda x: x[0] * x[1] ** 2, "finite-difference", numpy.asarray([1.0, 2.0]))
        >>> view.hessian(view.x0).round(3) + 0.0
        array([[0., 4.],
               [4., 2.]])
        """
        (x,), args, _ = self._function.read(arguments, "x")
        numbers = self._function.to_host(self._function.run(hessian_of, (x,), args))
        return 0.5 * (numbers + numbers.T)

    def hessian_product(self, *arguments: Any) -> Vector:
        """The Hessian of a scalar `f` at ``x`` times the vector ``p``. Call it with ``(x, p)``; pass it as ``hessp``.

        If the backend compiles, each product runs `f` and its derivatives in compiled code. Otherwise
        `adhelpers.linearize_gradient` linearises the gradient once for each x, and the view keeps it until x changes.

        Examples
        --------
        >>> import numpy, adhelpers.scipy
        >>> view = adhelpers.scipy.view(lambda x: x[0] * x[1] ** 2, "finite-difference", numpy.asarray([1.0, 2.0]))
        >>> view.hessian_product(view.x0, numpy.asarray([0.0, 1.0])).round(3)
        array([4., 2.])
        """
        product = self._function.at_once(hessian_vector_product, arguments)
        if product is not None:
            return product
        (x, p), args, key = self._function.read(arguments, "x", "p")
        if self.backend.compiles:
            product = self._function.run(hessian_vector_product, (x, p), args)
        else:
            product = self._latest.hessian(x, args, key).push(self._raveled.lift(p))
        return self._function.owned(product)

    # -- residuals --------------------------------------------------------------------------------

    def jacobian(self, *arguments: Any) -> Matrix:
        """The Jacobian of an `f` that is not scalar, of shape ``(m, n)``.

        Examples
        --------
        >>> import numpy, adhelpers.scipy
        >>> view = adhelpers.scipy.view(lambda x: x**2 - 2.0, "finite-difference", numpy.asarray([1.0, 2.0]))
        >>> view.jacobian(view.x0).round(6)
        array([[2., 0.],
               [0., 4.]])
        """
        matrix = self._function.at_once(jacobian_of, arguments)
        if matrix is not None:
            return matrix_of(self._function, matrix)
        (x,), args, key = self._function.read(arguments, "x")
        return self._latest.jacobian(x, args, key)

    def jacobian_operator(self, *arguments: Any) -> Any:
        """The Jacobian as a `scipy.sparse.linalg.LinearOperator`.

        If the backend compiles, each product runs `f` and its derivative in compiled code. Otherwise
        `adhelpers.linearize` linearises `f` once.

        Examples
        --------
        >>> import numpy, adhelpers.scipy
        >>> view = adhelpers.scipy.view(lambda x: x**2 - 2.0, "finite-difference", numpy.asarray([1.0, 2.0]))
        >>> operator = view.jacobian_operator(view.x0)
        >>> operator.matvec(numpy.ones(2)).round(6), operator.rmatvec(numpy.ones(2)).round(6)
        (array([2., 4.]), array([2., 4.]))
        """
        from scipy.sparse.linalg import LinearOperator

        (x,), args, key = self._function.read(arguments, "x")
        if not self.backend.compiles:
            lin = self._function.linearized(linearize, x, args)
            if len(lin.value.shape) != 1:
                raise no_residuals()
            self._latest.learn(key, lin.value)
            return lin.operator()
        m = len(self.residuals(*arguments))

        def times(operation: Callable[..., Any]) -> Callable[[Any], Any]:
            def product(vector: Any) -> Any:
                u = self._raveled.vector(np.ravel(vector), "vector")
                return self._function.owned(self._function.run(operation, (x, u), args))

            return product

        push, pull = times(jacobian_vector_product), times(vector_jacobian_product)
        return LinearOperator((m, len(x)), matvec=push, rmatvec=pull, dtype=FLOAT64)

    def _handed_out(self, value: Any) -> Any:
        numbers = self._function.to_host(value)
        return np.array(numbers) if numbers.ndim else float(numbers)

    def __repr__(self) -> str:
        name = getattr(self.f, "__qualname__", None) or repr(self.f)
        return f"<view of {name} by {self.backend!r} for SciPy, {self._raveled.size} variables>"


def view(f: Function, backend: Backend, x0: Any, *, args: tuple[Any, ...] = (), argnum: int = 0) -> View:
    """`f` and its derivatives as functions of NumPy vectors, for SciPy's solvers.

    Parameters
    ----------
    f
        Called as ``f(x, *args)``, with `x` in the structure of `x0`. An objective returns one number; residuals are
        numbers in any structure.
    backend
        An `ADBackend`, its name, or None for the one that owns the arrays in `x0`.
    x0
        The starting point: real arrays of float64 in any nesting of dict, list, tuple, namedtuple, OrderedDict, None
        and registered nodes. Python floats and NumPy arrays are converted.
    args
        Further arguments of `f`, never differentiated.
    argnum
        The position of `x` among the arguments of `f`: 1 for the ``f(t, y)`` of `scipy.integrate.solve_ivp`.

    Returns
    -------
    View
        Has `x0`, `flatten` and `rebuild`. Use `value`, `gradient`, `value_and_gradient`, `hessian` and
        `hessian_product` for an objective, and `value`, `residuals`, `jacobian` and `jacobian_operator` for residuals.

    Raises
    ------
    DTypeError
        `x0` is not of float64, or the backend would narrow it. Single precision is too coarse for solvers.
    DeviceMismatchError
        `x0` lies on several devices.
    ArgumentError, ArgumentTypeError
        Another argument has a wrong value or type.
    AmbiguousBackendError, BackendNotFoundError, BackendLoadError
        No backend could be chosen.

    Examples
    --------
    >>> import numpy, adhelpers.scipy, scipy.optimize
    >>> t = numpy.linspace(0.0, 2.0, 9)
    >>> def residuals(x):
    ...     return x["height"] * numpy.exp(-x["rate"] * t) - 3.0 * numpy.exp(-0.5 * t)
    >>> view = adhelpers.scipy.view(residuals, "finite-difference", {"height": 1.0, "rate": 1.0})
    >>> result = scipy.optimize.least_squares(view.value, view.x0, jac=view.jacobian)
    >>> x = view.rebuild(result.x)
    >>> float(x["height"].round(6)), float(x["rate"].round(6))
    (3.0, 0.5)
    """
    require_tuple(args)
    if not isinstance(argnum, (int, np.integer)) or isinstance(argnum, bool) or argnum < 0:
        msg = f"argnum is {argnum!r}, but must be the position of x among the arguments of f: 0, 1, ..."
        raise ArgumentError(msg)
    return View(f, Raveled(resolve(f, backend, x0), x0), tuple(args), int(argnum))
