"""Sweeps: many vectors through one function at one point. Nothing else in the library pushes more than one.

Forward sweeps give columns of the Jacobian, reverse ones rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from adhelpers.engine import journal
from adhelpers.engine.missing_rules import Function, either
from adhelpers.engine.seeds import Seeds, basis, most_at_once, zeros
from adhelpers.errors import ArgumentTypeError
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.formulations import Formulation, Mode
from adhelpers.plugins.functions import Array, Leaves, Pullback
from adhelpers.trees.leaves import is_complex, zeros_like

Evaluated = tuple[Leaves, Pullback, Leaves]
"""What `ADBackend.vjp` returns."""

Push = Callable[[Leaves], Leaves]
"""From a block of vectors, stacked, to their results, stacked."""


class Results:
    """The results of a sweep: they are kept, a tuple of stacks for each block. Subclasses may do otherwise."""

    def __init__(self, backend: ADBackend, leaves: Leaves) -> None:
        self.backend = backend
        self.blocks: list[Leaves] = []

    def seeds(self, seeds: Seeds, step: int) -> Iterable[Leaves]:
        """The blocks to push, in order."""
        return seeds.blocks(step)

    def take(self, block: Leaves, results: Leaves) -> None:
        """Take in what a block was pushed to."""
        self.blocks.append(results)

    def finish(self, push: Push, step: int) -> None:
        """All blocks were pushed; more may be."""

    def stacks(self, like: Leaves) -> Leaves:
        """The results of all vectors, stacked, for each leaf of `like`."""
        if not self.blocks:
            return tuple([zeros(self.backend, leaf, 0) for leaf in like])
        if len(self.blocks) == 1:
            return self.blocks[0]
        blocks = zip(*self.blocks, strict=True)
        return tuple([self.backend.array_namespace(*stacks).concat(stacks) for stacks in blocks])


def results(backend: ADBackend, leaves: Leaves) -> Results:
    """All results, kept."""
    return Results(backend, leaves)


@dataclass(slots=True)
class SweepRecord:
    """What was learnt about sweeps through a function."""

    output_size: int | None = None
    """How many vectors a reverse sweep takes."""
    formulations: tuple[Formulation, ...] = ()
    """The ways that the backend has, the fastest first."""


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


@dataclass(slots=True)
class Sweep:
    """A function at a point, and the vectors to push through it.

    Parameters
    ----------
    seeds
        Makes the vectors: of `x` for a forward sweep, of the outputs for a reverse one.
    receive
        Makes what takes the results in, for the leaves whose vectors are pushed.
    accept
        Is shown the outputs as soon as they are known, and may refuse them.
    batch
        How many points there are, each of which has as many inputs and outputs as there are seeds.
    chunk_size
        How many vectors are pushed at once; None keeps a block within a memory budget.
    holomorphic
        Whether `x` and the outputs are complex, and `f` is complex-differentiable.
    """

    backend: ADBackend
    f: Function
    x: Leaves
    seeds: Callable[[ADBackend, Leaves], Seeds] = basis
    receive: Callable[[ADBackend, Leaves], Results] = results
    accept: Callable[[Leaves], object] = lambda outputs: None
    batch: int = 1
    chunk_size: int | None = None
    holomorphic: bool = False
    record: SweepRecord = field(default_factory=SweepRecord)
    _of_x: Seeds | None = field(default=None, init=False)
    _of_outputs: Seeds | None = field(default=None, init=False)

    def evaluate(self, mode: Mode | Literal["auto"]) -> Swept:
        """Sweep in that mode, or in the other where the framework lacks rules; ``"auto"`` takes the cheaper one."""
        if not self.x:
            outputs, aux = self.f()
            self._see(outputs)
            return Swept(outputs, aux, True, self.receive(self.backend, self.x))
        if self._inputs().total == 0:  # there is no vector to push: the outputs are all that is missing
            return self._either("forward", self.forward, self._without_vectors, allowed=True)
        if mode != "auto":
            return self.in_mode(mode, allowed=self.backend.fallback)
        # Automatic mode has no preference of the user's to fall back from.
        if not self.backend.has_reverse:
            if journal.is_listening():
                journal.tell("mode", f"forward: {self.backend.name} has no reverse mode")
            return self.in_mode("forward", allowed=True)
        if self.record.output_size is not None:
            return self.in_mode(self.cheaper(), allowed=True)
        # Reverse mode's own evaluation tells how many outputs there are.
        return either(
            self.backend, self.f, self._learn, self.forward, rule="reverse rule", way="a forward sweep", allowed=True
        )

    def in_mode(self, mode: Mode, *, allowed: bool, evaluated: Evaluated | None = None) -> Swept:
        """Sweep in that mode or, where the framework lacks rules for it and it is allowed, in the other one."""

        def reverse() -> Swept:
            return self.reverse(evaluated)

        native, substitute = (self.forward, reverse) if mode == "forward" else (reverse, self.forward)
        return self._either(mode, native, substitute, allowed=allowed)

    def forward(self) -> Swept:
        """Push the vectors of `x` forward."""
        backend, f, x = self.backend, self.f, self.x
        seen: list[tuple[Leaves, Leaves]] = []

        def push(block: Leaves) -> Leaves:
            outputs, pushed, aux = backend.jvp_sweep(f, x, block)
            if not seen:
                seen.append((outputs, aux))
                self._see(outputs)
            return pushed

        kept = self._through(push, self._inputs(), x, "pushed forward")
        if not seen:
            outputs, _, aux = backend.jvp(f, x, zeros_like(backend, x))
            seen.append((outputs, aux))
            self._see(outputs)
        return Swept(*seen[0], True, kept)

    def reverse(self, evaluated: Evaluated | None = None) -> Swept:
        """Pull the vectors of the outputs back."""
        backend = self.backend
        if evaluated is None:
            evaluated = backend.vjp(self.f, self.x)
            self._see(evaluated[0])
        outputs, pullback, aux = evaluated

        def pull(block: Leaves) -> Leaves:
            return backend.vjp_sweep(pullback, block)

        seeds = self._of_outputs
        assert seeds is not None, "the outputs were seen"
        kept, imaginary = self._through(pull, seeds, outputs, "pulled back"), None
        if not self.holomorphic and any(is_complex(backend, y) for y in outputs):
            # Under the pairing Re(sum(a * b)) a real x receives Re(J) from the cotangent 1 and Im(J) from -i.
            words = "pulled back, times -i"
            imaginary = self._through(lambda block: pull(self._turned(block)), seeds, outputs, words)
        return Swept(outputs, aux, False, kept, imaginary)

    def cheaper(self) -> Mode:
        """The mode whose sweep is the cheaper one, once the number of outputs is known."""
        found = fastest(self.backend, self.record, self._inputs().total, self.batch, "auto", ("sweep",)).mode
        if journal.is_listening():
            sizes = f"{self._inputs().total} inputs and {self.record.output_size} outputs"
            journal.tell("mode", f"{found}, for {sizes}{f' in a batch of {self.batch}' if self.batch != 1 else ''}")
        return found

    def _learn(self) -> Swept:
        """The forward pass of reverse mode tells the number of outputs; it is used unless forward mode is cheaper."""
        evaluated = self.backend.vjp(self.f, self.x)
        self._see(evaluated[0])
        cheaper = self.cheaper()
        if cheaper == "forward" and self._inputs().total < (self.record.output_size or 0):
            return self.in_mode("forward", allowed=True, evaluated=evaluated)
        if cheaper == "forward" and journal.is_listening():
            journal.tell("mode", "reverse, this once: f was run for it, to see how many outputs there are")
        return self.reverse(evaluated)

    def _without_vectors(self) -> Swept:
        outputs, _, aux = self.backend.vjp(self.f, self.x)
        self._see(outputs)
        return Swept(outputs, aux, True, self.receive(self.backend, self.x))

    def _see(self, outputs: Leaves) -> None:
        self.accept(outputs)
        self._of_outputs = self.seeds(self.backend, outputs)
        size = self._of_outputs.total
        if self.record.output_size != size:
            self.record.output_size, self.record.formulations = size, ()

    def _through(self, push: Push, seeds: Seeds, leaves: Leaves, words: str) -> Results:
        """Push all vectors for `leaves`, a block at once."""
        step = self.chunk_size or most_at_once(self.backend, leaves)
        taker = self.receive(self.backend, leaves)
        if journal.is_listening():
            chunks = "all at once" if step >= seeds.total else f"{step} at once"
            vectors = "1 vector" if seeds.total == 1 else f"{seeds.total} vectors"
            journal.tell("sweep", f"{vectors} {words}, {chunks}")
        for block in taker.seeds(seeds, step):
            taker.take(block, push(block))
        taker.finish(push, step)
        return taker

    def _turned(self, block: Leaves) -> Leaves:
        """The block times -i; real outputs, which have no imaginary part, get zeros."""
        return tuple([-1j * leaf if is_complex(self.backend, leaf) else 0 * leaf for leaf in block])

    def _inputs(self) -> Seeds:
        if self._of_x is None:
            self._of_x = self.seeds(self.backend, self.x)
        return self._of_x

    def _either(
        self, mode: Mode, native: Callable[[], Swept], substitute: Callable[[], Swept], *, allowed: bool
    ) -> Swept:
        way = "a sweep in the other mode"
        return either(self.backend, self.f, native, substitute, rule=f"{mode} rule", way=way, allowed=allowed)


def fastest(backend: ADBackend, record: SweepRecord, n: int, batch: int, mode: Any, ways: Iterable[str]) -> Formulation:
    """The fastest formulation of those `ways`, in that mode or in any, once the number of outputs is known."""
    if not record.formulations:
        assert record.output_size is not None
        record.formulations = tuple(backend.formulations(n, record.output_size, batch))
    for formulation in record.formulations:
        if formulation.way in ways and mode in ("auto", formulation.mode):
            return formulation
    msg = f"{type(backend).__name__}.formulations gives no sweep in {mode} mode; both sweeps must be among them"
    raise ArgumentTypeError(msg)
