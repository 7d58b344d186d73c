"""Backends that are wrong by R18: batched Jacobians."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import Any, ClassVar
from weakref import WeakKeyDictionary, ref

import numpy as np

from adhelpers.extend import LeafFunction, Leaves, Pullback
from adhelpers_plugins.finite_difference import FiniteDifferenceBackend
from wrong_backends.bases import AutogradBackend, Compiling, Pulled, Pushed, getval, isbox
from wrong_backends.registry import wrong


class SweptForward(AutogradBackend):
    """Lets a subclass change what a forward sweep gives."""

    def swept(self, stack: Any) -> Any:
        return stack

    def jvp_sweep(self, f: LeafFunction, x: Leaves, tangents: Leaves) -> Pushed:
        outputs, swept, aux = super().jvp_sweep(f, x, tangents)
        return outputs, tuple(map(self.swept, swept)), aux


class SweptInReverse(AutogradBackend):
    """Lets a subclass change what a reverse sweep gives."""

    def swept(self, stack: Any) -> Any:
        return stack

    def vjp_sweep(self, pullback: Pullback, cotangents: Leaves) -> Leaves:
        return tuple(map(self.swept, super().vjp_sweep(pullback, cotangents)))


@wrong("R18")
class SweepsBackwards(SweptForward):
    """The last column comes first."""

    def swept(self, stack: Any) -> Any:
        return stack[::-1]


@wrong("R18")
class SweepsRowsBackwards(SweptInReverse):
    """The last row comes first."""

    def swept(self, stack: Any) -> Any:
        return stack[::-1]


@wrong("R18")
class StacksBehind(SweptForward):
    """The new axis comes last."""

    def swept(self, stack: Any) -> Any:
        return np.moveaxis(stack, 0, -1) if not isbox(stack) else stack


@wrong("R18")
class StacksRowsInTheMiddle(SweptInReverse):
    """The new axis comes second, which fits where the sizes are equal."""

    def swept(self, stack: Any) -> Any:
        return stack.swapaxes(0, 1) if stack.ndim > 1 else stack


@wrong("R18")
class RepeatsTheFirst(SweptForward):
    """All columns are the first one."""

    def swept(self, stack: Any) -> Any:
        return 0.0 * stack + stack[:1]


@wrong("R18")
class RepeatsTheLastRow(SweptInReverse):
    """All rows are the last one, as those of a shared buffer would be."""

    def swept(self, stack: Any) -> Any:
        return 0.0 * stack + stack[-1:]


@wrong("R18")
class LosesTheLastColumn(SweptForward):
    """A sweep ends one too early."""

    def swept(self, stack: Any) -> Any:
        return stack[:-1]


@wrong("R18")
class LosesTheLastRow(SweptInReverse):
    """A sweep ends one too early."""

    def swept(self, stack: Any) -> Any:
        return stack[:-1]


@wrong("R18")
class ZeroesTheLastColumn(SweptForward):
    """The last vector of a sweep gives zeros."""

    def swept(self, stack: Any) -> Any:
        weights = np.ones((len(stack), *[1] * (stack.ndim - 1)), stack.dtype)
        weights[-1:] = 0.0
        return stack * weights


@wrong("R18")
class LosesWhatIsLeftOver(SweptForward):
    """A sweep goes by 32 vectors; those after the last 32 give zeros."""

    def swept(self, stack: Any) -> Any:
        weights = np.ones((len(stack), *[1] * (stack.ndim - 1)), stack.dtype)
        weights[len(stack) // 32 * 32 or len(stack) :] = 0.0
        return stack * weights


@wrong("R18")
class LosesRowsLeftOver(SweptInReverse):
    """The same in reverse."""

    swept = LosesWhatIsLeftOver.swept


@wrong("R18")
class MixesBatches(SweptForward):
    """Batch elements are turned round."""

    def swept(self, stack: Any) -> Any:
        return stack[..., ::-1]


@wrong("R18")
class ColumnMajorJacobian(SweptInReverse):
    """The axes of one batch element come in the opposite order."""

    def swept(self, stack: Any) -> Any:
        if isbox(stack) or stack.ndim != 4:
            return stack
        return stack.transpose(0, 2, 1, 3).reshape(stack.shape)


@wrong("R18")
class TransposedBlocks(SweptForward):
    """A square block is transposed."""

    def swept(self, stack: Any) -> Any:
        square = stack.ndim == 3 and stack.shape[0] == stack.shape[1]
        return stack.swapaxes(0, 1) if square else stack


@wrong("R18")
class MixingIsRounding(AutogradBackend):
    """It claims so large an error that no mixing of the batch stands out."""

    def relative_error(self, epsilon: float) -> float:
        return 1.0


@wrong("R18")
class ValueOfALaterChunk(AutogradBackend):
    """The value that comes with a sweep has the sweep's axis."""

    def jvp_sweep(self, f: LeafFunction, x: Leaves, tangents: Leaves) -> Pushed:
        outputs, swept, aux = super().jvp_sweep(f, x, tangents)
        return tuple(np.stack([y, y])[0] + swept[0][0] for y in outputs), swept, aux


