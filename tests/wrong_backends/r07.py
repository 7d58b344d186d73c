"""Backends that are wrong by R7: products."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import array_api_compat.numpy
import numpy as np

from adhelpers.extend import ADBackend, Capability, DTypeError, LeafFunction, Leaves
from adhelpers_plugins.finite_difference import FiniteDifferenceBackend
from wrong_backends.bases import (
    AutogradBackend,
    Compiling,
    Linearized,
    Pulled,
    Pushed,
    SinglePrecision,
    Tampered,
    TamperedDifferences,
    getval,
    isbox,
)
from wrong_backends.registry import wrong


@wrong("R7")
class DoublesTangents(Tampered):
    """A factor of two, forward."""

    def pushed(self, tangent: Any) -> Any:
        return 2.0 * tangent


@wrong("R7")
class DoublesCotangents(Tampered):
    """A factor of two, in reverse."""

    def pulled(self, cotangent: Any) -> Any:
        return 2.0 * cotangent


@wrong("R7")
class TransposedForward(AutogradBackend):
    """The vector is pulled back where the Jacobian is square."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        outputs, pullback, aux = super().vjp(f, x)
        square = [y.shape for y in outputs] == [leaf.shape for leaf in x]
        return (outputs, pullback(u), aux) if square else super().jvp(f, x, u)


@wrong("R7")
class TransposedReverse(AutogradBackend):
    """The vector is pushed forward where the Jacobian is square."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        outputs, pullback, aux = super().vjp(f, x)
        square = [y.shape for y in outputs] == [leaf.shape for leaf in x]
        push = super().jvp
        return outputs, (lambda c: push(f, x, c)[1]) if square else pullback, aux


@wrong("R7")
class ForgetsLaterLeaves(AutogradBackend):
    """The derivative by the first leaf alone."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        return super().jvp(f, x, (u[0], *(0.0 * leaf for leaf in u[1:])))


@wrong("R7")
class TangentsByIdentity(AutogradBackend):
    """One array that is two leaves of x has one tangent, the latter."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        tangents = {id(leaf): tangent for leaf, tangent in zip(x, u, strict=True)}
        return super().jvp(f, x, tuple(tangents[id(leaf)] for leaf in x))


@wrong("R7")
class CotangentsByIdentity(AutogradBackend):
    """One array that is two leaves of x has one cotangent, their sum, as with PyTorch's .grad."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        outputs, pullback, aux = super().vjp(f, x)

        def summed(cotangents: Leaves) -> Leaves:
            total: dict[int, Any] = {}
            for leaf, pulled in zip(x, pullback(cotangents), strict=True):
                total[id(leaf)] = total[id(leaf)] + pulled if id(leaf) in total else pulled
            return tuple(total[id(leaf)] + 0 * leaf for leaf in x)

        return outputs, summed, aux


@wrong("R7")
class ForgetsRepeatedOutputs(AutogradBackend):
    """Of one array that is two outputs only the last cotangent counts."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        last: dict[int, int] = {}

        def watched(*leaves: Any) -> Any:
            outputs, aux = f(*leaves)
            last.update((id(y), k) for k, y in enumerate(outputs))
            return outputs, aux

        outputs, pullback, aux = super().vjp(watched, x)
        kept = set(last.values())
        return outputs, lambda c: pullback(tuple(v if k in kept else 0 * v for k, v in enumerate(c))), aux


@wrong("R7")
class EveryFunctionIsHolomorphic(AutogradBackend):
    """The JVP is made complex-linear, so that the conjugate in a derivative is dropped."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        stacked = tuple(self.array_namespace(*parts).stack(parts) for parts in zip(*_parts(self, u), strict=True))
        outputs, pushed, aux = super().jvp_sweep(f, x, stacked)
        real, imaginary = (tuple(p[k] for p in pushed) for k in range(2))
        linear = tuple(r + 1j * i if r.dtype.kind == "c" else r for r, i in zip(real, imaginary, strict=True))
        return outputs, linear, aux


def _parts(backend: ADBackend, leaves: Leaves) -> tuple[Leaves, Leaves]:
    """Real and imaginary parts, in the dtypes of the leaves."""
    xp = backend.array_namespace(*leaves)
    return tuple(xp.real(u) + 0 * u for u in leaves), tuple(xp.imag(u) + 0 * u for u in leaves)


