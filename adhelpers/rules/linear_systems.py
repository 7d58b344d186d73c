"""Linear systems whose matrix is a derivative: their solutions have their own rules, in both modes.

From ``A(p) v = b`` follows ``A(p) dv = db - d(A(p) v)/dp dp``, another system with the same matrix. So the solution is
differentiated to any order, without differentiating the linear solver.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Any

from adhelpers.errors import ArgumentError
from adhelpers.operations.jacobian import jacobian
from adhelpers.operations.products import jacobian_vector_product, vector_jacobian_product
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.rule import runs_for
from adhelpers.rules.coordinates import from_column, from_real_parts, real_parts, to_column
from adhelpers.rules.custom_rule import CustomRule
from adhelpers.trees.tree import Tree

Map = Callable[..., Any]
LinearSolve = Callable[[Callable[[Any], Any], Any], Any]
"""``linear_solve(matvec, b)`` returns the solution of ``matvec(v) == b``."""


@dataclass(frozen=True)
class Derivative:
    """The derivative of ``conditions(x, y, *args)`` by `y`, as a map of vectors at a point ``(x, y)``."""

    conditions: Map

    def push(self, point: Any, v: Any, *args: Any) -> Any:
        """The derivative times `v`, which is like `y`."""
        x, y = point
        of_y = partial(_of_y, self.conditions, x, args)
        return jacobian_vector_product(of_y, runs_for(), y, v, differentiate_u=True)

    def pull(self, point: Any, w: Any, *args: Any) -> Any:
        """The transposed derivative times `w`, which is like the conditions."""
        x, y = point
        of_y = partial(_of_y, self.conditions, x, args)
        return vector_jacobian_product(of_y, runs_for(), y, w, differentiate_u=True)

    def matrix(self, point: Any, *args: Any) -> Any:
        """The whole matrix in real numbers: one row for each number of the conditions, one column for each of `y`."""
        backend: ADBackend = runs_for()
        x, y = point
        leaves, treedef = backend.flatten(y)

        def of_parts(parts: list[Any]) -> list[Any]:
            y = treedef.unflatten(from_real_parts(backend, parts, leaves))
            return real_parts(backend, backend.flatten(self.conditions(x, y, *args))[0])

        columns = real_parts(backend, leaves)
        blocks, _ = backend.flatten(jacobian(of_parts, backend, columns))
        width = len(columns)
        rows = [blocks[i : i + width] for i in range(0, len(blocks), width)]
        xp = backend.array_namespace(*blocks)
        sizes = [prod(part.shape) for part in columns]
        joined = [
            xp.concat([xp.reshape(block, (-1, size)) for block, size in zip(row, sizes, strict=True)], axis=1)
            for row in rows
        ]
        return xp.concat(joined, axis=0)


def _of_y(conditions: Map, x: Any, args: tuple[Any, ...], y: Any) -> Any:
    return conditions(x, y, *args)


def systems(name: str, derivative: Derivative, linear_solve: LinearSolve | None) -> tuple[CustomRule[Any, Any], Any]:
    """Solve a system with that matrix, and with its transpose: two functions ``((point, b), *args)``.

    Without `linear_solve` they use the whole matrix.
    """

    def solved_by_products(matvec: Callable[[Any], Any], b: Any) -> Any:
        assert linear_solve is not None
        right = Tree.read(runs_for(), b, "b")
        return right.rebuild(right.read_partner(linear_solve(matvec, b), f"the result of linear_solve of {name}"))

    def straight(inputs: Any, *args: Any) -> Any:
        point, b = inputs
        if linear_solve is None:
            return _solved(derivative.matrix(point, *args), b, point[1])
        return solved_by_products(lambda v: derivative.push(point, v, *args), b)

    def turned(inputs: Any, *args: Any) -> Any:
        point, b = inputs
        if linear_solve is None:
            conditions = derivative.conditions(*point, *args)
            return _solved(derivative.matrix(point, *args), b, conditions, transposed=True)
        return solved_by_products(lambda w: derivative.pull(point, w, *args), b)

    straight.__name__, turned.__name__ = f"{name}'s linear system", f"{name}'s transposed system"
    solve, solve_transposed = CustomRule(straight, None), CustomRule(turned, None)
    _define(solve, solve_transposed, derivative.push)
    _define(solve_transposed, solve, derivative.pull)
    return solve, solve_transposed


def _define(solve: CustomRule[Any, Any], transposed: CustomRule[Any, Any], times: Map) -> None:
    """Define the rule of a system with the matrix of `times`."""

    @solve.defjvp
    def jvp(inputs: Any, v: Any, moved: Any, *args: Any) -> Any:
        backend: ADBackend = runs_for()
        (point, _), (towards, db) = inputs, moved
        turned = jacobian_vector_product(
            lambda point: times(point, v, *args), backend, point, towards, differentiate_u=True
        )
        return solve.on(backend, (point, minus(backend, db, turned)), *args)

    @solve.defvjp
    def vjp(inputs: Any, v: Any, cotangent: Any, *args: Any) -> Any:
        backend: ADBackend = runs_for()
        point, _ = inputs
        w = transposed.on(backend, (point, cotangent), *args)
        pulled = vector_jacobian_product(
            lambda point: times(point, v, *args), backend, point, negative(backend, w), differentiate_u=True
        )
        return pulled, w


def negative(backend: ADBackend, tree: Any) -> Any:
    """Negate each leaf."""
    leaves, treedef = backend.flatten(tree)
    return treedef.unflatten([-leaf for leaf in leaves])


def minus(backend: ADBackend, a: Any, b: Any) -> Any:
    """The difference of two structures, leaf by leaf."""
    leaves, treedef = backend.flatten(a)
    return treedef.unflatten([one - other for one, other in zip(leaves, backend.flatten(b)[0], strict=True)])


def require_as_many(conditions: int, unknowns: int) -> None:
    """Refuse conditions that cannot determine the solution."""
    if conditions != unknowns:
        msg = (
            f"the conditions of an implicit function return {conditions} numbers, but its solver returns {unknowns}; "
            "return one condition for each number of the solution"
        )
        raise ArgumentError(msg)


def _solved(matrix: Any, b: Any, like: Any, *, transposed: bool = False) -> Any:
    """The solution, in the structure of `like`.

    Under ``Re(sum(a * b))`` the transposed map is that of the transposed matrix between conjugates.
    """
    backend: ADBackend = runs_for()
    require_as_many(*matrix.shape)
    xp = backend.array_namespace(matrix)
    leaves, treedef = backend.flatten(like)
    right = to_column(backend, backend.flatten(b)[0], conjugate=transposed)
    numbers = xp.linalg.solve(xp.matrix_transpose(matrix) if transposed else matrix, right)
    return treedef.unflatten(from_column(backend, numbers, leaves, conjugate=transposed))
