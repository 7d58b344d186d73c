"""`Linearization`: the derivative of a function at a point."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from adhelpers.engine.sweeps import Check
from adhelpers.linear.at_point import AtPoint, Compiled
from adhelpers.linear.linear_map import LinearMap, Made
from adhelpers.options import flag
from adhelpers.plugins.contract import ADBackend
from adhelpers.trees.leafwise import LeafwiseFunction
from adhelpers.trees.leaves import constant_unless
from adhelpers.trees.tree import Tree

if TYPE_CHECKING:
    from adhelpers.linear.linear_operator import DerivativeOperator


class Linearization(AtPoint):
    """The derivative of a function at a point, to be multiplied many times; `adhelpers.linearize` makes it.

    It keeps what `f` has left behind at `x`, which may be much, as long as it lives. Any number of threads may use it.

    Attributes
    ----------
    value
        ``f(x)``.
    aux
        What `f` returned besides, with ``has_aux=True``; None without.
    """

    __slots__ = ("_y", "aux", "value")

    made_by: ClassVar[str] = "linearize"

    def __init__(self, backend: ADBackend, f: LeafwiseFunction, x: Tree, made: Compiled | None = None) -> None:
        super().__init__(backend, f, x, made)
        self._y = f.output(self._map.outputs) if made is None else made.y
        self.value: Any = self._y.rebuild(self._map.outputs)
        self.aux: Any = made.aux if made is not None else f.aux(self._map.aux) if f.has_aux else None

    @staticmethod
    def _linear_map(backend: ADBackend, f: LeafwiseFunction, x: Tree, made: Made | None) -> LinearMap:
        return LinearMap(backend, f, x.leaves, made)

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
        return self._many("push_many", self._map.push_many, self._x, U, "U", self._y, check, chunk_size)

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
        return self._many("pull_many", self._map.pull_many, self._y, V, "V", self._x, check, chunk_size)

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
        ArgumentError
            It was called inside a transformation or compiled code, where there are no values.
        DTypeError
            `x` is complex and `f` is not complex-differentiable there, or a leaf has a dtype that SciPy does not know.

        Examples
        --------
        >>> import numpy, adhelpers
        >>> lin = adhelpers.linearize(lambda x: x**2, "finite-difference", numpy.asarray([1.0, 2.0]))
        >>> A = lin.operator()
        >>> A.shape, A.matvec(numpy.asarray([1.0, -1.0])).round(6)
        ((2, 2), array([ 2., -4.]))
        """
        from adhelpers.linear.linear_operator import operator_of

        return operator_of(self._backend, self._x, self._y, (self.push, self.pull), (self.push_many, self.pull_many))

    def __repr__(self) -> str:
        return f"<derivative at x of {self._name} by {self._backend!r}>"