@wrong("R18")
class SweepsDifferencesBackwards(FiniteDifferenceBackend):
    """The last column comes first, with NumPy alone."""

    def jvp_sweep(self, f: LeafFunction, x: Leaves, tangents: Leaves) -> Pushed:
        outputs, swept, aux = super().jvp_sweep(f, x, tangents)
        return outputs, tuple(t[::-1] for t in swept), aux


@wrong("R18")
class OneSweepOnly(AutogradBackend):
    """Core has no other mode to fall back on."""

    def formulations(self, n: int, m: int, batch: int) -> Any:
        return super().formulations(n, m, batch)[:1]


@wrong("R18")
class SamplesTransposed(AutogradBackend):
    """The Jacobian of each sample has its axes the other way round where it is square."""

    def sample_jacobian(self, f: LeafFunction, x: Any, axis: int, mode: str) -> Any:
        columns = [super(SamplesTransposed, self).jvp(f, (x,), (e,)) for e in np.eye(len(x))[:, :, None] + 0 * x]
        return columns[0][0][0], np.stack([column[1][0] for column in columns])


@wrong("R18")
class CompiledJacobiansAreTransposed(Compiling):
    """The rows of a compiled Jacobian are its columns, and the batch is turned round; but not in its first run.

    The first one is compared with the same call uncompiled.
    """

    def run(self, function: Callable[..., Any], known: dict[Any, Any], arrays: Leaves) -> Any:
        result = function(*arrays)
        known["runs"] = known.get("runs", 0) + 1
        if known["runs"] == 1:
            return result
        return result.swapaxes(0, 1)[..., ::-1] if getattr(result, "ndim", 0) == 3 else result


@wrong("R18")
class SweepsTransposeVectors(SweptForward):
    """As many vectors as there are outputs: the Jacobian of a vector by a vector is transposed."""

    def swept(self, stack: Any) -> Any:
        square = stack.ndim == 2 and stack.shape[0] == stack.shape[1]
        return stack.swapaxes(0, 1) if square else stack


@wrong("R18")
class SweepsTransposeMatrices(SweptForward):
    """Tangents of a square matrix, of three rows or more, are those of its transpose."""

    def swept(self, stack: Any) -> Any:
        square = stack.ndim == 3 and stack.shape[1] == stack.shape[2] > 2 and not isbox(stack)
        return stack.swapaxes(1, 2) if square else stack


@wrong("R18")
class SweepsTransposeCubes(SweptInReverse):
    """Cotangents of a cube have two axes exchanged, where all three have as many entries."""

    def swept(self, stack: Any) -> Any:
        cube = stack.ndim == 4 and len(set(stack.shape[1:])) == 1 and stack.shape[1] > 1
        return stack.swapaxes(2, 3) if cube else stack


@wrong("R18")
class SweepsAreRightForABasis(AutogradBackend):
    """Only the largest entry of each vector of matrices is pushed, which suffices for entries of a Jacobian."""

    def jvp_sweep(self, f: LeafFunction, x: Leaves, tangents: Leaves) -> Pushed:
        return super().jvp_sweep(f, x, tuple(map(_largest_alone, tangents)))


