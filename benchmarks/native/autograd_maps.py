"""HIPS autograd by hand: many products at one point, by a pullback that is kept."""

from __future__ import annotations

from typing import Any

import autograd

from benchmarks.native import Formulations, Function, Operation


def kept_pullback(f: Function, x: Any) -> Operation:
    """The pullback of `autograd.make_vjp`, kept."""
    pullback, _ = autograd.make_vjp(f)(x)
    return lambda x, u: pullback(u)


def kept_pullback_of_gradient(f: Function, x: Any) -> Operation:
    """The pullback of `autograd.make_vjp` of `autograd.grad`, kept."""
    pullback, _ = autograd.make_vjp(autograd.grad(f))(x)
    return lambda x, u: pullback(u)


MAPS = {"pull": Formulations((kept_pullback,)), "push of a gradient": Formulations((kept_pullback_of_gradient,))}
