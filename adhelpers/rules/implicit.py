"""`implicit`: the derivative of a solver's result, from the conditions that the result satisfies."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import prod
from numbers import Real
from typing import Any, Literal, ParamSpec, TypeVar

from adhelpers.caches import FUNCTIONS
from adhelpers.engine import journal
from adhelpers.errors import ArgumentError, ArgumentTypeError
from adhelpers.operations.products import jacobian_vector_product, vector_jacobian_product
from adhelpers.plugins.containers import describe
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.rule import run_for, runs_for
from adhelpers.rules.custom_rule import CustomRule, require_function
from adhelpers.rules.linear_systems import Derivative, LinearSolve, negative, require_as_many, systems
from adhelpers.trees.kinds import kind_of
from adhelpers.trees.leaves import is_complex

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(slots=True)
class _Seen:
    """Whether the residual of a solver has been checked."""

    already: bool = False


@dataclass(frozen=True)
class Residual:
    """The residual that a solver leaves, checked once for each solver and kind of point."""

    name: str
    conditions: Callable[..., Any]
    tolerance: float | None

    def look_at(self, backend: ADBackend, y: Any, *arguments: Any) -> None:
        """Log a warning if the residual is too large; arrays without values are not checked."""
        seen = FUNCTIONS.record(self.conditions, (self.name, kind_of(arguments)), _Seen)
        if seen.already:
            return
        import numpy as np

        leaves, treedef = backend.flatten((arguments[0], y, *arguments[1:]))
        constants = [backend.stop_gradient(leaf) if backend.is_array(leaf) else leaf for leaf in leaves]
        if not _have_values(backend, constants):
            return
        left, _ = backend.flatten(run_for(backend, self.conditions, *treedef.unflatten(constants)))
        require_as_many(_count(backend, left), _count(backend, y))
        if not _have_values(backend, left):  # the conditions close over tracers
            return
        sizes, precisions = [0.0], [0.0]
        for leaf in map(backend.stop_gradient, left):
            xp = backend.array_namespace(leaf)
            if 0 not in leaf.shape:
                sizes.append(float(xp.max(xp.abs(leaf))))
            precisions.append(float(xp.finfo(leaf.dtype).eps))
        largest, allowed = np.max(sizes), np.max(precisions) ** 0.5  # NumPy's max keeps NaN
        seen.already = True
        allowed = allowed if self.tolerance is None else self.tolerance
        words = f"{self.name} leaves a residual of {largest:.1e}, where at most {allowed:.1e} is allowed"
        if not largest <= allowed:
            journal.warn(
                "%s: its derivative is right only at a solution; solve more accurately, or pass a larger tolerance",
                words,
            )
        journal.tell("check", words)


class ImplicitRule(CustomRule[P, R]):
    """The rule of a solver; its residual is checked for arrays of a framework that may differentiate."""

    def __init__(self, solver: Callable[P, R], shapes: Callable[..., Any] | None, residual: Residual) -> None:
        super().__init__(solver, shapes)
        self._residual = residual

    def on(self, backend: ADBackend, x: Any, *args: Any) -> Any:
        """Like `CustomRule.on`, and check the residual."""
        y = super().on(backend, x, *args)
        self._residual.look_at(backend, y, x, *args)
        return y


def implicit(
    conditions: Callable[..., Any],
    *,
    linear_solve: Literal["dense"] | LinearSolve = "dense",
    tolerance: float | None = None,
    shapes: Callable[..., Any] | None = None,
) -> Callable[[Callable[P, R]], CustomRule[P, R]]:
    """Decorate a solver to differentiate its result by the conditions that it satisfies, and not its steps.

    If ``conditions(x, y, *args) == 0`` defines ``y = solver(x, *args)``, one linear solve with the derivatives of the
    conditions gives the derivative of `y` (the implicit function theorem). The solver may be anything: Newton's method,
    SciPy, or a table. All orders of derivatives work.

    Parameters
    ----------
    conditions
        ``conditions(x, y, *args)`` returns as many numbers as `y` has, in any structure, which are zero at the
        solution. Write it with differentiable functions. For an optimum, return the `adhelpers.gradient` of the
        objective.
    linear_solve
        ``"dense"`` solves with the whole matrix of derivatives by `y`. A function ``linear_solve(matvec, b)`` returns
        the solution of ``matvec(v) == b`` from products alone, in the structure of `b`. The conditions must then have
        the structure of `y`.
    tolerance
        The largest residual that the solver may leave, in the units of the conditions; by default the square root of
        the precision. The first call logs a warning if the residual is larger, because a derivative is only as good as
        the solution.
    shapes
        As in `adhelpers.custom_rule`: needed for NumPy or SciPy code that runs under ``jax.jit`` or inside
        ``torch.func``.

    Returns
    -------
    Callable
        A decorator for a solver that is called as ``solver(x, *args)``. It returns an `adhelpers.custom_rule` function.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        The number of conditions is not the number of elements of `y`, an argument has a wrong value or type, or
        `adhelpers.custom_rule` refuses the call.

    Examples
    --------
    >>> import numpy, adhelpers
    >>> @adhelpers.implicit(lambda x, y: y**3 - x)
    ... def cube_root(x):
    ...     return numpy.cbrt(numpy.asarray(x))
    >>> cube_root(numpy.asarray([8.0, 27.0]))
    array([2., 3.])
    """
    require_function(conditions, "conditions", "x", "y")
    if tolerance is not None and not isinstance(tolerance, Real):
        msg = f"tolerance is {tolerance!r}; give the largest residual that is allowed, such as tolerance=1e-6"
        raise ArgumentTypeError(msg)
    if linear_solve != "dense" and not callable(linear_solve):
        msg = f"linear_solve is {linear_solve!r}; give 'dense' or a function linear_solve(matvec, b)"
        raise ArgumentError(msg)

    def decorate(solver: Callable[P, R]) -> CustomRule[P, R]:
        if not callable(solver):
            msg = (
                f"implicit decorates a solver, but {describe(solver)} was given; pass the conditions first: "
                "@adhelpers.implicit(conditions)"
            )
            raise ArgumentTypeError(msg)
        name = journal.name_of(solver)
        rule = ImplicitRule(solver, shapes, Residual(name, conditions, tolerance))
        by_products = None if isinstance(linear_solve, str) else linear_solve
        solve, solve_transposed = systems(name, Derivative(conditions), by_products)

        @rule.defjvp
        def jvp(x: Any, y: Any, u: Any, *args: Any) -> Any:
            backend: ADBackend = runs_for()
            moved = jacobian_vector_product(lambda x: conditions(x, y, *args), backend, x, u, differentiate_u=True)
            require_as_many(_count(backend, moved), _count(backend, y))
            return solve.on(backend, ((x, y), negative(backend, moved)), *args)

        @rule.defvjp
        def vjp(x: Any, y: Any, v: Any, *args: Any) -> Any:
            backend: ADBackend = runs_for()
            w = solve_transposed.on(backend, ((x, y), v), *args)
            return vector_jacobian_product(
                lambda x: conditions(x, y, *args), backend, x, negative(backend, w), differentiate_u=True
            )

        return rule

    return decorate


def _count(backend: ADBackend, tree: Any) -> int:
    """How many real numbers the arrays of a structure hold; a complex number is two."""
    arrays = [leaf for leaf in backend.flatten(tree)[0] if hasattr(leaf, "dtype")]
    return sum(prod(array.shape) * (2 if is_complex(backend, array) else 1) for array in arrays)


def _have_values(backend: ADBackend, leaves: Iterable[Any]) -> bool:
    return all(not backend.is_traced(leaf) for leaf in leaves if backend.is_array(leaf))
