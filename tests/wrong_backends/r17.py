"""Backends that are wrong by R17: sizes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from adhelpers.extend import LeafFunction, Leaves, Pullback
from wrong_backends.bases import (
    AutogradBackend,
    Compiling,
    Pulled,
    Pushed,
    Tampered,
    TamperedDifferences,
    getval,
    isbox,
)
from wrong_backends.registry import wrong


@wrong("R17")
class LooksAtTheFirstElement(AutogradBackend):
    """Which an empty array does not have."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        for leaf in x:
            np.ravel(getval(leaf))[0]
        return super().jvp(f, x, u)


@wrong("R17")
class LooksAtTheFirstElementInReverse(AutogradBackend):
    """The same of the cotangent."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        outputs, pullback, aux = super().vjp(f, x)

        def looking(cotangents: Leaves) -> Leaves:
            for leaf in cotangents:
                np.ravel(getval(leaf))[0]
            return pullback(cotangents)

        return outputs, looking, aux


@wrong("R17")
class EmptyArraysAreFlat(Tampered):
    """A derivative without elements has one dimension."""

    def pulled(self, cotangent: Any) -> Any:
        return np.zeros(0, cotangent.dtype) if cotangent.size == 0 else cotangent


@wrong("R17")
class NeedsAnOutput(AutogradBackend):
    """f must return something."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        outputs, pullback, aux = super().vjp(f, x)
        first = outputs[0].dtype
        return outputs, lambda c: pullback(tuple(leaf.astype(first) for leaf in c[:1]) + c[1:]), aux


@wrong("R17")
class SqueezesBatches(AutogradBackend):
    """A batch of one loses its axis in a sweep."""

    def jvp_sweep(self, f: LeafFunction, x: Leaves, tangents: Leaves) -> Pushed:
        outputs, swept, aux = super().jvp_sweep(f, x, tangents)
        return outputs, tuple(t[..., 0] if t.shape[-1:] == (1,) else t for t in swept), aux


@wrong("R17")
class NeedsABatch(AutogradBackend):
    """A batch of nothing is refused."""

    def vjp_sweep(self, pullback: Pullback, cotangents: Leaves) -> Leaves:
        if 0 in cotangents[0].shape:
            raise ValueError("nothing to sweep")
        return super().vjp_sweep(pullback, cotangents)


@wrong("R17")
class NeedsElements(TamperedDifferences):
    """An array without elements has no largest one, with NumPy alone."""

    def direction(self, tangent: Any) -> Any:
        np.max(np.abs(tangent))
        return tangent


@wrong("R17")
class CompiledForOneShape(Compiling):
    """Operands are made as large as those of the first call."""

    def run(self, function: Callable[..., Any], known: dict[Any, Any], arrays: Leaves) -> Any:
        shape = known.setdefault("shape", arrays[0].shape)
        return function(*(array if isbox(array) else np.resize(array, shape) for array in arrays))
