"""`Rule`: a function of arrays with its own derivative, as the core hands it to a backend."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from adhelpers.errors import ArgumentError
from adhelpers.plugins.functions import Leaves

Product = Callable[[Leaves, Leaves, Leaves], Leaves]
"""``product(x, y, vector)``: the derivative at `x`, or its transpose, times the vector."""


@dataclass(eq=False, slots=True)
class Rule:
    """A function between flat tuples of arrays, and its derivative.

    The derivative depends only on `x`, on ``y = f(x)`` and on the vector: there are no residuals. For a second
    derivative, differentiate `jvp` or `vjp`; in both, `y` depends on `x` by this rule.

    Attributes
    ----------
    name
        The name of the function in messages.
    call
        ``call(*x)`` gives `y`. If it closes over an array that varies, `ADBackend.apply_rule` must raise
        `closes_over`.
    jvp
        ``jvp(x, y, u)``: the derivative times `u`, one array for each of `y`. It is linear in `u`, which has one array
        for each of `x` that is not a constant.
    vjp
        ``vjp(x, y, v)``: the transpose of `jvp` under ``Re(sum(a * b))``, without conjugates.
    constants
        The number of arrays at the end of `x` that have no derivative. If one of them varies,
        `ADBackend.apply_rule` must raise `constant_varies`.
    host
        The same function between NumPy arrays, if `call` needs values and so cannot be traced; otherwise None.
    shapes
        ``shapes(*x)`` gives arrays, or tracers, of the shapes and dtypes of `y`. It is given with `host`.
    """

    name: str
    call: Callable[..., Leaves]
    jvp: Product
    vjp: Product
    constants: int = 0
    host: Callable[..., Leaves] | None = None
    shapes: Callable[..., Leaves] | None = None

    def closes_over(self) -> ArgumentError:
        """The error for a function of the rule that closes over an array that varies."""
        return closes_over(self.name)

    def needs_values(self) -> ArgumentError:
        """The error for a function that needs values, but was traced."""
        return ArgumentError(
            f"{self.name} needs the values of its arguments, but was called with tracers, which have none; if it is "
            "NumPy or SciPy code, give custom_rule or implicit shapes=lambda x: ..., which returns arrays of "
            "the structure, shapes and dtypes of the result"
        )

    def constant_varies(self) -> ArgumentError:
        """The error for a constant that is differentiated."""
        return ArgumentError(
            f"{self.name} has a derivative rule for x alone, but an array among its further arguments is "
            "differentiated; pass the array in x"
        )


def closes_over(name: str) -> ArgumentError:
    """The same error, for the rule of that name."""
    return ArgumentError(
        f"{name} has a derivative rule, but one of its functions closes over an array that is differentiated, and the "
        "rule does not give that derivative; pass the array in x"
    )


_RUNNING: ContextVar[Any] = ContextVar("adhelpers_rule_running", default=None)


def run_for(backend: Any, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call `function`, a user's function that is part of a rule, while a backend follows the rule."""
    token = _RUNNING.set(backend)
    try:
        return function(*arguments)
    finally:
        _RUNNING.reset(token)


def runs_for() -> Any:
    """The backend for which a rule runs, or None.

    While one runs, operations treat every vector as varying, because a rule is also differentiated by its vectors.
    """
    return _RUNNING.get()