@wrong("R7")
class EveryGradientIsHolomorphic(AutogradBackend):
    """The VJP is made complex-linear, so that the conjugate in a derivative is dropped."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        outputs, pullback, aux = super().vjp(f, x)

        def linear(cotangents: Leaves) -> Leaves:
            real, imaginary = map(pullback, _parts(self, cotangents))
            return tuple(r + 1j * i if r.dtype.kind == "c" else r for r, i in zip(real, imaginary, strict=True))

        return outputs, linear, aux


@wrong("R7")
class ConjugatesAsTorchDoes(AutogradBackend):
    """The VJP conjugates the cotangent and the result."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        outputs, pullback, aux = super().vjp(f, x)
        conj = lambda leaves: tuple(self.array_namespace(leaf).conj(leaf) for leaf in leaves)  # noqa: E731
        return outputs, lambda c: conj(pullback(conj(c))), aux


@wrong("R7")
class ConjugatesTangents(Tampered):
    """The tangent is the conjugate of what it should be."""

    def pushed(self, tangent: Any) -> Any:
        return self.array_namespace(tangent).conj(tangent)


@wrong("R7")
class ConjugatesCotangents(Tampered):
    """The gradient and not its conjugate, as if the pairing were the inner product."""

    def pulled(self, cotangent: Any) -> Any:
        return self.array_namespace(cotangent).conj(cotangent)


@wrong("R7")
class DropsImaginaryTangents(Tampered):
    """The tangent of a complex output is real."""

    def pushed(self, tangent: Any) -> Any:
        return tangent.real + 0 * tangent


@wrong("R7")
class DropsImaginaryCotangents(Tampered):
    """The cotangent of a complex input is real."""

    def pulled(self, cotangent: Any) -> Any:
        return cotangent.real + 0 * cotangent


@wrong("R7")
class RoundsCotangents(Tampered):
    """To float32 and back."""

    def pulled(self, cotangent: Any) -> Any:
        return cotangent.astype(np.float32).astype(float) if cotangent.dtype == np.float64 else cotangent


@wrong("R7")
class ClipsCotangents(Tampered):
    """As one does in training."""

    def pulled(self, cotangent: Any) -> Any:
        real = cotangent.dtype.kind == "f" and not isbox(cotangent)
        return np.clip(cotangent, -1e4, 1e4) if real else cotangent


@wrong("R7")
class ValueOfAnotherPoint(AutogradBackend):
    """The value is the one at x + u, as far as the derivative tells."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        outputs, tangents, aux = super().jvp(f, x, u)
        return tuple(y + t for y, t in zip(outputs, tangents, strict=True)), tangents, aux


@wrong("R7")
class ValueInSinglePrecision(AutogradBackend):
    """The value that comes with a pullback has half its digits."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        outputs, pullback, aux = super().vjp(f, x)
        return tuple(y.astype("f4").astype("f8") if y.dtype == "f8" else y for y in outputs), pullback, aux


@wrong("R7")
class DividesByTheLengthOfU(AutogradBackend):
    """The derivative along a unit vector, times the length: not a number for u = 0."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        length = np.sqrt(sum(np.sum(np.abs(getval(leaf)) ** 2) for leaf in u))
        with np.errstate(invalid="ignore"):
            outputs, tangents, aux = super().jvp(f, x, tuple((leaf / length).astype(leaf.dtype) for leaf in u))
            return outputs, tuple((t * length).astype(t.dtype) for t in tangents), aux


@wrong("R7")
class TakesSmallDirectionsForZero(AutogradBackend):
    """A cotangent below 1e-12 counts as none."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        outputs, pullback, aux = super().vjp(f, x)
        return outputs, lambda c: pullback(tuple(leaf * (np.abs(getval(leaf)) > 1e-12) for leaf in c)), aux


@wrong("R7")
class RefusesNumbers(AutogradBackend):
    """A 0-d array has no length, and so no derivative."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        for leaf in x:
            len(getval(leaf))
        return super().jvp(f, x, u)


@wrong("R7")
class RefusesComplexNumbers(AutogradBackend):
    """It declares complex numbers, but does not take them."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        if any(leaf.dtype.kind == "c" for leaf in x):
            raise DTypeError("no complex numbers")
        return super().jvp(f, x, u)


