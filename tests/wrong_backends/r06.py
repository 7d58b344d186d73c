"""Backends that are wrong by R6: zeros."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from adhelpers.extend import LeafFunction, Leaves
from adhelpers_plugins.finite_difference import FiniteDifferenceBackend
from wrong_backends.bases import AutogradBackend, Pushed, Tampered, isbox
from wrong_backends.registry import wrong


class OwnZeros(Tampered):
    """Lets a subclass choose what stands for the derivative where there is no dependence."""

    def zero(self, zeros: Any) -> Any:
        return zeros

    def pushed(self, tangent: Any) -> Any:
        return tangent if isbox(tangent) or np.any(tangent) else self.zero(tangent)

    pulled = pushed


@wrong("R6")
class NoneForZeros(OwnZeros):
    """What does not depend on x has None for a derivative."""

    def zero(self, zeros: Any) -> Any:
        return None


@wrong("R6")
class NumberForZeros(OwnZeros):
    """Zeros are the Python number."""

    def zero(self, zeros: Any) -> Any:
        return 0.0


@wrong("R6")
class IntegerZeros(OwnZeros):
    """Zeros are integers."""

    def zero(self, zeros: Any) -> Any:
        return zeros.astype(int)


@wrong("R6")
class RealZeros(OwnZeros):
    """Zeros are real even if their partner is complex."""

    def zero(self, zeros: Any) -> Any:
        return zeros.real.copy()


@wrong("R6")
class ShapelessZeros(OwnZeros):
    """Zeros have no dimensions."""

    def zero(self, zeros: Any) -> Any:
        return np.zeros((), zeros.dtype)


@wrong("R6")
class AlmostZeros(OwnZeros):
    """Zeros are tiny numbers."""

    def zero(self, zeros: Any) -> Any:
        return zeros + 1e-300


@wrong("R6")
class WarnsOfZeros(OwnZeros):
    """As autograd itself does."""

    def zero(self, zeros: Any) -> Any:
        warnings.warn("output seems independent of input", stacklevel=1)
        return zeros


@wrong("R6")
class AlmostZeroSweeps(AutogradBackend):
    """A sweep of what does not depend on x gives tiny numbers."""

    def jvp_sweep(self, f: LeafFunction, x: Leaves, tangents: Leaves) -> Pushed:
        outputs, swept, aux = super().jvp_sweep(f, x, tangents)
        return outputs, tuple(t + 1e-300 for t in swept), aux


@wrong("R6")
class AlmostZeroDifferences(FiniteDifferenceBackend):
    """Zeros are tiny numbers, with NumPy alone."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        outputs, tangents, aux = super().jvp(f, x, u)
        return outputs, tuple(t + np.asarray(1e-30, t.dtype) for t in tangents), aux
