"""Backends that are wrong by R18: batched Jacobians."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from adhelpers.extend import LeafFunction, Leaves, Pullback
from adhelpers_plugins.finite_difference import FiniteDifferenceBackend
from wrong_backends.bases import AutogradBackend, Compiling, Pushed, isbox
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
