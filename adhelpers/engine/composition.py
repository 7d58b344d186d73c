"""Of which two modes a second derivative is composed: the outer one differentiates what the inner one gives."""

from __future__ import annotations

from typing import Literal, get_args

from adhelpers.compiled.trials import Options
from adhelpers.engine import derived
from adhelpers.engine.derivatives import Directional, Gradient, GradientIfOne, Several, SingleMode
from adhelpers.engine.records import FUNCTIONS, Record
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.functions import Array, Leaves
from adhelpers.trees.leafwise import LeafwiseFunction
from adhelpers.trees.leaves import is_complex
from adhelpers.trees.scalars import ones, require_scalar_output

Mode = Literal["auto", "forward-over-reverse", "reverse-over-reverse", "reverse-over-forward", "forward-over-forward"]
MODES: tuple[str, ...] = get_args(Mode)


def order(backend: ADBackend, mode: str) -> tuple[SingleMode, SingleMode]:
    """The outer mode and the inner one."""
    if mode == "auto":
        mode = backend.second_order
    outer, _, inner = mode.partition("-over-")
    return outer, inner  # type: ignore[return-value]


def alternatives(backend: ADBackend, options: Options, x: Array, shape: tuple[int, ...]) -> list[Options]:
    """The sweeps over the gradient besides the usual one; none for an empty Hessian, or where the user has chosen."""
    if options["mode"] != "auto" or 0 in shape:
        return []
    modes = ("forward-over-reverse", "reverse-over-reverse")
    return [{"mode": mode} for mode in modes if mode != backend.second_order]


def push_gradient(
    backend: ADBackend, f: LeafwiseFunction, x: Leaves, u: Leaves, mode: str
) -> tuple[Array, Leaves, Leaves]:
    """``(f(x), derivative of the gradient along u, aux)``."""
    outer, inner = order(backend, mode)
    if inner == "forward" and x:
        (slope,), pullback, (y, *aux) = derived.vjp_by(outer, backend, Slope(backend, f, u), x)
        return y, pullback(ones(backend, (slope,))), tuple(aux)
    gradient = Gradient(backend, f, inner)
    if outer == "forward":
        _, product, (y, *aux) = derived.jvp(backend, gradient, x, u)
    else:
        # The second derivative is symmetric: what pulls u back is what would push it forward.
        _, pullback, (y, *aux) = derived.vjp(backend, gradient, x)
        product = pullback(u)
    return y, product, tuple(aux)


class Slope(Directional):
    """The derivative along tangents of a function that gives one real number."""

    def __call__(self, *leaves: Array) -> tuple[Leaves, Leaves]:
        """``((slope,), (f(x), *aux))``."""
        pushed, rest = super().__call__(*leaves)
        require_scalar_output(self._f.output(rest[: len(pushed)]))
        return pushed, rest


def differentiate_twice(backend: ADBackend, f: LeafwiseFunction, x: Array) -> tuple[Leaves, Leaves, Leaves]:
    """``(outputs, second derivatives, aux)``: by forward mode twice or, where that is faster, by reverse mode twice.

    The latter is for one real number; whether `f` gives one is seen when it is called, and remembered with it.
    """
    along = ones(backend, (x,))

    def by_forward_mode() -> tuple[Leaves, Leaves, Leaves]:
        _, pushed, rest = derived.jvp(backend, Directional(backend, f, along), (x,), along)
        return rest[: len(pushed)], pushed, rest[len(pushed) :]

    def by_reverse_mode() -> tuple[Leaves, Leaves, Leaves]:
        _, pullback, (y, *aux) = derived.vjp(backend, GradientIfOne(backend, f, "reverse", x.dtype), (x,))
        (second,) = pullback(along)
        return (y,), (backend.array_namespace(second).reshape(second, y.shape),), tuple(aux)

    traced, kind = backend.is_traced(x), ("second derivative", type(backend), x.dtype)
    record = Record() if traced else FUNCTIONS.record(f.function, kind)
    if order(backend, "auto") == ("reverse", "reverse") and not (record.gives_several or is_complex(backend, x)):
        try:
            return derived.either(
                backend,
                f,
                by_reverse_mode,
                by_forward_mode,
                rule="reverse rule",
                way="forward mode, taken twice",
                allowed=True,  # nobody has asked for the reverse mode
            )
        except Several:
            record.gives_several = True
    return by_forward_mode()
