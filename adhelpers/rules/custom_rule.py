"""`custom_rule`: a function with its own derivative rules, valid on every framework."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar, overload

from adhelpers.caches import FUNCTIONS
from adhelpers.engine import journal
from adhelpers.engine.missing_rules import Told
from adhelpers.errors import ArgumentError, ArgumentTypeError
from adhelpers.plugins import lookup
from adhelpers.plugins.containers import SINGLE, describe, flatten
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.rule import run_for
from adhelpers.rules.application import Application, Functions
from adhelpers.trees.tree import Tree

P = ParamSpec("P")
R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., Any])


class CustomRule(Generic[P, R]):
    """A function with its own derivative rule; `adhelpers.custom_rule` makes it.

    Call it like the function. On NumPy arrays, and on arrays that nobody differentiates, it runs the function itself.
    """

    __wrapped__: Callable[P, R]

    def __init__(self, f: Callable[P, R], shapes: Callable[..., Any] | None) -> None:
        functools.update_wrapper(self, f)
        self._functions = Functions(journal.name_of(f), f, shapes=shapes)

    def defjvp(self, jvp: F) -> F:
        """Decorate the JVP rule of the function: its derivative times a vector.

        Parameters
        ----------
        jvp
            ``jvp(x, y, u, *args)`` returns `v`, with the structure, shapes and dtypes of ``y = f(x, *args)``. `u` is
            like `x`, and `v` is linear in `u`. Write `jvp` with differentiable functions, such as those of
            `adhelpers.array_namespace`, because second derivatives differentiate `jvp`, with `y` as a function of `x`.

        Returns
        -------
        jvp
            The same function.
        """
        self._functions.jvp = require_function(jvp, "jvp", "x", "y", "u")
        return jvp

    def defvjp(self, vjp: F) -> F:
        """Decorate the VJP rule of the function: its transposed derivative times a vector.

        Parameters
        ----------
        vjp
            ``vjp(x, y, v, *args)`` returns `u`, with the structure, shapes and dtypes of `x`. It is the transpose of
            `jvp` under ``Re(sum(a * b))``, without conjugation. `v` is like `y`, and `u` is linear in `v`.

        Returns
        -------
        vjp
            The same function.
        """
        self._functions.vjp = require_function(vjp, "vjp", "x", "y", "v")
        return vjp

    def __call__(self, *arguments: P.args, **keywords: P.kwargs) -> R:
        """``f(x, *args)``."""
        if keywords or not arguments:
            name = self._functions.name
            msg = f"{name} has a derivative rule and takes positional arguments only; call it as {name}(x, *args)"
            raise ArgumentTypeError(msg)
        backend = _owner(arguments)
        if backend is None:
            y = self.__wrapped__(*arguments, **keywords)
            backend = _owner_of_no_values(y)
            if backend is None:
                return y
            # It may be traced without getting a tracer, or close over one: the backend can tell.
        x, *args = arguments
        result: R = self.on(backend, x, *args)
        return result

    def on(self, backend: ADBackend, x: Any, *args: Any) -> Any:
        """Call the function with a known backend."""
        functions = self._functions
        if functions.jvp is None and functions.vjp is None:
            msg = f"{functions.name} has no rule yet; define one with @{functions.name}.defjvp or .defvjp"
            raise ArgumentError(msg)
        if type(backend).apply_rule is ADBackend.apply_rule:
            self._tell(backend)
        point = Tree.read(backend, x, "x")
        if point.treedef is SINGLE and not args and functions.shapes is None and backend.keeps(x):
            # The most common case, one array that nobody differentiates: an Application can take longer than f.
            value = run_for(backend, functions.f, x)
            y = Tree.read(backend, value, f"the result of {functions.name}", x)
            if all(map(backend.keeps, y.leaves)):
                return y.rebuild(y.leaves)
        return Application(functions, point, args).result()

    def application(self, backend: ADBackend, x: Any, *args: Any) -> Application:
        """The call, still to be made, with the rule for backends."""
        return Application(self._functions, Tree.read(backend, x, "x"), args)

    @property
    def name(self) -> str:
        """The name of the function in messages."""
        return self._functions.name

    @property
    def has_jvp(self) -> bool:
        """Whether a JVP rule is defined."""
        return self._functions.jvp is not None

    @property
    def has_vjp(self) -> bool:
        """Whether a VJP rule is defined."""
        return self._functions.vjp is not None

    def _tell(self, backend: ADBackend) -> None:
        told = FUNCTIONS.record(self, (backend.name, "no rules"), Told)
        if not told.already:
            told.already = True
            name = self._functions.name
            journal.inform("backend %r knows no rules: it differentiates the code of %s", backend.name, name)

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        if instance is None:
            return self
        msg = f"{self._functions.name} is a method, but a rule does not get its object; decorate a function instead"
        raise ArgumentTypeError(msg)

    def __repr__(self) -> str:
        given = [name for name in ("jvp", "vjp") if getattr(self._functions, name) is not None]
        return f"<{self._functions.name} with a rule: {' and '.join(given) or 'none yet'}>"


@overload
def custom_rule(f: Callable[P, R], *, shapes: Callable[..., Any] | None = None) -> CustomRule[P, R]: ...


@overload
def custom_rule(
    f: None = None, *, shapes: Callable[..., Any] | None = None
) -> Callable[[Callable[P, R]], CustomRule[P, R]]: ...


def custom_rule(f: Any = None, *, shapes: Callable[..., Any] | None = None) -> Any:
    """Decorate a function to give it your own derivative rule, for every framework at once.

    All operations follow the rule, prepared ones too. So do the frameworks: ``jax.grad``, ``jax.jit`` and ``jax.vmap``,
    ``backward()`` and ``torch.func``, ``autograd.grad``. The rule serves every order: second derivatives differentiate
    the rule.

    Parameters
    ----------
    f
        Called as ``f(x, *args)``. `x` holds floating or complex arrays in any structure. `args` may be anything, and
        have no derivative. `f` must be pure, and must not close over arrays that are differentiated.
    shapes
        Only for NumPy or SciPy code, which cannot be traced. ``shapes(x, *args)`` returns arrays with the structure,
        shapes and dtypes of ``f(x, *args)``; their values do not matter. Every framework then calls `f` with NumPy
        arrays, also under ``jax.jit``.

    Returns
    -------
    CustomRule
        A function to call like `f`. Define its rule with `CustomRule.defjvp` or `CustomRule.defvjp`. One of the two is
        enough, because each is the transpose of the other. If both are defined, both are used.

    Raises
    ------
    ArgumentError
        The function was called without a rule. Or one of `args`, or an array in a closure of the rule, is
        differentiated: pass it in `x`.
    StructureMismatchError, ShapeMismatchError, DTypeError, DeviceMismatchError
        A function of the rule returned a result of the wrong structure, shape, dtype or device.

    See Also
    --------
    adhelpers.testing.assert_rule_correct : Test whether the rule is right.
    adhelpers.implicit : Rules for solutions that a solver finds.

    Examples
    --------
    >>> import numpy, adhelpers
    >>> @adhelpers.custom_rule
    ... def logdet(a):
    ...     xp = adhelpers.array_namespace(a)
    ...     return xp.linalg.slogdet(a)[1]
    >>> @logdet.defvjp
    ... def _(a, y, v):
    ...     xp = adhelpers.array_namespace(a)
    ...     return v * xp.matrix_transpose(xp.linalg.inv(a))
    >>> logdet
    <logdet with a rule: vjp>
    >>> float(logdet(numpy.diag([1.0, numpy.e])))
    1.0
    """
    if shapes is not None:
        require_function(shapes, "shapes")
    if f is None:
        return functools.partial(custom_rule, shapes=shapes)
    return CustomRule(require_function(f, "f"), shapes)


def require_function(function: Any, name: str, *parameters: str) -> Any:
    """The function, or an error if it is not callable, or takes fewer arguments than these parameters."""
    if not callable(function):
        msg = f"{name} must be a function, but {describe(function)} was given; pass the function itself"
        raise ArgumentTypeError(msg)
    if len(parameters) > _most_arguments(function):
        given = f"{journal.name_of(function)}{inspect.signature(function)}"
        msg = (
            f"{name} is called as {name}({', '.join(parameters)}, *args), but {given} was given; define it with these "
            "arguments, where args are the further arguments of f"
        )
        raise ArgumentTypeError(msg)
    return function


def _most_arguments(function: Callable[..., Any]) -> float:
    """How many positional arguments a function takes; infinity if that is not known."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # one of C need not tell
        return math.inf
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        return math.inf
    return sum(
        parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD) for parameter in parameters
    )


def _owner(arguments: tuple[Any, ...]) -> ADBackend | None:
    """The backend of the arrays; None if all are NumPy arrays."""
    if len(arguments) == 1:
        owner = lookup.owner_of(arguments)
        if owner is not None or hasattr(arguments[0], "dtype"):
            return owner
    return lookup.owner_within(arguments)


def _owner_of_no_values(y: Any) -> ADBackend | None:
    """The backend of a result with tracers although no tracer was given; None if there are none."""
    leaves = (y,) if hasattr(y, "dtype") else flatten(y)[0]
    owner = lookup.owner_of(leaf for leaf in leaves if hasattr(leaf, "dtype"))
    if owner is None or all(owner.keeps(leaf) for leaf in leaves if owner.is_array(leaf)):
        return None
    return owner
