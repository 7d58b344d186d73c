"""Sweeps: many vectors through one function at one point. All other code pushes one vector.

Forward sweeps give columns of the Jacobian, reverse sweeps give rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, TypeVar

from adhelpers.caches import FUNCTIONS
from adhelpers.engine import journal
from adhelpers.engine.missing_rules import Function, either, is_missing_rule
from adhelpers.engine.proof import Proof, WrongSweep, require_one_for_each
from adhelpers.engine.repeated import require_same_values
from adhelpers.engine.results import Push, Results, Swept
from adhelpers.engine.rounding import Tolerance
from adhelpers.engine.seeds import Basis, Seeds, most_at_once
from adhelpers.errors import AdhelpersError, ArgumentTypeError, UnsupportedOperationError
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.formulations import ONE_BY_ONE, Formulation, Mode
from adhelpers.plugins.functions import JVPSweep, Leaves, Pullback, VJPSweep
from adhelpers.trees.leaves import copies, is_complex, zeros_like

Evaluated = tuple[Leaves, Pullback, Leaves]
"""What `ADBackend.vjp` returns."""

Single = Callable[[Leaves], tuple[Leaves, Leaves]]
"""A function from one vector to the outputs of `f` and the vector's result."""

Check = bool | Literal["always"]
"""Whether fast sweeps are verified at the first call of a function, at every call, or never."""

T = TypeVar("T")
R = TypeVar("R")


def chosen_check(check: Check, check_batch: Check | None) -> Check:
    """The user's choice, by either name of the option."""
    return check if check_batch is None else check_batch


@dataclass(slots=True)
class SweepRecord:
    """Knowledge about sweeps through a function."""

    output_size: int | None = None
    """The number of vectors of a reverse sweep."""
    formulations: tuple[Formulation, ...] = ()
    """The formulations of the backend, the fastest first."""
    verdicts: dict[tuple[Mode, str], bool] = field(default_factory=dict)
    """For each sweep tried, by its mode and name, whether it gives the same as single products."""


