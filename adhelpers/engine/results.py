"""What a sweep gives: the results of its vectors, and who takes them in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from adhelpers.engine.seeds import zeros
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.functions import Array, Leaves, VJPSweep

Push = VJPSweep
"""From a block of vectors, stacked, to their results, stacked."""


class Results:
    """The results of a sweep: they are kept, a tuple of stacks for each block. Subclasses may do otherwise."""

    sees_what_is_strange: ClassVar[bool] = False
    """Whether `finish` asks for a proof only where it sees a reason; the blocks must be kept for it."""

    def __init__(self, backend: ADBackend, leaves: Leaves) -> None:
        self.backend = backend
        self.blocks: list[Leaves] = []

    def take(self, block: Leaves, results: Leaves) -> None:
        """Take in what a block was pushed to."""
        self.blocks.append(results)

    def finish(self, push: Push, single: Push, prove: Callable[[], None], step: int) -> None:
        """All blocks were pushed.

        More may be, and vectors by themselves. `prove` raises `WrongSweep` if the sweep is wrong, in so far as that is
        to be seen; it is called here, unless what is seen is enough.
        """
        prove()

    def stacks(self, like: Leaves) -> Leaves:
        """The results of all vectors, stacked, for each leaf of `like`."""
        if not self.blocks:
            return tuple([zeros(self.backend, leaf, 0) for leaf in like])
        if len(self.blocks) == 1:
            return self.blocks[0]
        blocks = zip(*self.blocks, strict=True)
        return tuple([self.backend.array_namespace(*stacks).concat(stacks) for stacks in blocks])


@dataclass(slots=True)
class Swept:
    """The result of a sweep.

    Attributes
    ----------
    forward
        Whether tangents were pushed forward, instead of cotangents pulled back.
    results
        What the vectors gave.
    imaginary
        The same of cotangents times -i, where these give the imaginary part of complex outputs of a real `x`.
    """

    outputs: Leaves
    aux: Leaves
    forward: bool
    results: Results
    imaginary: Results | None = None

    def only_stack(self, like: Array) -> Array:
        """The results, of which there is one for each vector, shaped as `like`."""
        (real,) = self.results.stacks((like,))
        return real if self.imaginary is None else real + 1j * self.imaginary.stacks((like,))[0]
