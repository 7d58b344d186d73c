"""`custom_rule`: a function with derivative rules of its own, true on every framework."""

from __future__ import annotations

import functools
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
    """A function with a derivative of its own; `adhelpers.custom_rule` makes it.

    It is called like the function. On arrays that nobody differentiates, and on NumPy's, it is the function.
    """

    __wrapped__: Callable[P, R]

    def __init__(self, f: Callable[P, R], shapes: Callable[..., Any] | None) -> None:
        functools.update_wrapper(self, f)
        self._functions = Functions(journal.name_of(f), f, shapes=shapes)

    def defjvp(self, jvp: F) -> F:
        """Define the derivative times a vector; a decorator.

        Parameters
        ----------
        jvp
            ``jvp(x, y, u, *args)`` gives `v`, with the structure, shapes and dtypes of ``y = f(x, *args)``. `u` is like
            `x`, and `v` is linear in it. It is written with functions that can be differentiated, such as those of
            `adhelpers.array_namespace`: second derivatives are its derivatives. In them `y` depends on `x` as `f` does.

        Returns
        -------
        jvp
            As it was given.
        """
        self._functions.jvp = require_function(jvp, "jvp")
        return jvp

    def defvjp(self, vjp: F) -> F:
        """Define the transposed derivative times a vector; a decorator.

        Parameters
        ----------
        vjp
            ``vjp(x, y, v, *args)`` gives `u`, with the structure, shapes and dtypes of `x`: the transpose of `jvp`
            under ``Re(sum(a * b))``, without conjugates. `v` is like `y`, and `u` is linear in it.

        Returns
        -------
        vjp
            As it was given.
        """
        self._functions.vjp = require_function(vjp, "vjp")
        return vjp

    def __call__(self, *arguments: P.args, **keywords: P.kwargs) -> R:
        """``f(x, *args)``."""
        if keywords or not arguments:
            name = self._functions.name
            msg = f"{name} has a derivative rule, and is called as {name}(x, *args); give all arguments by position"
            raise ArgumentTypeError(msg)
        backend = _owner(arguments)
        if backend is None:
            y = self.__wrapped__(*arguments, **keywords)
            backend = _owner_of_no_values(y)
            if backend is None:
                return y
            # It is traced without being given a tracer, or closes over one: the backend can tell.
        x, *args = arguments
        result: R = self.on(backend, x, *args)
        return result

    def on(self, backend: ADBackend, x: Any, *args: Any) -> Any:
        """The same where it is known whose the arrays are."""
        functions = self._functions
        if functions.jvp is None and functions.vjp is None:
            msg = f"{functions.name} has no rule yet; define one with @{functions.name}.defjvp or .defvjp"
            raise ArgumentError(msg)
        if type(backend).apply_rule is ADBackend.apply_rule:
            self._tell(backend)
        point = Tree.read(backend, x, "x")
        if point.treedef is SINGLE and not args and functions.shapes is None and backend.keeps(x):
            # One array that nobody differentiates, by far the commonest: an Application takes longer than many an f.
            value = run_for(backend, functions.f, x)
            y = Tree.read(backend, value, f"the result of {functions.name}", x)
            if all(map(backend.keeps, y.leaves)):
                return y.rebuild(y.leaves)
        return Application(functions, point, args).result()

    def application(self, backend: ADBackend, x: Any, *args: Any) -> Application:
        """The call, to be made: with what backends are given for it."""
        return Application(self._functions, Tree.read(backend, x, "x"), args)

    @property
    def name(self) -> str:
        """What messages call the function."""
        return self._functions.name

    @property
    def has_jvp(self) -> bool:
        """Whether the derivative was defined."""
        return self._functions.jvp is not None

    @property
    def has_vjp(self) -> bool:
        """Whether the transposed derivative was defined."""
        return self._functions.vjp is not None

    def _tell(self, backend: ADBackend) -> None:
        told = FUNCTIONS.record(self, (backend.name, "no rules"), Told)
        if not told.already:
            told.already = True
            name = self._functions.name
            journal.inform("backend %r knows no rules: it differentiates what %s computes", backend.name, name)

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        if instance is None:
            return self
        msg = f"{self._functions.name} is a method, whose object no rule would see; give a rule to a function instead"
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
    """Give a function a derivative of your own, for every framework at once; a decorator.

    The rule is followed by the operations here, prepared ones too, and by what the frameworks have themselves:
    ``jax.grad``, ``jax.jit`` and ``jax.vmap``, ``backward()`` and ``torch.func``, ``autograd.grad``. It holds to any
    order: second derivatives are the derivatives of what the rule computes.

    Parameters
    ----------
    f
        Called as ``f(x, *args)``: floating or complex arrays in any structure `x`, further arguments of any kind, which
        have no derivative. It must be pure, and not close over arrays that are differentiated.
    shapes
        For an `f` of NumPy or SciPy code, which takes values and cannot be traced: ``shapes(x, *args)`` gives arrays
        of the structure, shapes and dtypes of ``f(x, *args)``; their values do not matter. `f` is then called with
        NumPy's arrays on every framework, under ``jax.jit`` too.

    Returns
    -------
    CustomRule
        Called like `f`. Define its rule with `CustomRule.defjvp` or `CustomRule.defvjp`, of which one is enough: each
        is the transpose of the other. With both, each is used for what it is.

    Raises
    ------
    ArgumentError
        It was called without a rule; one of `args`, or an array that the functions of the rule close over, is
        differentiated: pass it in `x`.
    StructureMismatchError, ShapeMismatchError, DTypeError, DeviceMismatchError
        What a function of the rule returned does not match its partner.

    See Also
    --------
    adhelpers.testing.assert_rule_correct : Whether the rule is right.
    adhelpers.implicit : Rules for what a solver finds.

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


def require_function(function: Any, name: str) -> Any:
    """The function, or an error if it is none."""
    if not callable(function):
        msg = f"{name} must be a function, but {describe(function)} was given"
        raise ArgumentTypeError(msg)
    return function


def _owner(arguments: tuple[Any, ...]) -> ADBackend | None:
    """Whose arrays these are; None for NumPy's alone."""
    if len(arguments) == 1:
        owner = lookup.owner_of(arguments)
        if owner is not None or hasattr(arguments[0], "dtype"):
            return owner
    return lookup.owner_within(arguments)


def _owner_of_no_values(y: Any) -> ADBackend | None:
    """Whose arrays a result has that are no mere values, though nobody gave any; None if there are none."""
    leaves = (y,) if hasattr(y, "dtype") else flatten(y)[0]
    owner = lookup.owner_of(leaf for leaf in leaves if hasattr(leaf, "dtype"))
    if owner is None or all(owner.keeps(leaf) for leaf in leaves if owner.is_array(leaf)):
        return None
    return owner
