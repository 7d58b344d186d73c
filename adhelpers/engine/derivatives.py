"""Derivatives of the user's function as functions of leaves themselves, to be differentiated once more.

What they return beside the derivative travels as aux, so that the framework frees it of tracers: ``f(x)`` first, and
then the aux of `f`.
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
    """The gradient of a function that gives one real number."""

    def __init__(self, backend: ADBackend, f: LeafwiseFunction, mode: Mode) -> None:
        self.function = f.function
        self.args = f.args
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


class Several(Exception):  # noqa: N818  # it is no error
    """A function does not give a single array with one number, of the dtype that was asked for."""


class GradientIfOne(Gradient):
    """The gradient of a function that gives one number of `dtype`, whatever its shape; any other raises `Several`."""

    def __init__(self, backend: ADBackend, f: LeafwiseFunction, mode: Mode, dtype: Any) -> None:
        super().__init__(backend, f, mode)
        self._dtype = dtype

    def _require_one(self, outputs: Leaves) -> None:
        if len(outputs) != 1 or prod(outputs[0].shape) != 1 or outputs[0].dtype != self._dtype:
            raise Several


class Directional:
    """The derivative along tangents that stay the same."""

    def __init__(self, backend: ADBackend, f: LeafwiseFunction, tangents: Leaves) -> None:
        self.function = f.function
        self.args = f.args
        self._backend = backend
        self._f = f
        self._tangents = tangents

    def __call__(self, *leaves: Array) -> tuple[Leaves, Leaves]:
        """``(tangents of f(x), (f(x), *aux))``."""
        outputs, pushed, aux = derived.jvp(self._backend, self._f, leaves, self._tangents)
        return pushed, (*outputs, *aux)
