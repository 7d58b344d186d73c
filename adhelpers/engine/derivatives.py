"""Derivatives of the user's function as functions of leaves, to be differentiated again.

``f(x)`` and the aux of `f` travel as aux, in this order, so that the framework replaces tracers in them.
"""

from __future__ import annotations

from math import prod
from typing import Any

from adhelpers.engine import derived
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.formulations import Mode
from adhelpers.plugins.functions import Array, GradientFunction, Leaves
from adhelpers.trees.leafwise import LeafwiseFunction
from adhelpers.trees.scalars import ones, require_scalar_output


class Gradient(GradientFunction):
    """The gradient of a function that returns one real number."""

    def __init__(self, backend: ADBackend, f: LeafwiseFunction, mode: Mode) -> None:
        self.function = f.function
        self.signature = f.signature
        self.kind = f"{type(self).__name__} by {mode} mode"
        self.mode = mode
        self._backend = backend
        self._f = f

    def __call__(self, *leaves: Array) -> tuple[Leaves, Leaves]:
        """``(gradient, (f(x), *aux))``."""
        outputs, pullback, aux = derived.vjp_by(self.mode, self._backend, self._f, leaves)
        self._require_one(outputs)
        return pullback(ones(self._backend, outputs)), (*outputs, *aux)

    def values(self, *leaves: Array) -> tuple[Leaves, Leaves]:
        """``((f(x),), aux)``."""
        outputs, aux = self._f(*leaves)
        self._require_one(outputs)
        return outputs, aux

    def _require_one(self, outputs: Leaves) -> None:
        require_scalar_output(self._f.output(outputs))


class Several(Exception):  # noqa: N818  # not an error
    """A function does not return a single array with one number of the required dtype."""


class GradientIfOne(Gradient):
    """The gradient of a function that returns one number of `dtype`, in any shape; other functions raise `Several`."""

    def __init__(self, backend: ADBackend, f: LeafwiseFunction, mode: Mode, dtype: Any) -> None:
        super().__init__(backend, f, mode)
        self._dtype = dtype

    def _require_one(self, outputs: Leaves) -> None:
        if len(outputs) != 1 or prod(outputs[0].shape) != 1 or outputs[0].dtype != self._dtype:
            raise Several


class Directional:
    """The derivative along constant tangents."""

    def __init__(self, backend: ADBackend, f: LeafwiseFunction, tangents: Leaves) -> None:
        self.function = f.function
        self.signature = f.signature
        self.kind = type(self).__name__
        self._backend = backend
        self._f = f
        self._tangents = tangents

    def __call__(self, *leaves: Array) -> tuple[Leaves, Leaves]:
        """``(tangents of f(x), (f(x), *aux))``."""
        outputs, pushed, aux = derived.jvp(self._backend, self._f, leaves, self._tangents)
        return pushed, (*outputs, *aux)
