"""The results of a sweep, and the objects that collect them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from adhelpers.engine.seeds import zeros
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.functions import Array, Leaves, VJPSweep

Push = VJPSweep
"""A function from a block of stacked vectors to their stacked results."""


class Results:
    """The results of a sweep, kept as a tuple of stacks for each block; subclasses may do otherwise."""

    sees_what_is_strange: ClassVar[bool] = False
    """Whether `finish` asks for a proof only if it sees a reason; the blocks must then be kept."""

    def __init__(self, backend: ADBackend, leaves: Leaves) -> None:
        self.backend = backend
        self.blocks: list[Leaves] = []

    def take(self, block: Leaves, results: Leaves) -> None:
        """Take in the results of a block."""
        self.blocks.append(results)

    def finish(self, push: Push, single: Push, prove: Callable[[], None], step: int) -> None:
        """Finish, after all blocks were pushed.

        `push` and `single` may push more. `prove` raises `WrongSweep` if it finds the sweep wrong; `finish` calls it,
        unless the results are proof enough.
        """
        prove()

    def stacks(self, like: Leaves) -> Leaves:
        """The stacked results of all vectors, for each leaf of `like`."""
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
        Whether tangents were pushed forward; if False, cotangents were pulled back.
    results
        The results of the vectors.
    imaginary
        The results of cotangents times -i, which give the imaginary part of complex outputs of a real `x`.
    """

    outputs: Leaves
    aux: Leaves
    forward: bool
    results: Results
    imaginary: Results | None = None

    def only_stack(self, like: Array) -> Array:
        """The results, one for each vector, shaped as `like`."""
        (real,) = self.results.stacks((like,))
        if self.imaginary is None:
            return real
        return self.results.backend.to_complex(real, self.imaginary.stacks((like,))[0])