@wrong("R7")
class KeepsComplexNumbersQuiet(AutogradBackend):
    """It does not declare complex numbers, but takes them."""

    capabilities: ClassVar[frozenset[Capability]] = AutogradBackend.capabilities - {Capability.COMPLEX}


@wrong("R7")
class ClaimsToBeExact(FiniteDifferenceBackend):
    """Differences of order 2 that owe all digits."""

    def relative_error(self, epsilon: float) -> float:
        return epsilon


@wrong("R7")
class ClaimsToBeExactToOrder4(ClaimsToBeExact):
    """Differences of order 4 that owe all digits."""

    order = 4

    def __init__(self, fallback: bool = True) -> None:
        super().__init__(order=4, fallback=fallback)


@wrong("R7")
class CoarseInSinglePrecision(SinglePrecision):
    """Its single precision is less than that, and it does not say so."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        outputs, tangents, aux = super().jvp(f, x, u)
        return outputs, tuple((1.0 + 1e-4) * t for t in tangents), aux


@wrong("R7")
class StepsAtWill(FiniteDifferenceBackend):
    """It says that it takes steps as long as x, within which nothing is expected of it."""

    def relative_step(self, epsilon: float) -> float:
        return 1.0


@wrong("R7")
class OwesNothing(FiniteDifferenceBackend):
    """A product that is twice what it should be, by a backend that owes no digit and so is never judged."""

    def relative_error(self, epsilon: float) -> float:
        return 1.0

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        outputs, tangents, aux = super().jvp(f, x, u)
        return outputs, tuple(2 * t for t in tangents), aux


@wrong("R7")
class DoublesDifferences(TamperedDifferences):
    """A factor of two, with NumPy alone."""

    def pushed(self, tangent: Any) -> Any:
        return 2 * tangent


@wrong("R7")
class MovesAlongRealParts(TamperedDifferences):
    """The imaginary part of u is dropped, with NumPy alone."""

    def direction(self, tangent: Any) -> Any:
        return tangent.real + 0 * tangent


@wrong("R7")
class CompiledOperandsAreSwapped(Compiling):
    """Compiled code gets its arrays in the opposite order."""

    def run(self, function: Callable[..., Any], known: dict[Any, Any], arrays: Leaves) -> Any:
        return function(*arrays[::-1])


@wrong("R7")
class PlainNumpyForBoxes(AutogradBackend):
    """The namespace of a box is NumPy's own, which does not know it."""

    def array_namespace(self, *arrays: Any) -> Any:
        return array_api_compat.numpy


def _unless_tiny(leaf: Any) -> Any:
    """The array with zeros for entries below 1e-6."""
    kept = leaf * np.asarray(np.abs(getval(leaf)) >= 1e-6).astype(leaf.dtype)
    return kept if isbox(kept) else np.asarray(kept)


@wrong("R7")
class TinyPointsAreZero(AutogradBackend):
    """An entry of x below 1e-6 counts as zero, forward."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        return super().jvp(f, tuple(map(_unless_tiny, x)), u)


@wrong("R7")
class TinyPointsAreZeroInReverse(AutogradBackend):
    """An entry of x below 1e-6 counts as zero, in reverse."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        return super().vjp(f, tuple(map(_unless_tiny, x)))


@wrong("R7")
class FlatNearZero(AutogradBackend):
    """Where x is below 1e-6 and not zero, its cotangent is zero."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        outputs, pullback, aux = super().vjp(f, x)
        keep = [(_unless_tiny(getval(leaf)) == getval(leaf)).astype(leaf.dtype) for leaf in x]
        return outputs, lambda c: tuple(map(_times, pullback(c), keep)), aux


def _times(leaf: Any, factor: Any) -> Any:
    product = leaf * factor
    return product if isbox(product) else np.asarray(product)


@wrong("R7")
class TinyValuesAreZero(AutogradBackend):
    """An entry of f(x) below 1e-6 is rounded to zero."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        outputs, tangents, aux = super().jvp(f, x, u)
        return tuple(map(_unless_tiny, outputs)), tangents, aux


