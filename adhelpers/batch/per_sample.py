"""Functions that return one number for each batch element, and their gradients, as functions on leaves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from adhelpers.engine import derived
from adhelpers.errors import BatchAxisError, DTypeError
from adhelpers.plugins.containers import SINGLE, describe
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.formulations import Mode
from adhelpers.plugins.functions import Array, GradientFunction, Leaves
from adhelpers.trees.leafwise import LeafwiseFunction
from adhelpers.trees.leaves import is_complex
from adhelpers.trees.scalars import ones
from adhelpers.trees.tree import Tree


class Values:
    """A function that returns one number for each batch element, each number as a vector with one entry."""

    def __init__(self, backend: ADBackend, f: LeafwiseFunction, axis: Literal[-1, 0]) -> None:
        self.function: Callable[..., Any] = f.function
        self.args = f.args
        self.signature = f.signature
        self.kind = "numbers"
        self.has_aux = f.has_aux
        self._backend = backend
        self._f = f
        self._axis = axis

    def __call__(self, *leaves: Any) -> tuple[Leaves, Leaves]:
        """``(((1, B),), aux)``, or with the batch first ``(B, 1)``."""
        outputs, aux = self._f(*leaves)
        y, batch = self._f.output(outputs), leaves[0].shape[self._axis]
        if y.treedef is not SINGLE or tuple(outputs[0].shape) != (batch,):
            given = describe(y.rebuild(outputs)) if y.treedef is not SINGLE else f"of shape {tuple(outputs[0].shape)}"
            msg = (
                f"f(x) is {given}, but must be one number for each batch element, of shape ({batch},), for "
                f"batch_axis={self._axis}; for several numbers for each element use batched_jacobian"
            )
            raise BatchAxisError(msg)
        if is_complex(self._backend, outputs[0]):
            msg = f"f(x) is complex ({outputs[0].dtype}), but a gradient needs real numbers; return its real part"
            raise DTypeError(msg)
        return (self._reshaped(outputs[0], (1, batch) if self._axis == -1 else (batch, 1)),), aux

    def output(self, leaves: Leaves) -> Tree:
        """The structure of the latest result, with the arrays that the plugin returned."""
        return Tree(self._backend, "f(x)", leaves, SINGLE)

    def numbers(self, y: Array) -> Array:
        """The numbers themselves, of shape ``(B,)``."""
        return self._reshaped(y, (y.shape[self._axis],))

    def _reshaped(self, array: Array, shape: tuple[int, ...]) -> Array:
        return self._backend.array_namespace(array).reshape(array, shape)


class Gradients(GradientFunction):
    """The gradients of `Values`, whose values travel as aux."""

    has_aux = True

    def __init__(self, backend: ADBackend, of: Values, mode: Mode) -> None:
        self.function = of.function
        self.args = of.args
        self.signature = of.signature
        self.kind = f"gradients by {mode} mode"
        self.mode = mode
        self._backend = backend
        self._of = of

    def __call__(self, *leaves: Any) -> tuple[Leaves, Leaves]:
        """``((gradients,), (values, *aux))``."""
        outputs, pullback, aux = derived.vjp_by(self.mode, self._backend, self._of, leaves)
        # Each value depends on its own batch element alone, so one pullback serves all values.
        return pullback(ones(self._backend, outputs)), (*outputs, *aux)

    def values(self, *leaves: Any) -> tuple[Leaves, Leaves]:
        """``((values,), aux)``."""
        return self._of(*leaves)

    def output(self, leaves: Leaves) -> Tree:
        """The gradients that the plugin returned."""
        return Tree(self._backend, "the gradient", leaves, SINGLE)
