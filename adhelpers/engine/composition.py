"""Second derivatives as two modes: the outer mode differentiates the result of the inner mode."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from adhelpers.caches import FUNCTIONS
from adhelpers.engine import derived, journal
from adhelpers.engine.derivatives import Directional, Gradient, GradientIfOne, Several
from adhelpers.engine.missing_rules import either
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.formulations import Mode, SecondOrder
from adhelpers.plugins.functions import Array, Leaves
from adhelpers.trees.leafwise import LeafwiseFunction
from adhelpers.trees.leaves import is_complex
from adhelpers.trees.scalars import ones, require_scalar_output

Composition = Literal[
    "auto", "forward-over-reverse", "reverse-over-reverse", "reverse-over-forward", "forward-over-forward"
]
"""`SecondOrder`, or ``"auto"`` for the backend's fastest."""
COMPOSITIONS: tuple[str, ...] = get_args(Composition)

_MODES: dict[str, tuple[Mode, Mode]] = {
    "forward-over-reverse": ("forward", "reverse"),
    "reverse-over-reverse": ("reverse", "reverse"),
    "reverse-over-forward": ("reverse", "forward"),
    "forward-over-forward": ("forward", "forward"),
}


def order(backend: ADBackend, mode: Composition) -> tuple[Mode, Mode]:
    """The outer mode and the inner mode."""
    composition: SecondOrder = backend.second_order if mode == "auto" else mode
    if journal.is_listening():
        journal.tell("mode", f"{composition}{f', the fastest of {backend.name}' if mode == 'auto' else ''}")
    return _MODES[composition]


def push_gradient(
    backend: ADBackend, f: LeafwiseFunction, x: Leaves, u: Leaves, mode: Composition
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
        # The second derivative is symmetric, so pulling u back gives the same as pushing it forward.
        _, pullback, (y, *aux) = derived.vjp(backend, gradient, x)
        product = pullback(u)
    return y, product, tuple(aux)


class Slope(Directional):
    """The derivative along tangents of a function that returns one real number."""

    def __call__(self, *leaves: Array) -> tuple[Leaves, Leaves]:
        """``((slope,), (f(x), *aux))``."""
        pushed, rest = super().__call__(*leaves)
        require_scalar_output(self._f.output(rest[: len(pushed)]))
        return pushed, rest


@dataclass(slots=True)
class Outputs:
    """Knowledge about the results of a function."""

    are_several: bool = False
    """Whether a result was not one number of the dtype of `x`."""


def differentiate_twice(backend: ADBackend, f: LeafwiseFunction, x: Array) -> tuple[Leaves, Leaves, Leaves]:
    """``(outputs, second derivatives, aux)``: by forward mode twice or, if it is faster, by reverse mode twice.

    Reverse mode needs an `f` that returns one real number. A call shows whether it does, and the answer is remembered.
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
    outputs = Outputs() if traced else FUNCTIONS.record(f.function, kind, Outputs)
    may_reverse = backend.second_order == "reverse-over-reverse" and not is_complex(backend, x)
    if may_reverse and not outputs.are_several:
        if journal.is_listening():
            journal.tell("mode", "reverse-over-reverse, if f returns one number")
        try:
            return either(
                backend,
                f,
                by_reverse_mode,
                by_forward_mode,
                rule="reverse rule",
                way="forward mode, taken twice",
                allowed=True,  # the user has not asked for reverse mode
            )
        except Several:
            outputs.are_several = True
    if may_reverse and journal.is_listening():
        journal.tell("mode", "forward-over-forward, because f returns several numbers")
    return by_forward_mode()
