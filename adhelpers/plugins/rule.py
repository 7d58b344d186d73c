"""`Rule`: a function of arrays that brings its own derivative, as core hands it to a backend."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from adhelpers.errors import ArgumentError
from adhelpers.plugins.functions import Leaves

Product = Callable[[Leaves, Leaves, Leaves], Leaves]
"""``(x, y, vector)``, and the derivative at `x` times the vector, or its transpose."""


@dataclass(eq=False, slots=True)
class Rule:
    """A function between flat tuples of arrays, and its derivative.

    All that the derivative may depend on is in `x`, in ``y = f(x)`` and in the vector: there are no residuals. So what
    a backend needs for a second derivative is the derivative of `jvp` or `vjp`, in all of which `y` depends on `x` by
    this very rule.

    Attributes
    ----------
    name
        What messages call it.
    call
        ``call(*x)`` gives `y`. It closes over no array that varies; of one that does, `ADBackend.apply_rule` says so.
    jvp
        ``jvp(x, y, u)``: the derivative times `u`, one array for each of `y`. It is linear in `u`, which has one array
        for each of `x` that is no constant.
    vjp
        ``vjp(x, y, v)``: the transpose of `jvp` under ``Re(sum(a * b))``, without conjugates.
    constants
        So many of `x`, the last ones, have no derivative; of one that varies, `ADBackend.apply_rule` says so.
    host
        What `call` does, between arrays of NumPy's: given if it needs values, so that it cannot be traced.
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
        """The error for a function of the rule that depends on more than it is given."""
        return closes_over(self.name)

    def needs_values(self) -> ArgumentError:
        """The error for a function that was traced, and cannot be."""
        return ArgumentError(
            f"{self.name} needs the values of its arguments, but was called with tracers, which have none; if it is "
            "code of NumPy's or SciPy's, give custom_rule or implicit shapes=lambda x: ..., which returns arrays of "
            "the structure, shapes and dtypes of the result"
        )

    def constant_varies(self) -> ArgumentError:
        """The error for a constant that is differentiated."""
        return ArgumentError(
            f"{self.name} has a derivative rule for x alone, but an array among its further arguments is "
            "differentiated; pass the array in x"
        )


def closes_over(name: str) -> ArgumentError:
    """The same, by the name of the rule."""
    return ArgumentError(
        f"{name} has a derivative rule, but a function of it closes over an array that is differentiated, and no rule "
        "gives the derivative by that; pass the array in x"
    )


_RUNNING: ContextVar[Any] = ContextVar("adhelpers_rule_running", default=None)


def run_for(backend: Any, function: Callable[..., Any], *arguments: Any) -> Any:
    """What a function of the user's, which is part of a rule, gives where the rule is followed for a backend."""
    token = _RUNNING.set(backend)
    try:
        return function(*arguments)
    finally:
        _RUNNING.reset(token)


def runs_for() -> Any:
    """The backend for which a rule runs, or None.

    While one runs, operations see every vector vary: the derivative of a rule is by its vectors, too.
    """
    return _RUNNING.get()
