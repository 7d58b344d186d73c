"""HIPS autograd by hand: a function with a derivative rule of its own, and what it is differentiated by."""

from __future__ import annotations

from typing import Any

import autograd
import autograd.numpy as anp
from autograd.extend import defvjp, primitive

from benchmarks.native import Function, Operation, Rules


@primitive  # type: ignore[untyped-decorator]
def by_primitive(x: Any) -> Any:
    """`autograd.extend.primitive` and `defvjp`."""
    return anp.sin(x)


defvjp(by_primitive, lambda y, x: lambda v: anp.cos(x) * v)


def gradient(f: Function) -> Operation:
    """`autograd.grad` of the sum."""
    return autograd.grad(lambda x: anp.sum(f(x)))


RULES = Rules((by_primitive,), {"gradient": (gradient, 1.5)})