@dataclass(slots=True)
class Sweep:
    """A function at a point, and the vectors to push through it.

    Parameters
    ----------
    seeds
        Makes the vectors: for `x` in a forward sweep, for the outputs in a reverse sweep.
    receive
        Makes the `Results` for the leaves whose vectors are pushed.
    accept
        Called with the outputs as soon as they are known; it may raise.
    batch
        The number of points; the seeds count the inputs and outputs of one point.
    chunk_size
        How many vectors are pushed at once; None takes as many as fit a memory budget.
    holomorphic
        Whether `x` and the outputs are complex, and `f` is complex-differentiable.
    check
        Whether each sweep is proved at its first use, or ``"always"``.
    known
        The knowledge so far; by default the record of the function for these shapes.
    """

    # A class as default would be unknown to compilers that trace Python.
    backend: ADBackend
    f: Function
    x: Leaves
    seeds: Callable[[ADBackend, Leaves], Seeds] = lambda backend, leaves: Basis(backend, leaves)
    receive: Callable[[ADBackend, Leaves], Results] = lambda backend, leaves: Results(backend, leaves)
    accept: Callable[[Leaves], object] | None = None
    batch: int = 1
    chunk_size: int | None = None
    holomorphic: bool = False
    check: Check = True
    known: SweepRecord | None = None
    record: SweepRecord = field(init=False)
    _of_x: Seeds | None = field(default=None, init=False)
    _of_outputs: Seeds | None = field(default=None, init=False)
    _outputs: Leaves = field(default=(), init=False)
    _proved: bool = field(default=False, init=False)
    _repeats: bool = field(default=True, init=False)
    _is_composed: bool = field(default=False, init=False)
    """Whether what runs of `f` give is put together now, so that all must compute the same; a check may see another."""

    def __post_init__(self) -> None:
        if self.known is not None:
            self.record = self.known
        elif any(map(self.backend.is_traced, self.x)):
            # There are no values to check, and nothing about a tracer may be remembered.
            self.record, self.check = SweepRecord(), False
        else:
            f, kinds = self.f, tuple([(leaf.shape, leaf.dtype) for leaf in self.x])
            signature = (f.kind, type(self.backend), self.seeds, kinds, f.signature)
            self.record = FUNCTIONS.record(f.function, signature, SweepRecord)

    def evaluate(self, mode: Mode | Literal["auto"]) -> Swept:
        """Sweep in that mode, or in the other if the framework lacks rules; ``"auto"`` takes the cheaper mode."""
        if not self.x:
            outputs, aux = (copies(self.backend, leaves) for leaves in self.f())
            self._see(outputs)
            return Swept(outputs, aux, True, self.receive(self.backend, self.x))
        if 0 in self.x[0].shape and self._inputs().total == 0:  # only the outputs are missing
            return self._either("forward", self.forward, self._without_vectors, True)
        if mode != "auto":
            return self.in_mode(mode, allowed=self.backend.fallback)
        # In automatic mode the user has no preference, so a fallback is always allowed.
        if not self.backend.has_reverse:
            if journal.is_listening():
                journal.tell("mode", f"forward: {self.backend.name} has no reverse mode")
            return self.in_mode("forward", allowed=True)
        if self.record.output_size is not None:
            return self.in_mode(self.cheaper(), allowed=True)
        # The evaluation in reverse mode counts the outputs.
        return either(
            self.backend, self.f, self._learn, self.forward, rule="reverse rule", way="a forward sweep", allowed=True
        )

    def in_mode(self, mode: Mode, *, allowed: bool, evaluated: Evaluated | None = None) -> Swept:
        """Sweep in that mode or, if the framework lacks rules and it is allowed, in the other mode."""
        reverse = self.reverse if evaluated is None else partial(self.reverse, evaluated)
        if mode == "forward":
            return self._either(mode, self.forward, reverse, allowed)
        return self._either(mode, reverse, self.forward, allowed)

    def forward(self) -> Swept:
        """Push the vectors of `x` forward."""
        ways = dict(self.backend.jvp_sweeps(self.f, self.x))
        if getattr(ways.get(ONE_BY_ONE), "func", None) is ADBackend.jvp_sweep:  # the default, which compares nothing
            ways[ONE_BY_ONE] = self._one_by_one
        return self._first_right("forward", ways, self._pushed)

    def reverse(self, evaluated: Evaluated | None = None) -> Swept:
        """Pull the vectors of the outputs back."""
        if evaluated is None:
            evaluated = self.backend.vjp(self.f, self.x)
            self._see(evaluated[0])
        return self._first_right("reverse", self.backend.vjp_sweeps(evaluated[1]), partial(self._pulled, evaluated))

    def through(self, mode: Mode, linear: Pullback, outputs: Leaves) -> Results:
        """Push the vectors of `x`, or pull those of the outputs, through a linear map, without running `f`."""
        self._outputs = outputs
        leaves, words = (self.x, "pushed forward") if mode == "forward" else (outputs, "pulled back")

        def single(vector: Leaves) -> tuple[Leaves, Leaves]:
            return outputs, linear(vector)

        def attempt(sweep: VJPSweep, prove: bool) -> Results:
            return self._through(sweep, single, self.seeds(self.backend, leaves), leaves, words, prove)

        # A sweep may be wrong for a map and right for the function, so their records are separate.
        ways = {f"through a linear map, {name}": way for name, way in self.backend.vjp_sweeps(linear).items()}
        return self._first_right(mode, ways, attempt)

    def _first_right(self, mode: Mode, ways: Mapping[str, T], attempt: Callable[[T, bool], R]) -> R:
        """Sweep in the first way that works and is right. The last way uses single products, and needs no proof."""
        verdicts = self.record.verdicts
        *fast, last = ways
        failed: dict[tuple[Mode, str], bool] = {}
        for name in fast:
            way = (mode, name)
            known = verdicts.get(way)
            if known is False:
                continue
            self._proved = prove = self.check == "always" or (self.check and known is None)
            try:
                swept = attempt(ways[name], prove)
            except Exception as error:
                if not self._may_go_on(error):
                    raise
                failed[way] = False
                self._tell_of_failure(name, error)
            else:
                if failed:
                    verdicts.update(failed)
                if self._proved:
                    verdicts[way] = True
                return swept
        try:
            swept = attempt(ways[last], False)
        except Exception as error:
            if is_missing_rule(self.backend, error):
                verdicts.update(failed)
            raise
        verdicts.update(failed)
        return swept

    def _may_go_on(self, error: Exception) -> bool:
        """Whether the sweep may be the cause of the error; the last way may raise the same error."""
        if isinstance(error, AdhelpersError):
            return isinstance(error, UnsupportedOperationError)
        return isinstance(error, WrongSweep) or self.backend.is_own_error(error)

    def _tell_of_failure(self, name: str, error: Exception) -> None:
        words = journal.one_line(error) if isinstance(error, WrongSweep) else journal.raised(error)
        journal.tell("fallback", f"a sweep {name} is not used: {words}")
        journal.inform("backend %r: a sweep %s is not used: %s", self.backend.name, name, words)

    def _pushed(self, sweep: JVPSweep, prove: bool) -> Swept:
        backend, f, x = self.backend, self.f, self.x
        seen: list[tuple[Leaves, Leaves]] = []

        def push(block: Leaves) -> Leaves:
            outputs, pushed, aux = sweep(block)
            if not seen:
                seen.append((outputs, aux))
                self._see(outputs)
            elif self._is_composed:
                require_same_values(backend, x, seen[0][0], outputs)
            return pushed

        def single(vector: Leaves) -> tuple[Leaves, Leaves]:
            outputs, pushed, _ = backend.jvp(f, tuple(map(backend.stop_gradient, x)), vector)
            return outputs, pushed

        kept = self._through(push, single, self._inputs(), x, "pushed forward", prove)
        if not seen:
            outputs, _, aux = backend.jvp(f, x, zeros_like(backend, x))
            seen.append((outputs, aux))
            self._see(outputs)
        return Swept(*seen[0], True, kept)

    def _one_by_one(self, vectors: Leaves) -> tuple[Leaves, Leaves, Leaves]:
        """`ADBackend.jvp_sweep` as it is by default, for functions that compute the same each time."""
        backend, first, columns = self.backend, None, []
        for k in range(vectors[0].shape[0]):
            outputs, column, aux = backend.jvp(self.f, self.x, tuple([stack[k, ...] for stack in vectors]))
            first = first or (outputs, aux)
            if self._is_composed:
                require_same_values(backend, self.x, first[0], outputs)
            columns.append(column)
        assert first is not None, "there is a vector"
        return first[0], backend.stack(columns), first[1]

    def _pulled(self, evaluated: Evaluated, sweep: VJPSweep, prove: bool) -> Swept:
        outputs, pullback, aux = evaluated

        def single(vector: Leaves) -> tuple[Leaves, Leaves]:
            return outputs, pullback(vector)

        seeds = self._of_outputs
        assert seeds is not None, "the outputs are known"
        kept, imaginary = self._through(sweep, single, seeds, outputs, "pulled back", prove), None
        if not self.holomorphic and any(is_complex(self.backend, y) for y in outputs):
            # Under the pairing Re(sum(a * b)), a real x gets Re(J) from the cotangent 1, and Im(J) from -i.
            imaginary = self._through(
                lambda block: sweep(self._turned(block)),
                lambda vector: single(self._turned(vector)),
                seeds,
                outputs,
                "pulled back, times -i",
                prove,
            )
        return Swept(outputs, aux, False, kept, imaginary)

    def cheaper(self) -> Mode:
        """The mode with the cheaper sweep, once the number of outputs is known."""
        found = fastest(self.backend, self.record, self._inputs().total, self.batch, "auto", ("sweep",)).mode
        if journal.is_listening():
            sizes = f"{self._inputs().total} inputs and {self.record.output_size} outputs"
            journal.tell("mode", f"{found}, for {sizes}{f' in a batch of {self.batch}' if self.batch != 1 else ''}")
        return found

    def _learn(self) -> Swept:
        """Count the outputs by the forward pass of reverse mode, and use that pass unless forward mode is cheaper."""
        evaluated = self.backend.vjp(self.f, self.x)
        self._see(evaluated[0])
        cheaper = self.cheaper()
        is_traced = any(map(self.backend.is_traced, self.x))  # then the choice is final, as in compiled code
        if cheaper == "forward" and (is_traced or self._inputs().total < (self.record.output_size or 0)):
            return self.in_mode("forward", allowed=True, evaluated=evaluated)
        if cheaper == "forward" and journal.is_listening():
            journal.tell("mode", "reverse for this call, because f ran for it to count the outputs")
        return self.reverse(evaluated)

    def _without_vectors(self) -> Swept:
        outputs, _, aux = self.backend.vjp(self.f, self.x)
        self._see(outputs)
        return Swept(outputs, aux, True, self.receive(self.backend, self.x))

    def _see(self, outputs: Leaves) -> None:
        if self.accept is not None:
            self.accept(outputs)
        self._outputs, self._of_outputs = outputs, self.seeds(self.backend, outputs)
        size = self._of_outputs.total
        if self.record.output_size != size:
            self.record.output_size, self.record.formulations = size, ()

    def _through(self, push: Push, single: Single, seeds: Seeds, leaves: Leaves, words: str, prove: bool) -> Results:
        """Push all vectors for `leaves`, a block at once; `WrongSweep` if a proof fails."""
        step = self.chunk_size or most_at_once(self.backend, leaves, seeds.total)
        taker = self.receive(self.backend, leaves)
        if journal.is_listening():
            chunks = "all at once" if step >= seeds.total else f"{step} at once"
            vectors = "1 vector" if seeds.total == 1 else f"{seeds.total} vectors"
            journal.tell("sweep", f"{vectors} {words}, {chunks}")
        proof = Proof(self.backend) if prove and seeds.total else None
        self._is_composed = True
        for block in seeds.blocks(step):
            results = push(block)
            if proof is not None:
                require_one_for_each(block, results)
                if not taker.sees_what_is_strange:
                    proof.take(block, results)
            taker.take(block, results)
        self._is_composed = False
        if type(taker) is Results and proof is None:
            return taker
        kept = zip(seeds.blocks(step), taker.blocks, strict=True) if taker.sees_what_is_strange else ()
        taker.finish(push, partial(self._alone, single, prove), partial(self._prove, proof, single, kept), step)
        return taker

    def _alone(self, single: Single, prove: bool, vector: Leaves) -> Leaves:
        """The result of a single vector; `WrongSweep` if the values differ from those in the sweep."""
        values, result = single(vector)
        if prove and values is not self._outputs and not any(map(self.backend.is_traced, values)):
            tolerance = Tolerance(self.backend, self.x, self._outputs)
            if not tolerance.allows_all(self._outputs, values):
                self._repeats = tolerance.allows_all(values, single(vector)[0])
                if self._repeats:
                    msg = "f(x) differs from f(x) with a single vector"
                    raise WrongSweep(msg)
        return result

    def _prove(self, proof: Proof | None, single: Single, kept: Iterable[tuple[Leaves, Leaves]]) -> None:
        """Raise `WrongSweep` if the sweep is wrong; `kept` are blocks and results that the proof has not seen yet."""
        if proof is None:
            return
        for block, results in kept:
            proof.take(block, results)
        if proof.is_blind:
            self._proved = False
            return
        result = self._alone(single, True, proof.vector)
        if not self._repeats:
            journal.tell("check", "f returns another result each time, so nothing can be proved")
            return
        if not proof.holds(result, Tolerance(self.backend, self.x, self._outputs)):
            msg = "a combination of the vectors, pushed by itself, gives another result"
            raise WrongSweep(msg)
        journal.tell("check", "the sweep is right: a combination of its vectors, pushed by itself, gives the same")

    def _turned(self, block: Leaves) -> Leaves:
        """The block times -i, with zeros for real outputs, which have no imaginary part."""
        return tuple([-1j * leaf if is_complex(self.backend, leaf) else 0 * leaf for leaf in block])

    def _inputs(self) -> Seeds:
        if self._of_x is None:
            self._of_x = self.seeds(self.backend, self.x)
        return self._of_x

    def _either(self, mode: Mode, native: Callable[[], Swept], substitute: Callable[[], Swept], allowed: bool) -> Swept:
        way = "a sweep in the other mode"
        return either(self.backend, self.f, native, substitute, rule=f"{mode} rule", way=way, allowed=allowed)


def fastest(backend: ADBackend, record: SweepRecord, n: int, batch: int, mode: Any, ways: Iterable[str]) -> Formulation:
    """The fastest formulation among `ways`, in that mode or in any, once the number of outputs is known."""
    formulations = record.formulations  # read once: another thread may see another size, and forget them
    if not formulations:
        assert record.output_size is not None
        formulations = record.formulations = tuple(backend.formulations(n, record.output_size, batch))
    for formulation in formulations:
        if formulation.way in ways and mode in ("auto", formulation.mode):
            return formulation
    msg = f"{type(backend).__name__}.formulations returns no sweep in {mode} mode; let it return both sweeps"
    raise ArgumentTypeError(msg)
