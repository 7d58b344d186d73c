"""Primitives of our own, and what tells traced arguments from plain ones."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import autograd.extend
import autograd.numpy as anp
import numpy as np
from autograd.core import make_vjp
from autograd.numpy.numpy_vjps import unbroadcast_f
from autograd.tracer import getval, isbox

Array = Any
Function = TypeVar("Function", bound=Callable[..., Any])


def primitive(function: Function) -> Function:
    """The decorator of autograd, with a type and a signature."""
    traced = autograd.extend.primitive(function)
    traced.__wrapped__ = function
    return traced


def unless_traced(standard: Callable[..., Any]) -> Callable[[Function], Function]:
    """Call NumPy's function if no argument is traced: it follows the standard, including dtypes.

    So it is where the `dtype` asked for has no derivative.
    """

    def decorate(traced: Function) -> Function:
        @functools.wraps(traced)
        def either(*args: Any, **options: Any) -> Any:
            is_traced = any(map(holds_box, args)) or any(map(holds_box, options.values()))
            if is_traced and (options.get("dtype") is None or np.issubdtype(options["dtype"], np.inexact)):
                return traced(*args, **options)
            return standard(*map(plain, args), **{key: plain(option) for key, option in options.items()})

        return either  # type: ignore[return-value]

    return decorate


def holds_box(argument: Any) -> bool:
    """Whether an argument is a box, or a sequence with one."""
    return isbox(argument) or (type(argument) in (list, tuple) and any(map(holds_box, argument)))


def plain(argument: Any) -> Any:
    """The value of a box, and of each box in a sequence."""
    return type(argument)(map(plain, argument)) if type(argument) in (list, tuple) else getval(argument)


def is_complex(x: Array) -> bool:
    """Whether the dtype is complex."""
    return bool(anp.iscomplexobj(x))


def both_rules(function: Callable[..., Any], jvp: Callable[..., Any]) -> None:
    """Give a primitive the JVP rule of its first argument, and the transpose of that as VJP rule.

    Parameters
    ----------
    function
        The primitive.
    jvp
        Called as ``jvp(tangent, ans, x, *others, **options)``; linear in the tangent, over the reals, and made of
        functions that autograd can trace.
    """

    def vjp(ans: Array, x: Array, *others: Any, **options: Any) -> Callable[[Array], Array]:
        pull, _ = make_vjp(lambda tangent: jvp(tangent, ans, x, *others, **options), anp.zeros_like(x))
        return pull

    autograd.extend.defjvp(function, jvp, argnums=(0,))
    autograd.extend.defvjp(function, vjp, argnums=(0,))


def slopes(function: Callable[..., Any], *of_arguments: Callable[..., Any] | None) -> None:
    """Give an elementwise primitive both rules: products with its slope, which stays the same for cotangents.

    Parameters
    ----------
    function
        The primitive.
    of_arguments
        ``slope(ans, *args)`` by each argument, None where it is constant. Broadcast with that argument, it has the
        shape of `ans`.
    """

    def push(slope: Callable[..., Any] | None) -> Any:
        return slope and (lambda g, ans, *args: g * slope(ans, *args))

    def pull(i: int, slope: Callable[..., Any] | None) -> Any:
        return slope and (lambda ans, *args: unbroadcast_f(args[i], lambda g: g * slope(ans, *args)))

    autograd.extend.defjvp(function, *map(push, of_arguments))
    autograd.extend.defvjp(function, *[pull(i, slope) for i, slope in enumerate(of_arguments)])
