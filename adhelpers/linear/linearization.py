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
    """The derivative of a function at a point, for many products; `adhelpers.linearize` makes it.

    It keeps the intermediate results of `f` at `x` in memory as long as it lives. Any number of threads may use it.

    Attributes
    ----------
    value
        ``f(x)``.
    aux
        The `aux` that `f` returned with ``has_aux=True``, else None.
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
            A tangent, with the same structure, shapes, dtypes and device as `x`.
        differentiate_u
            Whether an enclosing derivative differentiates `u` too. By default it treats `u` as a constant.

        Returns
        -------
        v
            The same structure as ``f(x)``, and in each leaf the same shape, dtype and device.
        """
        flag("differentiate_u", differentiate_u)
        with self._product("push"):
            tangents = constant_unless(differentiate_u, self._backend, self._x.read_partner(u, "u"))
            return self._y.rebuild(self._map.push(tangents))

    def pull(self, v: Any, *, differentiate_v: bool = False) -> Any:
        """The transposed derivative times `v`: a vector-Jacobian product, without conjugation (R7).

        Parameters
        ----------
        v
            A cotangent, with the same structure, shapes, dtypes and device as ``f(x)``.
        differentiate_v
            Whether an enclosing derivative differentiates `v` too. By default it treats `v` as a constant.

        Returns
        -------
        u
            The same structure as `x`, and in each leaf the same shape, dtype and device.
        """
        flag("differentiate_v", differentiate_v)
        with self._product("pull"):
            cotangents = constant_unless(differentiate_v, self._backend, self._y.read_partner(v, "v"))
            return self._x.rebuild(self._map.pull(cotangents))

    def push_many(self, U: Any, *, check: Check = True, chunk_size: int | None = None) -> Any:
        """`push` many tangents in one sweep.

        Parameters
        ----------
        U
            The tangents, stacked: the structure of `x`, each leaf with one more axis in front.
        check
            Whether to verify with one product that vectors pushed together give the same results as one by one: at the
            first use for this function (True), each time (``"always"``) or never (False).
        chunk_size
            How many vectors are pushed at once. None takes as many as fit a memory budget.

        Returns
        -------
        V
            The products, with the structure of ``f(x)``, stacked in the same way.
        """
        return self._many("push_many", self._map.push_many, self._x, U, "U", self._y, check, chunk_size)

    def pull_many(self, V: Any, *, check: Check = True, chunk_size: int | None = None) -> Any:
        """`pull` many cotangents in one sweep.

        Parameters
        ----------
        V
            The cotangents, stacked: the structure of ``f(x)``, each leaf with one more axis in front.
        check, chunk_size
            As in `push_many`.

        Returns
        -------
        U
            The products, with the structure of `x`, stacked in the same way.
        """
        return self._many("pull_many", self._map.pull_many, self._y, V, "V", self._x, check, chunk_size)

    def operator(self) -> DerivativeOperator:
        """The derivative as a `scipy.sparse.linalg.LinearOperator`, for SciPy's solvers.

        Returns
        -------
        scipy.sparse.linalg.LinearOperator
            An operator on NumPy vectors, which hold the numbers of all leaves in order, in the dtype of the point. A
            product with a matrix is one sweep. The adjoint is the conjugate transpose, as everywhere in SciPy.

        Raises
        ------
        ImportError
            SciPy is not installed.
        ArgumentError
            `operator` was called inside a transformation or compiled code, where arrays have no values.
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
