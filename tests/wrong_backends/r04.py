"""Backends that are wrong by R4: results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from adhelpers.extend import Capability, DTypeError, LeafFunction, Leaves
from adhelpers_plugins.finite_difference import FiniteDifferenceBackend
from wrong_backends.bases import AutogradBackend, Compiling, Pulled, Pushed, Tampered, isbox
from wrong_backends.registry import wrong


@wrong("R4")
class ScalarsBecomeVectors(Tampered):
    """A 0-d tangent has one dimension."""

    def pushed(self, tangent: Any) -> Any:
        return tangent.reshape(1) if tangent.shape == () else tangent


@wrong("R4")
class ScalarGradientsBecomeVectors(Tampered):
    """A 0-d cotangent has one dimension."""

    def pulled(self, cotangent: Any) -> Any:
        return cotangent.reshape(1) if cotangent.shape == () else cotangent


@wrong("R4")
class ScalarsForArrays(Tampered):
    """A 0-d tangent is one of NumPy's scalars."""

    def pushed(self, tangent: Any) -> Any:
        return tangent[()] if tangent.shape == () and not isbox(tangent) else tangent


@wrong("R4")
class CopiesAreScalars(AutogradBackend):
    """A copy of a 0-d array is one of NumPy's scalars."""

    def copy(self, leaf: Any) -> Any:
        return leaf if isbox(leaf) else np.array(leaf)[()]


@wrong("R4")
class WidensCopies(AutogradBackend):
    """A copy of float32 is float64."""

    def copy(self, leaf: Any) -> Any:
        return np.array(leaf, dtype=float) if leaf.dtype == np.float32 else super().copy(leaf)


@wrong("R4")
class WidensTangents(Tampered):
    """float32 in, float64 out."""

    def pushed(self, tangent: Any) -> Any:
        return tangent.astype(float) if tangent.dtype == np.float32 else tangent


@wrong("R4")
class WidensCotangents(Tampered):
    """The same in reverse."""

    def pulled(self, cotangent: Any) -> Any:
        return cotangent.astype(float) if cotangent.dtype == np.float32 else cotangent


@wrong("R4")
class WidensNumbers(Tampered):
    """A 0-d array of float32 is widened as NumPy 1 did."""

    def pushed(self, tangent: Any) -> Any:
        return tangent.astype(float) if tangent.shape == () and tangent.dtype == np.float32 else tangent


@wrong("R4")
class WidensComplexNumbers(Tampered):
    """complex64 becomes complex128."""

    def pulled(self, cotangent: Any) -> Any:
        return cotangent.astype(complex) if cotangent.dtype == np.complex64 else cotangent


@wrong("R4")
class TangentsInThePrecisionOfX(AutogradBackend):
    """And not in that of f(x)."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        outputs, tangents, aux = super().jvp(f, x, u)
        single = {leaf.dtype.name for leaf in x} == {"float32"}
        return outputs, tuple(t.astype(np.float32) if single else t for t in tangents), aux


@wrong("R4")
class CotangentsInThePrecisionOfU(AutogradBackend):
    """And not in that of x."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        outputs, pullback, aux = super().vjp(f, x)

        def widened(cotangents: Leaves) -> Leaves:
            double = {c.dtype.name for c in cotangents} == {"float64"}
            return tuple(v.astype(float) if double and v.dtype == "f4" else v for v in pullback(cotangents))

        return outputs, widened, aux


@wrong("R4")
class OnePrecisionForAllLeaves(AutogradBackend):
    """Cotangents share the widest dtype among them, as those of a vector of all parameters would."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        outputs, pullback, aux = super().vjp(f, x)
        widest = np.result_type(*(leaf.dtype for leaf in x))
        return outputs, lambda c: tuple(v if isbox(v) else v.astype(widest) for v in pullback(c)), aux


@wrong("R4")
class WidensSweeps(AutogradBackend):
    """A sweep is in double precision."""

    def jvp_sweep(self, f: LeafFunction, x: Leaves, tangents: Leaves) -> Pushed:
        outputs, swept, aux = super().jvp_sweep(f, x, tangents)
        return outputs, tuple(t.astype(float) if t.dtype == "f4" else t for t in swept), aux


@wrong("R4")
class WidensValues(AutogradBackend):
    """The value is in double precision, the product is not."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        outputs, tangents, aux = super().jvp(f, x, u)
        return tuple(y.astype(float) if y.dtype == "f4" else y for y in outputs), tangents, aux


@wrong("R4")
class WidensForNumPy(AutogradBackend):
    """NumPy's array of float32 is float64."""

    def to_numpy(self, leaf: Any) -> Any:
        return np.asarray(leaf, float if leaf.dtype == np.float32 else None)


@wrong("R4")
class LiesElsewhereEachTime(AutogradBackend):
    """No two arrays lie on one device."""

    def device(self, leaf: Any) -> object:
        return object()


@wrong("R4")
class ClaimsBrainFloats(AutogradBackend):
    """A dtype that its namespace does not have."""

    capabilities: ClassVar[frozenset[Capability]] = AutogradBackend.capabilities | {Capability.BFLOAT16}


@wrong("R4")
class RefusesSinglePrecision(AutogradBackend):
    """It declares float32, but does not take it."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        if any(leaf.dtype == np.float32 for leaf in x):
            raise DTypeError("no float32")
        return super().vjp(f, x)


@wrong("R4")
class KeepsSinglePrecisionQuiet(AutogradBackend):
    """It does not declare float32, but takes it."""

    capabilities: ClassVar[frozenset[Capability]] = AutogradBackend.capabilities - {Capability.FLOAT32}


@wrong("R4")
class DifferencesInDoublePrecision(FiniteDifferenceBackend):
    """float32 in, float64 out, with NumPy alone."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        outputs, tangents, aux = super().jvp(f, x, u)
        return outputs, tuple(t.astype(float) if t.dtype == "f4" else t for t in tangents), aux


@wrong("R4")
class CompiledForOnePrecision(Compiling):
    """Compiled code has the dtype of the first call."""

    def run(self, function: Callable[..., Any], known: dict[Any, Any], arrays: Leaves) -> Any:
        dtype = known.setdefault("dtype", arrays[0].dtype)
        return function(*(array if isbox(array) else array.astype(dtype) for array in arrays))
