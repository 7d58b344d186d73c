"""One batched Jacobian to compute, and what core knows of it."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from math import prod

from adhelpers.batch.layout import BatchLayout
from adhelpers.engine import derived
from adhelpers.engine.records import Record
from adhelpers.errors import BatchAxisError, DTypeError
from adhelpers.plugins.containers import SINGLE
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.formulations import Formulation
from adhelpers.plugins.functions import Array, Leaves
from adhelpers.trees.leafwise import LeafwiseFunction
from adhelpers.trees.leaves import is_complex
from adhelpers.trees.tree import Tree

Result = tuple[Array, Array, Leaves]
"""``(y, J, aux)``."""


@dataclass(slots=True)
class Problem:
    """One batched Jacobian to compute."""

    backend: ADBackend
    f: LeafwiseFunction
    x: Array
    layout: BatchLayout
    holomorphic: bool
    chunk_size: int | None
    record: Record
    check: bool
    """Whether to see that `f` does not mix the batch."""

    def step(self, like: Array) -> int:
        """How many vectors shaped as `like` are pushed at once."""
        return self.chunk_size or derived.chunk_length(prod(like.shape) * derived.itemsize(self.backend, like))

    def choose(self, mode: str, *, copies: bool) -> Formulation:
        """The fastest way in that mode, or of all, once the size of ``f(x)`` is known; with `copies` these too."""
        record, layout = self.record, self.layout
        if not record.formulations:
            assert record.output_size is not None
            n, batch = layout.size(self.x), layout.batch(self.x)
            record.formulations = tuple(self.backend.formulations(n, record.output_size, batch))
        for formulation in record.formulations:
            is_allowed = formulation.way == "sweep" or (copies and formulation.way == "replicate")
            if is_allowed and mode in ("auto", formulation.mode):
                return formulation
        msg = f"{type(self.backend).__name__}.formulations gives no sweep in {mode} mode, which core must have"
        raise TypeError(msg)

    @property
    def call(self) -> Hashable:
        """What calls have in common that may be given copies of the batch alike; None for one that may not.

        Copies are all run at once, and have copies of aux. A function may do with a flag or a number
        among `args` what it likes, and so may one with an array of another shape.
        """
        if self.chunk_size is not None or self.f.has_aux:
            return None
        kinds: list[Hashable] = []
        for arg in self.f.args:
            if hasattr(arg, "shape") and hasattr(arg, "dtype"):
                kinds.append((tuple(arg.shape), str(arg.dtype)))
            elif isinstance(arg, (float, complex)):
                kinds.append(type(arg).__name__)
            else:
                return None
        return tuple(kinds)

    def read_output(self, outputs: Leaves) -> Array:
        """``f(x)``, once it is seen to share the batch axis of `x`."""
        y = single(self.f.output(outputs))
        layout = self.layout
        batch = layout.batch(self.x)
        if len(y.shape) < 2 or layout.batch(y) != batch:
            other = layout.other()
            fits = len(y.shape) >= 2 and other.batch(y) == other.batch(self.x)
            msg = (
                f"x has shape {tuple(self.x.shape)} and f(x) {tuple(y.shape)}, but both need at least two dimensions "
                f"with {layout} and of the same size {batch}; "
                + (f"with batch_axis={other.axis} they would fit" if fits else "f must keep the batch axis")
            )
            raise BatchAxisError(msg)
        if self.holomorphic and not is_complex(self.backend, y):
            msg = f"holomorphic=True needs a complex f(x), but it has dtype {y.dtype}; use the two products"
            raise DTypeError(msg)
        if self.record.output_size != layout.size(y):
            self.record.output_size = layout.size(y)
            self.record.formulations = ()
        return y


def single(tree: Tree) -> Array:
    """The array that the tree is, and not merely contains."""
    if tree.treedef is SINGLE:
        return tree.leaves[0]
    msg = (
        f"{tree.name} is a structure of {len(tree.leaves)} leaves, but a batched Jacobian takes a single array; "
        "join its parts along an axis that is not the batch, or use the two products"
    )
    raise BatchAxisError(msg)
