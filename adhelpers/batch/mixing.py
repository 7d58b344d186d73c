"""The check that `f` does not mix the batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from adhelpers.batch.layout import BatchLayout
from adhelpers.engine import journal
from adhelpers.engine.arithmetic import arithmetic, framework_array, is_traced
from adhelpers.engine.results import Push, Results
from adhelpers.engine.rounding import ROUNDINGS, quiet, size_of_rounding
from adhelpers.errors import BatchMixingError
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.functions import Array, Leaves


class MixingCheck(Results):
    """Check with random vectors whether `f` treats batch elements independently.

    First, one random vector is pushed by itself, independent in each batch element. Its result must be the combination
    of the basis vectors' results with its entries, element by element, up to rounding. That also proves the sweep. A
    deviation may come from mixing, a wrong sweep, rounding or finite differences. If the sweep is right, vectors that
    are zero in some batch elements decide: the result must be zero in those elements, except for the rounding of a
    common shift or scale.

    Parameters
    ----------
    leaves
        The leaf whose basis vectors are pushed.
    at
        Returns `x` and ``f(x)`` once they are known: rounding is relative to both.

    Attributes
    ----------
    passed
        Whether the check has shown that `f` treats batch elements independently. False for tracers without values.
    """

    sees_what_is_strange: ClassVar[bool] = True

    def __init__(
        self, layout: BatchLayout, at: Callable[[], tuple[Array, Array]], backend: ADBackend, leaves: Leaves
    ) -> None:
        import numpy as np

        super().__init__(backend, leaves)
        self.passed = False
        self._layout = layout
        self._at = at
        (like,) = leaves
        # Every framework and dtype mode accepts float32, and the entries need no more digits.
        entries = np.random.default_rng(0).standard_normal(tuple(like.shape), dtype=np.float32)
        xp = backend.array_namespace(like)
        self._vector = xp.astype(backend.asarray(entries, like), like.dtype)
        self._flat = self._flattened(self._vector)[1]
        self._start = 0
        self._expected: Array = 0.0
        self._bound: Array = 0.0

    def take(self, block: Leaves, results: Leaves) -> None:
        """Keep the results of basis vectors, and combine them as the random vector does."""
        super().take(block, results)
        (stack,) = results
        count = stack.shape[0]
        xp, stack = arithmetic(self.backend, stack)
        flat = self._layout.flat(xp, stack)
        weights = self._layout.per_vector(xp, self._flat)[self._start : self._start + count, ...]
        with quiet():
            terms = weights * flat
            self._expected = self._expected + xp.sum(terms, axis=0)
            self._bound = self._bound + xp.sum(xp.abs(terms), axis=0)
        self._start += count

    def finish(self, push: Push, single: Push, prove: Callable[[], None], step: int) -> None:
        """Raise `BatchMixingError` if `f` mixes, and `WrongSweep` if the sweep is wrong."""
        backend, layout = self.backend, self._layout
        if self._start == 0:  # there was no vector
            return
        x, y = map(backend.stop_gradient, self._at())
        if layout.size(y) == 0 or is_traced(backend, self._expected) or backend.is_traced(y):
            prove()
            return
        xp, observed = self._flattened(*single((self._vector,)))
        epsilon = max(float(backend.array_namespace(y).finfo(array.dtype).eps) for array in (x, y))
        with quiet():
            deviation = xp.abs(observed - self._expected)
            allowed = 4 * backend.relative_error(epsilon) ** 0.5 * self._bound
            if bool(xp.any(~(deviation <= allowed))):  # or not finite
                prove()  # if the sweep is right, f is the cause
                suspicious = deviation > allowed  # a NaN is never suspicious
                floor = ROUNDINGS * backend.relative_error(epsilon) * self._scale(x, y)
                if bool(xp.any(suspicious)) and self._leaks(push, step, suspicious, floor):
                    size = xp.where(suspicious, self._bound + xp.abs(observed), 1.0)
                    raise self._mixes(float(xp.max(xp.where(suspicious, deviation / size, 0.0))))
        self.passed = True
        if journal.is_listening():
            journal.tell("check", "f does not mix its batch: a random direction gives the same result as its parts")

    def _flattened(self, array: Array) -> tuple[Any, Array]:
        """A flat array for the arithmetic of the check, and its namespace."""
        xp, array = arithmetic(self.backend, array)
        return xp, self._layout.flat(xp, array[None, ...])[0, ...]

    def _mixes(self, worst: float) -> BatchMixingError:
        other = self._layout.other()
        return BatchMixingError(
            f"f mixes the batch: along a random direction its derivative differs by {worst:.1e} of its size from the "
            f"derivative of independent batch elements, with {self._layout}. "
            f"The usual causes: data with the other layout (pass batch_axis={other.axis}), and batch normalisation "
            "in training mode (switch it to evaluation). Pass check=False only if you know that f does not mix"
        )

    def _scale(self, x: Array, y: Array) -> Array:
        """The size that rounding is relative to, for each batch element of the flat result."""
        (_, x), (xp, y) = map(self._flattened, (x, y))
        return size_of_rounding(xp, x, y, axis=0 if self._layout.axis == -1 else 1)

    def _leaks(self, push: Push, chunk_size: int, suspicious: Array, floor: Array) -> bool:
        """Whether the result exceeds `floor` somewhere suspicious where the vector is zero in that batch element.

        Each vector is zero in the batch elements whose number has a certain bit, or in those without it. Any two
        elements differ in a bit, so mixing of any two shows.
        """
        import numpy as np

        backend, layout = self.backend, self._layout
        numbers = np.arange(layout.batch(self._vector))
        bits = (numbers >> np.arange(len(numbers).bit_length())[:, None]) & 1
        kept = np.concatenate([bits, 1 - bits]).astype(np.float32)
        for start in range(0, len(kept), chunk_size):
            xp, mask = arithmetic(backend, backend.asarray(kept[start : start + chunk_size], self._vector))
            mask = layout.per_element(mask)
            block = xp.astype(mask, self._flat.dtype) * self._flat[None, ...]
            block = xp.reshape(block, (block.shape[0], *self._vector.shape))
            (results,) = push((framework_array(backend, block, self._vector),))
            xp, results = arithmetic(backend, results)
            leak = xp.abs(layout.flat(xp, results)) > floor[None, ...]
            if bool(xp.any(leak & (mask == 0) & suspicious[None, ...])):
                return True
        return False
