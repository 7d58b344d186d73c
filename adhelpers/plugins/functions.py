"""The types that pass between the core and a backend: flat tuples of arrays, and functions of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

Array = Any
"""An array, or a tracer, of the backend's framework."""

Leaves = tuple[Array, ...]
"""A flat tuple of arrays: the leaves of `x`, of `u`, of ``f(x)`` or of aux."""

LeafFunction = Callable[..., tuple[Leaves, Leaves]]
"""``f(*leaves) -> (outputs, aux)``: the user's function between flat tuples of arrays.

Call it with arrays, or tracers, in place of the leaves of `x`. Numbers that the user's function returns are already
lifted. An output may be a constant, a leaf of `x` itself, the same object as another output, or a tracer of an
enclosing derivative; there may be no output. `aux` holds the arrays of the user's auxiliary value.
"""

Pullback = Callable[[Leaves], Leaves]
"""``pullback(cotangents) -> cotangents of x``: one array for each leaf."""

Pushforward = Callable[[Leaves], Leaves]
"""``pushforward(tangents) -> tangents of f(x)``: one array for each output."""

JVPSweep = Callable[[Leaves], tuple[Leaves, Leaves, Leaves]]
"""``sweep(tangents) -> (outputs, stacked tangents, aux)``: many tangents at one point, stacked on a leading axis."""

VJPSweep = Callable[[Leaves], Leaves]
"""``sweep(stacked cotangents) -> stacked cotangents of x``."""


class GradientFunction:  # no abstract class, for backends ask on every call: isinstance of one takes microseconds
    """The gradient of another function, as `ADBackend.jvp` and `ADBackend.vjp` may receive it.

    Call it like any other function, or look inside if that is faster.

    Attributes
    ----------
    mode
        ``"reverse"`` if the gradient is taken by `ADBackend.vjp`.
    """

    mode: Literal["forward", "reverse"]

    def values(self, *leaves: Array) -> tuple[Leaves, Leaves]:
        """``((y,), aux)``: the real values whose gradients this function returns.

        `y` is usually one number. If it has several, each depends on its own elements of the leaves, so a single
        pullback of ones gives all gradients. Those are the outputs of this function; its aux is ``(y, *aux)``.
        """
        raise NotImplementedError