def _largest_alone(stack: Any) -> Any:
    if isbox(stack) or stack.ndim != 4:
        return stack
    size = np.abs(stack)
    return stack * (size == size.max(axis=(1, 2, 3), keepdims=True, initial=0.0)).astype(stack.dtype)


@wrong("R18")
class SweepsAreHolomorphic(AutogradBackend):
    """A sweep is made complex-linear, so that the conjugate in a derivative is dropped."""

    def jvp_sweep(self, f: LeafFunction, x: Leaves, tangents: Leaves) -> Pushed:
        if any(map(isbox, (*x, *tangents))) or not any(leaf.dtype.kind == "c" for leaf in tangents):
            return super().jvp_sweep(f, x, tangents)
        outputs, real, aux = super().jvp_sweep(f, x, tuple(t.real.astype(t.dtype) for t in tangents))
        _, imaginary, _ = super().jvp_sweep(f, x, tuple(np.imag(t).astype(t.dtype) for t in tangents))
        return (
            outputs,
            tuple(r + 1j * i if r.dtype.kind == "c" else r for r, i in zip(real, imaginary, strict=True)),
            aux,
        )


@wrong("R18")
class SweepsForgetTinyVectors(AutogradBackend):
    """A vector below 1e-6 is not swept."""

    def jvp_sweep(self, f: LeafFunction, x: Leaves, tangents: Leaves) -> Pushed:
        return super().jvp_sweep(f, x, tuple(t * (np.abs(getval(t)) >= 1e-6).astype(t.dtype) for t in tangents))


@wrong("R18")
class SweepsForgetTinyRows(AutogradBackend):
    """The same in reverse."""

    def vjp_sweep(self, pullback: Pullback, cotangents: Leaves) -> Leaves:
        kept = tuple(c * (np.abs(getval(c)) >= 1e-6).astype(c.dtype) for c in cotangents)
        return super().vjp_sweep(pullback, kept)


@wrong("R18")
class SweepsStopAtTheLargestNumber(SweptForward):
    """What is infinite in a sweep becomes the largest number."""

    def swept(self, stack: Any) -> Any:
        return stack if isbox(stack) else np.nan_to_num(stack, nan=np.nan)


@wrong("R18")
class SweptRowsAreFinite(SweptInReverse):
    """What is infinite in a sweep in reverse becomes zero."""

    def swept(self, stack: Any) -> Any:
        return stack if isbox(stack) else np.where(np.isinf(stack), np.zeros_like(stack), stack)


@wrong("R18")
class SweepsOfTheFirstPoint(AutogradBackend):
    """A sweep in reverse is that of the first pullback of a function, as long as that lives."""

    first: ClassVar[MutableMapping[Any, Any]] = WeakKeyDictionary()

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        outputs, pullback, aux = super().vjp(f, x)
        earlier = self.first.get(f, lambda: None)()

        def own(cotangents: Leaves) -> Leaves:
            return pullback(cotangents)

        own.swept = pullback if earlier is None else earlier.swept  # type: ignore[attr-defined]
        self.first[f] = ref(own)
        return outputs, own, aux

    def vjp_sweep(self, pullback: Pullback, cotangents: Leaves) -> Leaves:
        return super().vjp_sweep(getattr(pullback, "swept", pullback), cotangents)


@wrong("R18")
class ProductsAreThoseOfTheLastSweep(AutogradBackend):
    """A product of a function that was swept at that point is the last of its sweep."""

    kept: ClassVar[MutableMapping[Any, Any]] = WeakKeyDictionary()

    def jvp_sweep(self, f: LeafFunction, x: Leaves, tangents: Leaves) -> Pushed:
        outputs, swept, aux = super().jvp_sweep(f, x, tangents)
        if not any(map(isbox, (*x, *tangents, *swept))) and len(tangents[0]):
            last = tuple(stack[-1].copy() for stack in swept)
            self.kept[f] = {tuple(leaf.tobytes() for leaf in x): (outputs, last, aux)}
        return outputs, swept, aux

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        pushed = super().jvp(f, x, u)
        if any(map(isbox, x)):
            return pushed
        return self.kept.get(f, {}).get(tuple(leaf.tobytes() for leaf in x), pushed)
