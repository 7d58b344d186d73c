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
        product = self._map.pull_many if self._map.is_pulled_best else self._map.push_many
        return self._many("push_many", product, self._x, U, "U", self._x, check, chunk_size)

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
        ArgumentError, DTypeError
            As there. Of a complex `x` the derivative of a gradient is a complex matrix for few functions only.
        """
        from adhelpers.linear.linear_operator import operator_of

        return operator_of(self._backend, self._x, self._x, (self.push, self.push), (self.push_many, self.push_many))

    def __repr__(self) -> str:
        return f"<derivative at x of the gradient of {self._name} by {self._backend!r}>"
