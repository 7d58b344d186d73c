"""`implicit`: the derivative of what a solver finds, from the conditions that it fulfils."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
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
from adhelpers.rules.linear_systems import Derivative, LinearSolve, negative, systems
from adhelpers.trees.kinds import kind_of

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(slots=True)
class _Seen:
    """Whether the residual of a solver was looked at."""

    already: bool = False


@dataclass(frozen=True)
class Residual:
    """What a solver leaves of its conditions, looked at once for each solver and kind of point."""

    name: str
    conditions: Callable[..., Any]
    tolerance: float | None

    def look_at(self, backend: ADBackend, y: Any, *arguments: Any) -> None:
        """Log a warning if it is larger than it may be; what has no values is not looked at."""
        seen = FUNCTIONS.record(self.conditions, (self.name, kind_of(arguments)), _Seen)
        if seen.already:
            return
        import numpy as np

        leaves, treedef = backend.flatten((arguments[0], y, *arguments[1:]))
        constants = [backend.stop_gradient(leaf) if backend.is_array(leaf) else leaf for leaf in leaves]
        if not _have_values(backend, constants):
            return
        left, _ = backend.flatten(run_for(backend, self.conditions, *treedef.unflatten(constants)))
        if not _have_values(backend, left):  # for they close over what has none
            return
        sizes, precisions = [0.0], [0.0]
        for leaf in map(backend.stop_gradient, left):
            xp = backend.array_namespace(leaf)
            if 0 not in leaf.shape:
                sizes.append(float(xp.max(xp.abs(leaf))))
            precisions.append(float(xp.finfo(leaf.dtype).eps))
        largest, allowed = np.max(sizes), np.max(precisions) ** 0.5  # of NumPy, which does not lose what is no number
        seen.already = True
        allowed = allowed if self.tolerance is None else self.tolerance
        words = f"{self.name} leaves a residual of {largest:.1e}, and {allowed:.1e} is allowed"
        if not largest <= allowed:
            journal.warn("%s: its derivative is that at the solution, of which this is none", words)
        journal.tell("check", words)


class ImplicitRule(CustomRule[P, R]):
    """The rule of a solver, whose residual is looked at where arrays have a framework that may differentiate."""

    def __init__(self, solver: Callable[P, R], shapes: Callable[..., Any] | None, residual: Residual) -> None:
        super().__init__(solver, shapes)
        self._residual = residual

    def on(self, backend: ADBackend, x: Any, *args: Any) -> Any:
        """As that of any rule."""
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
    """Differentiate what a solver finds by the conditions that it fulfils, and not the solver; a decorator.

    Where ``conditions(x, y, *args) == 0`` defines ``y = solver(x, *args)``, the derivative of `y` follows from those of
    the conditions by one linear solve, whatever the solver did: Newton's method, SciPy's, or a table. This is the
    theorem of implicit functions. It holds to any order.

    Parameters
    ----------
    conditions
        ``conditions(x, y, *args)`` gives as many numbers as `y` has, in any structure, which are zero at the solution.
        It is written with functions that can be differentiated. Of an optimum they may be the `adhelpers.gradient` of
        what it minimises.
    linear_solve
        ``"dense"``: by the whole matrix of derivatives by `y`. Or ``linear_solve(matvec, b)``, which gives the solution
        of ``matvec(v) == b`` by products alone, in the structure of `b`; the conditions have that of `y` then.
    tolerance
        The largest residual that a solver may leave, in the units of the conditions; by default the square root of the
        precision. A larger one is logged as a warning when a solver is first seen: no derivative is better than the
        solution.
    shapes
        As in `adhelpers.custom_rule`: for a solver of NumPy or SciPy code that is to run under ``jax.jit``, or inside
        ``torch.func``, too.

    Returns
    -------
    Callable
        Makes of a solver, called as ``solver(x, *args)``, an `adhelpers.custom_rule` function.

    Raises
    ------
    ArgumentError
        The conditions are not as many as the numbers of `y`; something is no function, or no number; or what
        `adhelpers.custom_rule` refuses.

    Examples
    --------
    >>> import numpy, adhelpers
    >>> @adhelpers.implicit(lambda x, y: y**3 - x)
    ... def cube_root(x):
    ...     return numpy.cbrt(numpy.asarray(x))
    >>> cube_root(numpy.asarray([8.0, 27.0]))
    array([2., 3.])
    """
    require_function(conditions, "conditions")
    if tolerance is not None and not isinstance(tolerance, Real):
        msg = f"tolerance is {tolerance!r}; write the largest residual that is allowed, such as tolerance=1e-6"
        raise ArgumentTypeError(msg)
    if linear_solve != "dense" and not callable(linear_solve):
        msg = f"linear_solve is {linear_solve!r}; write 'dense', or give a function (matvec, b)"
        raise ArgumentError(msg)

    def decorate(solver: Callable[P, R]) -> CustomRule[P, R]:
        if not callable(solver):
            msg = (
                f"implicit decorates a solver, but {describe(solver)} was given; name the conditions that the solver "
                "fulfils: @adhelpers.implicit(conditions)"
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


def _have_values(backend: ADBackend, leaves: Iterable[Any]) -> bool:
    return all(not backend.is_traced(leaf) for leaf in leaves if backend.is_array(leaf))
