"""`Latest`: what is known at the latest x, so that a value and its derivative at one x evaluate `f` once."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, NamedTuple

from adhelpers.errors import ArgumentError
from adhelpers.operations.first_order import value_and_gradient
from adhelpers.operations.jacobian import jacobian as jacobian_of
from adhelpers.operations.jacobian import value_and_jacobian
from adhelpers.operations.linearize import linearize_gradient
from adhelpers.operations.value import value as value_of
from adhelpers.scipy.calls import HostFunction
from adhelpers.scipy.habit import Habit


class Seen(NamedTuple):
    """The results at the latest x, replaced as a whole, so that every thread reads consistent results."""

    key: Hashable
    """None for an x that cannot be compared."""
    value: Any
    """A NumPy array or the framework's: conversion takes time, and waits until somebody asks for it."""
    gradient: Any = None
    jacobian: Any = None


class Curvature(NamedTuple):
    """The Hessian at the x of the latest product, because solvers multiply it many times."""

    key: Hashable
    hessian: Any


class Latest:
    """The results of a function at the latest x, from few evaluations.

    The methods take `x`, the further arguments of `f`, and the key of both, as `HostFunction.read` returns them.
    """

    __slots__ = ("_curvature", "_function", "_gradients", "_jacobians", "_seen")

    def __init__(self, function: HostFunction) -> None:
        self._function = function
        self._seen = Seen(None, None)
        self._curvature = Curvature(None, None)
        self._gradients = Habit(needed=1, forgiven=4)
        # An unneeded Jacobian costs more than a gradient, and some solvers keep one Jacobian for several steps.
        self._jacobians = Habit(needed=2, forgiven=1)

    def value(self, x: Any, args: tuple[Any, ...], key: Hashable) -> Any:
        """``f(x)``, together with the derivative if the solver will ask for that."""
        seen = self._seen
        if key is None or seen.key != key:
            if self._gradients.expects():
                seen = self._with_gradient(x, args, key)
            elif self._jacobians.expects():
                value, matrix = self._function.run(value_and_jacobian, (x,), args)
                self._seen = seen = Seen(key, value, jacobian=matrix_of(self._function, matrix))
            else:
                self._seen = seen = Seen(key, self._function.run(value_of, (x,), args))
        return seen.value

    def gradient(self, x: Any, args: tuple[Any, ...], key: Hashable) -> Any:
        """The gradient alone, as a solver asks for it where it may have asked for the value."""
        if key is not None and self._seen.key == key:
            self._gradients.meet()
        return self.with_gradient(x, args, key).gradient

    def with_gradient(self, x: Any, args: tuple[Any, ...], key: Hashable) -> Seen:
        """The value and the gradient."""
        seen = self._seen
        if key is not None and seen.key == key and seen.gradient is not None:
            return seen
        return self._with_gradient(x, args, key)

    def jacobian(self, x: Any, args: tuple[Any, ...], key: Hashable) -> Any:
        """The Jacobian."""
        if self._function.compiles:  # code for the matrix alone may be twice as fast, and solvers have the value
            return matrix_of(self._function, self._function.run(jacobian_of, (x,), args))
        seen = self._seen
        if key is not None and seen.key == key:
            self._jacobians.meet()
            if seen.jacobian is not None:
                return seen.jacobian.copy()
        value, matrix = self._function.run(value_and_jacobian, (x,), args)
        self.learn(key, value)
        return matrix_of(self._function, matrix)

    def hessian(self, x: Any, args: tuple[Any, ...], key: Hashable) -> Any:
        """The Hessian as a linear map."""
        curvature = self._curvature
        if key is None or curvature.key != key:
            lin = self._function.linearized(linearize_gradient, x, args)
            self._curvature = curvature = Curvature(key, lin)
        return curvature.hessian

    def learn(self, key: Hashable, value: Any) -> None:
        """Keep the value that was computed with a derivative."""
        if key is not None and self._seen.key != key:
            self._seen = Seen(key, value)

    def _with_gradient(self, x: Any, args: tuple[Any, ...], key: Hashable) -> Seen:
        value, slopes = self._function.run(value_and_gradient, (x,), args)
        self._seen = seen = Seen(key, value, self._function.owned(slopes))
        return seen


def matrix_of(function: HostFunction, jacobian: Any) -> Any:
    """A Jacobian as NumPy's; an error for that of an objective."""
    if len(jacobian.shape) != 2:
        raise no_residuals()
    return function.owned(jacobian)


def no_residuals() -> ArgumentError:
    """The error for an objective in place of residuals."""
    return ArgumentError(
        "f(x) is one number, an objective, which has no residuals and no jacobian; use gradient, hessian or "
        "hessian_product, or let f return an array, of shape (1,) for one residual"
    )
