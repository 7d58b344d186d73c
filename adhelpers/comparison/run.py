"""Run every operation on every backend, and have judged what comes back."""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from adhelpers.batch.layout import BatchLayout
from adhelpers.comparison import probing
from adhelpers.comparison.deviations import IncomparableError, Leaves, Measured, epsilon
from adhelpers.comparison.diagnosis.findings import Findings, exact
from adhelpers.comparison.diagnosis.kinks import Kinks
from adhelpers.comparison.directions import Directions
from adhelpers.comparison.judgement import Candidate, Scale, compare, pairwise
from adhelpers.comparison.operations import OPERATIONS, VALUE, declared, is_batched, partner_of, path_of
from adhelpers.comparison.participants import Outcome, Participant, median_seconds, read
from adhelpers.comparison.results import Status
from adhelpers.comparison.task import Failure, Settings, Task, Timed
from adhelpers.engine import journal
from adhelpers.errors import ArgumentError, BatchAxisError, BatchMixingError, DTypeError

Progress = Callable[[str], None]


class Comparison:
    """One function through all operations on all backends."""

    def __init__(self, task: Task, settings: Settings, progress: Progress) -> None:
        self._task = task
        self._settings = settings
        self._progress = progress
        self._directions = Directions(task, settings.seed)
        self._scale = Scale(settings.rtol, settings.atol)
        self._reference = task.reference
        self._shapes: dict[str, Outcome] = {}
        self._failed: dict[str, Failure] = {}
        self._seconds = 0.0
        self._found = Findings(task)
        self._units: Mapping[str, float] | None = None

    def run(self) -> Findings:
        """All of it."""
        if not self._task.closed_forms:
            self._compare_values()
        known = self._task.closed_forms or OPERATIONS
        for operation in self._settings.asked:
            if operation in known:
                self._compare_derivatives(operation)
        return self._found

    # -- values ---------------------------------------------------------------------------------------

    def _compare_values(self) -> None:
        timed: dict[str, Timed] = {}
        for participant in self._task.participants:
            self._tell(f"value on {participant.label}")
            timed[participant.label] = self._timed(
                functools.partial(participant.value, self._task.x),
                functools.partial(participant.prepared, VALUE, self._task.x),
                f"value on {participant.label}",
            )
        outcomes = {label: t.outcome for label, t in timed.items() if isinstance(t.outcome, Outcome)}
        self._failed = {label: t.outcome for label, t in timed.items() if isinstance(t.outcome, Failure)}
        if outcomes and not any(outcome.leaves for outcome in outcomes.values()):
            msg = "f(x) has no leaves, so that there is nothing to compare; return arrays, in any structure"
            raise ArgumentError(msg)
        value = self._value_of_reference(outcomes)
        known = value or next(iter(outcomes.values()), None)
        if known is not None:
            self._directions.learn(known)
            source = self._reference or next(p for p in self._task.participants if p.label not in self._failed)
            changes = probing.spread(known, source.value, self._directions)
            self._scale = probing.with_value(self._scale, known, changes, self._directions.x)
        self._shapes = {label: outcome.without_data() for label, outcome in outcomes.items()}
        standard = None if value is None else Candidate(self._whose(value, outcomes), value.leaves, exact)
        self._found.add("value", timed, standard, self._scale, self._kinks)
        dtypes = {label: sorted({str(a.dtype) for a in o.leaves.values()}) for label, o in outcomes.items()}
        if len({tuple(names) for names in dtypes.values()}) > 1:
            told = [f"{' and '.join(names)} on {at}" for at, names in dtypes.items()]
            self._note(f"the dtype of f(x) is {', '.join(told)}")

    def _value_of_reference(self, outcomes: Mapping[str, Outcome]) -> Outcome | None:
        """f(x) on the reference's own arrays, or on those of the port that most others agree with."""
        reference = self._reference
        if reference is None:
            return None
        failure: Outcome | Failure | None = None
        if reference in self._task.participants:
            if reference.label in outcomes:
                return outcomes[reference.label]
            failure = self._failed[reference.label]
        elif not self._task.ported:
            self._tell(f"value by the reference {reference.label}")
            failure = self._timed(functools.partial(reference.value, self._task.x)).outcome
            if isinstance(failure, Outcome):
                return failure
        self._reference = None
        if not outcomes:
            return None
        host = self._most_agreed_with(outcomes)
        leaf = next(iter(self._directions.x.leaves.values()))
        with host.backend.scope():
            understood = reference.backend.is_array(host.convert(np.ones_like(leaf, shape=())))
        if not understood:
            self._note(
                f"{reference.label} has no function of its own to be a reference; {host.label} stands in for values"
            )
            return outcomes[host.label]
        self._reference = replace(reference, f=host.f, host=host.backend)
        why = f", since on its own it fails ({failure.words})" if isinstance(failure, Failure) else ""
        self._note(f"the reference takes the function of {host.label}, on that backend's arrays{why}")
        return outcomes[host.label]

    def _whose(self, value: Outcome, outcomes: Mapping[str, Outcome]) -> str:
        """The backend that a value is of: where the reference takes a port, its value is that port's."""
        reference = self._task.reference
        mine = [label for label, outcome in outcomes.items() if outcome is value]
        assert reference is not None, "it has a value"
        return mine[0] if mine else reference.label

    def _most_agreed_with(self, outcomes: Mapping[str, Outcome]) -> Participant:
        pairs = pairwise([Candidate(label, o.leaves, exact) for label, o in outcomes.items()], self._scale)
        agreeing = [label for pair, s in pairs.items() if isinstance(s, Measured) and s.agree for label in pair]
        return max((p for p in self._task.participants if p.label in outcomes), key=lambda p: agreeing.count(p.label))

    # -- derivatives ----------------------------------------------------------------------------------

    def _compare_derivatives(self, operation: str) -> None:
        timed: dict[str, Timed] = {}
        left_out: dict[str, list[str]] = {}
        for participant in self._task.participants:
            reason = self._too_much(operation, participant)
            if reason is None:
                self._tell(f"{operation} on {participant.label}")
                timed[participant.label] = self._derivative(operation, participant)
            else:
                left_out.setdefault(reason, []).append(participant.label)
        for reason, labels in left_out.items():
            self._found.notes.append(f"{operation} was left out on {', '.join(labels)}: {reason}")
        errors = [t.outcome for label, t in timed.items() if label not in self._failed]
        if is_batched(operation) and self._settings.operations is None and errors and all(map(_is_no_batch, errors)):
            words = next(error.words for error in errors if isinstance(error, Failure))
            self._found.notes.append(f"{operation} was left out: {words}")
            return
        reference = self._reference_derivative(operation, timed)
        self._scale = replace(self._scale, spread=self._spread(operation, timed), bending=None, unit=1.0)
        self._units = None
        if isinstance(reference, Failure) or (reference is not None and self._any_differs(operation, timed, reference)):
            timed, reference = self._by_fitting_steps(operation, timed, reference)
        if isinstance(reference, Failure):
            if self._reference not in self._task.participants:  # its failure is a result otherwise
                self._found.notes.append(f"{operation} has no reference: {reference.words}")
            reference = None
        self._found.add(operation, timed, reference, self._scale, self._kinks)
        if reference is None and operation == "vjp":
            self._check_transpose(timed)

    def _derivative(self, operation: str, participant: Participant, *, timing: bool = True) -> Timed:
        failure = self._failed.get(participant.label)
        if failure is not None and participant in self._task.participants:
            return Timed(failure)
        try:
            u, options = self._direction(operation, participant), self._options(operation)
            evaluate = participant.derivative(operation, self._task.x, u, **options)
        except Exception as error:  # noqa: BLE001  # a framework may refuse data in any way
            return Timed(Failure.of(error))
        prepare = functools.partial(participant.prepared, operation, self._task.x, u, **options)
        return self._timed(evaluate, prepare if timing else None, f"{operation} on {participant.label}")

    def _direction(self, operation: str, participant: Participant) -> Any:
        partner = partner_of(operation)
        if partner is None:
            return None
        if partner == "x":
            return self._directions.tangent
        given = self._task.cotangent
        return self._directions.cotangent_for(self._shapes.get(participant.label)) if given is None else given

    def _options(self, operation: str) -> dict[str, Any]:
        holomorphic = any(leaf.dtype.kind == "c" for leaf in self._directions.x.leaves.values())
        known = {"batch_axis": self._settings.batch_axis, "holomorphic": holomorphic}
        return {name: option for name, option in known.items() if name in declared(operation).options}

    def _reference_derivative(self, operation: str, timed: Mapping[str, Timed]) -> Candidate | Failure | None:
        closed, reference = self._task.closed_forms.get(operation), self._reference
        if closed is not None:
            return Candidate("the closed form", read(closed, path_of(operation)).leaves, exact)
        if reference is None or self._too_much(operation, reference) is not None:
            return None
        if reference in self._task.participants:
            outcome = timed[reference.label].outcome
        else:
            self._tell(f"{operation} by the reference {reference.label}")
            outcome = self._derivative(operation, reference, timing=False).outcome
        if isinstance(outcome, Failure):
            return outcome
        return Candidate(reference.label, outcome.leaves, reference.error(operation))

    def _too_much(self, operation: str, participant: Participant) -> str | None:
        x = self._directions.x
        outputs = max((sum(a.size for a in shape.leaves.values()) for shape in self._shapes.values()), default=0)
        slow = probing.too_slow(operation, participant, x, self._seconds, self._settings.batch_axis)
        return slow or probing.too_large(operation, x, outputs, self._settings.batch_axis)

    def _spread(self, operation: str, timed: Mapping[str, Timed]) -> Mapping[str, float] | None:
        """By the first backend whose derivatives are exact."""
        for participant in self._task.participants:
            outcome = timed[participant.label].outcome if participant.label in timed else None
            if isinstance(outcome, Outcome) and participant.exact:
                return probing.spread(outcome, self._derivative_at(operation, participant), self._directions)
        return None

    def _any_differs(self, operation: str, timed: Mapping[str, Timed], reference: Candidate) -> bool:
        """Whether some result is too far from a reference by differences, if these were no worse than usual."""
        if reference.exact:
            return False
        for participant in self._task.participants:
            outcome = timed[participant.label].outcome if participant.label in timed else None
            if isinstance(outcome, Outcome):
                candidate = Candidate(participant.label, outcome.leaves, participant.error(operation))
                with contextlib.suppress(IncomparableError):
                    if not compare(candidate, reference, self._scale).agree:
                        return True
        return False

    def _by_fitting_steps(
        self, operation: str, timed: dict[str, Timed], reference: Candidate | Failure
    ) -> tuple[dict[str, Timed], Candidate | Failure]:
        """The results and the reference, by steps in units of a small `x` if derivatives by them are steadier."""
        participant, units = self._reference, self._directions.units
        assert participant is not None, "it was asked for a derivative"
        short = self._by_short_steps(operation, participant, units)
        if isinstance(reference, Candidate):
            usual = self._differences(operation, participant, reference.leaves, dict.fromkeys(units, 1.0))
            if short is None or not short.is_steadier_than(usual):
                self._scale = replace(self._scale, bending=usual.bending())
                return timed, reference
        elif short is None:
            return timed, reference
        self._units, self._scale = units, replace(self._scale, bending=short.bending(), unit=short.unit)
        self._note(f"{operation}: differences step in units of x, as f varies over less than their usual step")
        again = {p.label: p for p in self._task.participants if p.label in timed and not p.exact}
        outcomes = {
            label: self._derivative(operation, p.scaled_to_x(), timing=False).outcome for label, p in again.items()
        }
        retimed = {label: replace(timed[label], outcome=outcome) for label, outcome in outcomes.items()}
        mine = outcomes.get(participant.label)
        leaves = mine.leaves if isinstance(mine, Outcome) else short.leaves
        return {**timed, **retimed}, Candidate(participant.label, leaves, participant.error(operation))

    def _by_short_steps(
        self, operation: str, participant: Participant, units: Mapping[str, float]
    ) -> probing.Differences | None:
        """The derivative by steps in units of `x`; None if that is not small, or the backend has no such steps."""
        scaled = participant.scaled_to_x()
        if scaled == participant or min(units.values(), default=1.0) == 1.0:
            return None
        outcome = self._derivative(operation, scaled, timing=False).outcome
        return self._differences(operation, scaled, outcome.leaves, units) if isinstance(outcome, Outcome) else None

    def _differences(
        self, operation: str, participant: Participant, leaves: Leaves, units: Mapping[str, float]
    ) -> probing.Differences:
        self._tell(f"{operation} by the reference {participant.label}, close by")
        unit = min(units.values(), default=1.0) ** declared(operation).order
        coarsest = max((epsilon(leaf.dtype) for leaf in self._directions.x.leaves.values()), default=1.0)
        noise = participant.error(operation)(coarsest) * self._scale.value_size / unit
        near = probing.close_by(self._derivative_at(operation, participant), self._directions, units)
        return probing.Differences(leaves, units, unit, noise, near)

    def _derivative_at(self, operation: str, participant: Participant) -> Callable[[Any], Outcome]:
        u, options = self._direction(operation, participant), self._options(operation)
        return lambda x: participant.derivative(operation, x, u, **options)()

    def _check_transpose(self, timed: Mapping[str, Timed]) -> None:
        """Hold pulled cotangents to the reference's pushed tangent where it cannot pull back."""
        reference, cotangent = self._reference, self._directions.cotangent
        if reference is None or cotangent is None:
            return
        self._tell(f"jvp by the reference {reference.label}, to hold vjp to")
        pushed = self._derivative("jvp", reference, timing=False).outcome
        if not isinstance(pushed, Outcome):
            return
        tangent, product = read(self._directions.tangent, "x").leaves, probing.pairing(cotangent, pushed.leaves)
        for i, result in enumerate(self._found.results):
            outcome = timed[result.backend].outcome if result.backend in timed else None
            is_open = result.operation == "vjp" and result.status in ("agrees", "unchecked")
            if is_open and isinstance(outcome, Outcome):
                fault = probing.transpose_fault(outcome.leaves, tangent, *product, reference.error("jvp"))
                status: Status = "differs" if fault else "agrees"
                self._found.results[i] = replace(result, status=status, against=reference.label, error=fault or None)
        words = (
            f"vjp has no reference entry by entry; its product with the tangent was held to jvp by {reference.label}"
        )
        self._found.notes.append(words)

    # -- small things ---------------------------------------------------------------------------------

    def _kinks(self) -> Kinks | None:
        source = self._reference or next((p for p in self._task.participants if p.label not in self._failed), None)
        if source is None or not self._directions.size:
            return None
        layout, directions = BatchLayout(self._settings.batch_axis), self._directions
        return Kinks(source.value, self._task.x, directions.tangent, directions.cotangent, layout, self._units)

    def _timed(
        self, call: Callable[[], Outcome], prepare: Callable[[], Callable[[], Outcome]] | None = None, what: str = ""
    ) -> Timed:
        """What a call gives; with a way to prepare it, and if times are asked for, what it costs too."""
        try:
            start = time.perf_counter()
            with journal.explain() as log:
                outcome = call()
            first = time.perf_counter() - start
            self._note_constants(log)
            self._seconds = first if self._seconds == 0.0 else min(first, self._seconds)
            if prepare is None or not self._settings.timing:
                return Timed(outcome)
            seconds = median_seconds(call)
        except (Exception, SystemExit) as error:  # noqa: BLE001  # the user's function may raise anything
            return Timed(Failure.of(error))
        return Timed(outcome, first, seconds, *self._prepared(prepare, what, outcome))

    def _prepared(
        self, prepare: Callable[[], Callable[[], Outcome]], what: str, plain: Outcome
    ) -> tuple[float | None, float | None]:
        """How long preparing takes, the first call with it, and how long a call takes then."""
        self._tell(f"{what}, prepared")
        try:
            start = time.perf_counter()
            call = prepare()
            outcome = call()
            spent = time.perf_counter() - start
            seen = compare(Candidate("prepared", outcome.leaves, exact), Candidate("", plain.leaves, exact), Scale())
            if not seen.agree:
                self._note(f"{what}: the prepared call differs from the plain one by {seen.deviation.max_rel:.1e}")
            return spent, median_seconds(call)
        except (Exception, SystemExit) as error:  # noqa: BLE001  # a compiler may refuse what runs uncompiled
            self._note(f"{what} cannot be prepared ({Failure.of(error).words})")
            return None, None

    def _note_constants(self, log: journal.Explanation) -> None:
        for call in log.calls:
            for note in call.notes:
                words = f"{self._task.name}: on {call.backend} {note.words}"
                if note.topic == "constant" and words not in self._found.notes:
                    self._found.notes.append(words)

    def _tell(self, what: str) -> None:
        self._progress(f"{self._task.name}: {what}")

    def _note(self, words: str) -> None:
        self._found.notes.append(f"{self._task.name}: {words}")


def _is_no_batch(outcome: Outcome | Failure) -> bool:
    """Whether there is no batched Jacobian, because `f` maps no batch to one."""
    return isinstance(outcome, Failure) and isinstance(outcome.error, (BatchAxisError, BatchMixingError, DTypeError))
