"""What passes between core and a backend: flat tuples of arrays, and functions of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

Array = Any
"""An array, or a tracer, of whatever framework the backend serves."""

Leaves = tuple[Array, ...]
"""A flat tuple of arrays: the leaves of `x`, of `u`, of ``f(x)`` or of aux."""

LeafFunction = Callable[..., tuple[Leaves, Leaves]]
"""``f(*leaves) -> (outputs, aux)``: the user's function between flat tuples of arrays.

Call it with arrays, or tracers, in place of the leaves of `x`. Numbers that the user's function returns are lifted
already. An output may be a constant, a leaf of `x` itself, the same object as another output, or a tracer of an
enclosing derivative; there may be none. `aux` holds what the user returned besides, as far as it is arrays.
"""

Pullback = Callable[[Leaves], Leaves]
"""``pullback(cotangents) -> cotangents of x``: one array for each leaf."""

Pushforward = Callable[[Leaves], Leaves]
"""``pushforward(tangents) -> tangents of f(x)``: one array for each output."""

JVPSweep = Callable[[Leaves], tuple[Leaves, Leaves, Leaves]]
"""``sweep(tangents) -> (outputs, stacked tangents, aux)``: many tangents at one point, stacked on a leading axis."""

VJPSweep = Callable[[Leaves], Leaves]
"""``sweep(cotangents) -> stacked cotangents of x``, of stacked cotangents."""


class GradientFunction:  # no abstract class, for backends ask on every call: isinstance of one takes microseconds
    """A function that `ADBackend.jvp` and `ADBackend.vjp` may be given: the gradient of another.

    To call it, like any other, is right; a backend may look inside where that is faster.

    Attributes
    ----------
    mode
        ``"reverse"`` if the gradient is that of `ADBackend.vjp`.
    """

    mode: Literal["forward", "reverse"]

    def values(self, *leaves: Array) -> tuple[Leaves, Leaves]:
        """``((y,), aux)``: real numbers, each of which depends on elements of the leaves that are its own.

        Mostly that is one number. A single pullback of ones then gives all gradients, which are the outputs of the
        function; its aux is ``(y, *aux)``.
        """
        raise NotImplementedError