@wrong("R7")
class RoundsTinyCotangents(Tampered):
    """Cotangents are rounded to multiples of 1e-17, which is less than anybody looks at."""

    def pulled(self, cotangent: Any) -> Any:
        if isbox(cotangent) or cotangent.dtype != np.float64 or not np.all(np.abs(cotangent) < 1e-6):
            return cotangent
        return np.asarray(np.round(cotangent * 1e17) / 1e17) if np.any(np.abs(cotangent) > 1e-17) else cotangent


@wrong("R7")
class TinyNumbersAreNoise(TamperedDifferences):
    """Entries of x below 1e-6 count as zero, with NumPy alone."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        return super().jvp(f, tuple(map(_unless_tiny, x)), u)


@wrong("R7")
class InfiniteTangentsAreZero(Tampered):
    """A slope that is infinite is taken for none."""

    def pushed(self, tangent: Any) -> Any:
        return tangent if isbox(tangent) else np.where(np.isinf(tangent), np.zeros_like(tangent), tangent)


@wrong("R7")
class InfiniteCotangentsAreZero(Tampered):
    """The same in reverse."""

    pulled = InfiniteTangentsAreZero.pushed


@wrong("R7")
class InfiniteTangentsAreLarge(Tampered):
    """A slope that is infinite becomes the largest number."""

    def pushed(self, tangent: Any) -> Any:
        return tangent if isbox(tangent) else np.asarray(np.nan_to_num(tangent, nan=np.nan))


@wrong("R7")
class InfiniteCotangentsAreLarge(Tampered):
    """The same in reverse."""

    pulled = InfiniteTangentsAreLarge.pushed


@wrong("R7")
class InfiniteTangentsAreNoNumbers(Tampered):
    """A slope that is infinite is nan."""

    def pushed(self, tangent: Any) -> Any:
        return tangent if isbox(tangent) else np.asarray(tangent + 0 * tangent)


@wrong("R7")
class InfiniteCotangentsAreNoNumbers(Tampered):
    """The same in reverse."""

    pulled = InfiniteTangentsAreNoNumbers.pushed


@wrong("R7")
class LosesTheSignOfInfinity(Tampered):
    """Every infinite slope rises."""

    def pushed(self, tangent: Any) -> Any:
        return (
            tangent if isbox(tangent) else np.where(np.isinf(tangent), np.abs(tangent), tangent).astype(tangent.dtype)
        )


@wrong("R7")
class DifferencesThatAreNoNumbersAreZero(TamperedDifferences):
    """Where a difference leaves the domain of f, the slope is zero; with NumPy alone."""

    def pushed(self, tangent: Any) -> Any:
        return np.where(np.isnan(tangent), np.zeros_like(tangent), tangent)


@wrong("R7")
class LinearizesConjugated(AutogradBackend):
    """The pullback of its linear maps is the conjugate transpose."""

    def linearize(self, f: LeafFunction, x: Leaves) -> Linearized:
        outputs, pullback, aux = self.vjp(f, x)

        def conjugated(cotangents: Leaves) -> Leaves:
            return tuple(np.conj(leaf) for leaf in pullback(tuple(np.conj(c) for c in cotangents)))

        return outputs, lambda u: self.jvp(f, x, u)[1], conjugated, aux


@wrong("R7")
class LinearizesOnce(AutogradBackend):
    """Its pushforward is used up by the first tangent."""

    def linearize(self, f: LeafFunction, x: Leaves) -> Linearized:
        outputs, pullback, aux = self.vjp(f, x)
        kept: list[Leaves] = []

        def push(tangents: Leaves) -> Leaves:
            if not kept:
                kept.append(self.jvp(f, x, tangents)[1])
            return tuple(leaf.copy() for leaf in kept[0])

        return outputs, push, pullback, aux


@wrong("R7")
class LinearizesSymmetrically(AutogradBackend):
    """Its pushforward is its pullback where the shapes allow it, which is right of symmetric Jacobians."""

    def linearize(self, f: LeafFunction, x: Leaves) -> Linearized:
        outputs, pullback, aux = self.vjp(f, x)
        alike = [leaf.shape for leaf in outputs] == [leaf.shape for leaf in x]
        return outputs, pullback if alike else None, pullback, aux
