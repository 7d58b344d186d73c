"""Backends that are wrong by R5: 64 bits, and settings."""

from __future__ import annotations

import contextlib
import gc
import sys
import warnings
from typing import Any, ClassVar

import numpy as np

from adhelpers.extend import Capability, LeafFunction, Leaves
from adhelpers_plugins.finite_difference import FiniteDifferenceBackend
from wrong_backends.bases import AutogradBackend, Pulled, Pushed, SinglePrecision
from wrong_backends.registry import wrong


@wrong("R5")
class NarrowsUnlessAsked(AutogradBackend):
    """float64 silently becomes float32 as users get it; in double precision all is well."""

    def flatten(self, tree: Any) -> Any:
        leaves, treedef = super().flatten(tree)
        with np.errstate(over="ignore"):
            return tuple(
                leaf.astype("f4") if getattr(leaf, "dtype", None) == "f8" else leaf for leaf in leaves
            ), treedef

    def double_precision(self) -> Any:
        return AutogradBackend()


@wrong("R5")
class ComputesInSinglePrecision(AutogradBackend):
    """Inside; what comes out has the right dtype."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        outputs, tangents, aux = super().jvp(f, x, u)
        return outputs, tuple(t.astype(np.float32).astype(t.dtype) if t.dtype == "f8" else t for t in tangents), aux


@wrong("R5")
class NarrowsWhatItHasNot(SinglePrecision):
    """It has no double precision, and makes single of it without a word."""

    def flatten(self, tree: Any) -> Any:
        leaves, treedef = super().flatten(tree)
        return tuple(leaf.astype("f4") if getattr(leaf, "dtype", None) == "f8" else leaf for leaf in leaves), treedef


@wrong("R5")
class HidesDoublePrecision(AutogradBackend):
    """It does not declare double precision, but takes it."""

    capabilities: ClassVar[frozenset[Capability]] = AutogradBackend.capabilities - {Capability.FLOAT64}


@wrong("R5")
class SilencesNumpy(AutogradBackend):
    """Floating point errors are off for the rest of the program."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        np.seterr(all="ignore")
        return super().jvp(f, x, u)


@wrong("R5")
class SilencesNumpyInItsScope(AutogradBackend):
    """The same, but in the context that it enters around each operation, and never leaves."""

    def scope(self) -> contextlib.AbstractContextManager[Any]:
        np.seterr(all="ignore")
        return contextlib.nullcontext()


@wrong("R5")
class SilencesWarnings(AutogradBackend):
    """Warnings are off for the rest of the program."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        warnings.simplefilter("ignore")
        return super().vjp(f, x)


@wrong("R5")
class ConsumesRandomness(AutogradBackend):
    """The caller's random numbers differ after a call."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        np.random.random()  # noqa: NPY002
        return super().vjp(f, x)


@wrong("R5")
class SeedsRandomness(AutogradBackend):
    """The caller's random numbers are the same ones after each call."""

    def scope(self) -> contextlib.AbstractContextManager[Any]:
        np.random.seed(0)  # noqa: NPY002
        return contextlib.nullcontext()


@wrong("R5")
class PrintsFewerDigits(AutogradBackend):
    """NumPy prints as it likes after a call."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        np.set_printoptions(precision=3)
        return super().jvp(f, x, u)


@wrong("R5")
class DeepensRecursion(AutogradBackend):
    """For deep traces; and so it stays."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        sys.setrecursionlimit(max(10_000, sys.getrecursionlimit()))
        return super().vjp(f, x)


@wrong("R5")
class StopsCollectingGarbage(AutogradBackend):
    """For speed; and so it stays."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        gc.disable()
        return super().jvp(f, x, u)


@wrong("R5")
class SilencesNumpyForDifferences(FiniteDifferenceBackend):
    """Floating point errors are off for the rest of the program, with NumPy alone."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        np.seterr(all="ignore")
        return super().jvp(f, x, u)
