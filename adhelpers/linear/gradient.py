"""`GradientLinearization`: the derivative of a gradient at a point, which is the Hessian there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from adhelpers.engine.composition import order
from adhelpers.engine.derivatives import Gradient
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


class GradientLinearization(AtPoint):
    """The Hessian of a function at a point, for many products; `adhelpers.linearize_gradient` makes it.

    It keeps the intermediate results of `f` at `x` in memory as long as it lives. Any number of threads may use it.

    Attributes
    ----------
    value
        ``f(x)``.
    gradient
        The gradient of `f` at `x`, with the structure of `x`.
    aux
        The `aux` that `f` returned with ``has_aux=True``, else None.
    """

    __slots__ = ("aux", "gradient", "value")

    made_by: ClassVar[str] = "linearize_gradient"

    def __init__(self, backend: ADBackend, f: LeafwiseFunction, x: Tree, made: Compiled | None = None) -> None:
        super().__init__(backend, f, x, made)
        y, *aux = self._map.aux
        self.value: Any = y
        self.gradient: Any = x.rebuild(self._map.outputs)
        self.aux: Any = made.aux if made is not None else f.aux(tuple(aux)) if f.has_aux else None

    @staticmethod
    def _linear_map(backend: ADBackend, f: LeafwiseFunction, x: Tree, made: Made | None) -> LinearMap:
        return LinearMap(backend, Gradient(backend, f, order(backend, "auto")[1]), x.leaves, made)

    def push(self, u: Any, *, differentiate_u: bool = False) -> Any:
        """The Hessian times `u`.

        Parameters
        ----------
        u
            A direction, with the same structure, shapes, dtypes and device as `x`.
        differentiate_u
            Whether an enclosing derivative differentiates `u` too. By default it treats `u` as a constant.

        Returns
        -------
        v
            The same structure as `x`, and in each leaf the same shape, dtype and device. For complex `x`, the
            derivative of `adhelpers.gradient` along `u`.
        """
        flag("differentiate_u", differentiate_u)
        with self._product("push"):
            directions = constant_unless(differentiate_u, self._backend, self._x.read_partner(u, "u"))
            # The second derivative is symmetric, so pulling u back gives the same as pushing it forward.
            product = self._map.pull if self._map.is_pulled_best else self._map.push
            return self._x.rebuild(product(directions))

    def push_many(self, U: Any, *, check: Check = True, chunk_size: int | None = None) -> Any:
        """`push` many directions in one sweep.

        Parameters
        ----------
        U
            The directions, stacked: the structure of `x`, each leaf with one more axis in front.
        check, chunk_size
            As in `Linearization.push_many`.

        Returns
        -------
        V
            The products, stacked like `U`.
        """
        product = self._map.pull_many if self._map.is_pulled_best else self._map.push_many
        return self._many("push_many", product, self._x, U, "U", self._x, check, chunk_size)

    def operator(self) -> DerivativeOperator:
        """The Hessian as a `scipy.sparse.linalg.LinearOperator`, for SciPy's solvers.

        Returns
        -------
        scipy.sparse.linalg.LinearOperator
            As from `Linearization.operator`; it is symmetric.

        Raises
        ------
        ImportError
            SciPy is not installed.
        ArgumentError, DTypeError
            As in `Linearization.operator`. For complex `x`, only few functions have a complex matrix as Hessian.
        """
        from adhelpers.linear.linear_operator import operator_of

        return operator_of(self._backend, self._x, self._x, (self.push, self.push), (self.push_many, self.push_many))

    def __repr__(self) -> str:
        return f"<derivative at x of the gradient of {self._name} by {self._backend!r}>"
