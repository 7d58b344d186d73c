"""From the outcomes of one operation to results, pairs, and a finding if results differ."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from adhelpers.comparison.deviations import Measured
from adhelpers.comparison.diagnosis import differences
from adhelpers.comparison.diagnosis.kinks import Kinks
from adhelpers.comparison.judgement import Candidate, Scale, Verdict, judge, pairwise, unseen
from adhelpers.comparison.operations import VALUE, declared
from adhelpers.comparison.participants import Outcome, Participant
from adhelpers.comparison.phrases import enumerated
from adhelpers.comparison.results import Deviation, Finding, Pair, Result, Status
from adhelpers.comparison.task import Failure, Task, Timed

Pairs = Mapping[tuple[str, str], Measured | str]
Differing = list[tuple[str, str | None, Measured | str | None]]
"""Which backends differ, and by how much, or why they cannot be compared."""


@dataclass
class Findings:
    """The findings for one function, operation by operation."""

    task: Task
    results: list[Result] = field(default_factory=list)
    pairs: list[Pair] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    values_differ: frozenset[str] = frozenset()

    def add(
        self,
        operation: str,
        timed: Mapping[str, Timed],
        standard: Candidate | None,
        scale: Scale,
        kinks: Callable[[], Kinks | None],
    ) -> None:
        """Judge the outcomes of one operation on the backends."""
        candidates = [
            Candidate(p.label, t.outcome.leaves, p.error(operation))
            for p in self.task.participants
            if (t := timed.get(p.label)) is not None and isinstance(t.outcome, Outcome)
        ]
        pairs = pairwise(candidates, scale)
        verdicts = judge(candidates, standard, pairs, scale)
        differing = [label for label, verdict in verdicts.items() if verdict.status == "differs"]
        if operation == VALUE:
            self.values_differ = frozenset(differing)
        if differing or any(isinstance(seen, str) or not seen.agree for seen in pairs.values()):
            shown = candidates if standard is None else [*candidates, standard]
            verdicts = self._explain(operation, shown, verdicts, pairs, scale, kinks)
        asked = [p for p in self.task.participants if p.label in timed]
        self.results += [self._result(operation, p, timed[p.label], verdicts.get(p.label)) for p in asked]
        self.pairs += [
            Pair(self.task.name, operation, first, second, seen.deviation, seen.agree)
            for (first, second), seen in pairs.items()
            if isinstance(seen, Measured)
        ]
        told = [v.measured for label, v in verdicts.items() if v.measured is not None and v.against != label]
        nans = max((seen.deviation.nans for seen in told), default=0)
        if nans:
            entries = "entry is" if nans == 1 else "entries are"
            self.notes.append(f"{operation}: {nans} {entries} NaN at the same places, which counts as agreement")
        if standard is not None:
            held = [c for c in candidates if verdicts[c.label].reference is not None]
            self.notes += _unseen(operation, held, standard, scale)
        if not self.task.closed_forms and any(verdict.status != "unchecked" for verdict in verdicts.values()):
            self.notes += _tolerances(operation, candidates, standard, scale)

    def _result(self, operation: str, participant: Participant, timed: Timed, verdict: Verdict | None) -> Result:
        place = (self.task.name, operation, participant.label)
        if isinstance(timed.outcome, Failure) or verdict is None:
            failure = timed.outcome if isinstance(timed.outcome, Failure) else None
            return Result(*place, failure.status if failure else "failed", error=failure.words if failure else None)
        measured, reference = _deviation(verdict.measured), _deviation(verdict.reference)
        return Result(
            *place,
            verdict.status,
            verdict.against,
            measured,
            reference,
            timed.first_seconds,
            timed.seconds,
            verdict.error,
            timed.prepare_seconds,
            timed.prepared_seconds,
        )

    def _explain(
        self,
        operation: str,
        shown: Sequence[Candidate],
        verdicts: dict[str, Verdict],
        pairs: Pairs,
        scale: Scale,
        kinks: Callable[[], Kinks | None],
    ) -> dict[str, Verdict]:
        """Add a finding; if only kinks make the results differ, return other verdicts."""
        by_label = {candidate.label: candidate for candidate in shown}
        found: Differing = [(label, v.against, v.measured) for label, v in verdicts.items() if v.status == "differs"]
        found = found or [(*pair, seen) for pair, seen in pairs.items() if isinstance(seen, str) or not seen.agree]
        measured = [(by_label[a], by_label[b], s) for a, b, s in found if isinstance(s, Measured) and b is not None]
        sentences: list[str] = []
        if operation != VALUE and not self.values_differ and len(measured) == len(found):
            bends = kinks()
            if bends is not None and all(bends.explain(operation, a, b, seen, scale) for a, b, seen in measured):
                verdicts, sentences = _at_a_kink(operation, verdicts, pairs, by_label, measured[0][2].deviation.place)
        if not sentences:
            for labels, (a, b, seen) in _shared(measured, pairs):
                differ = None if self.task.closed_forms else bool({*labels, b.label} & self.values_differ)
                sentences += differences.words(operation, enumerated(labels), a, b, scale, seen, values_differ=differ)
            reasons = ((a, verdicts[a].error or seen) for a, _, seen in found if not isinstance(seen, Measured))
            sentences += [f"on {label} {reason}" for label, reason in reasons]
        places = list(dict.fromkeys(itertools.chain.from_iterable(seen.places[:5] for _, _, seen in measured)))
        entries = differences.entries(places, [candidate.leaves for candidate in by_label.values()])
        words = tuple(dict.fromkeys(sentences))
        self.findings.append(Finding(self.task.name, operation, words, tuple(by_label), entries))
        return verdicts


Difference = tuple[Candidate, Candidate, Measured]
"""A result, the result that it differs from, and by how much."""


def _shared(found: Sequence[Difference], pairs: Pairs) -> list[tuple[list[str], Difference]]:
    """Group backends with the same wrong result, each with its worst difference."""
    groups: list[list[Difference]] = []
    for one in found:
        for group in groups:
            (first, partner, _) = group[0]
            seen = pairs.get((first.label, one[0].label))
            if partner is one[1] and isinstance(seen, Measured) and seen.agree:
                group.append(one)
                break
        else:
            groups.append([one])
    return [([a.label for a, _, _ in group], max(group, key=lambda one: one[2].deviation.max_rel)) for group in groups]


def exact(epsilon: float) -> float:
    """The relative error of a result without finite differences."""
    return epsilon


def _at_a_kink(
    operation: str, verdicts: Mapping[str, Verdict], pairs: Pairs, by_label: Mapping[str, Candidate], place: str
) -> tuple[dict[str, Verdict], list[str]]:
    """No backend is blamed; if all except finite differences agree, all count as agreeing."""
    derivative = "second derivative" if declared(operation).order > 1 else "derivative"
    kink = (
        f"x lies at a kink, where f has no {derivative}: one-sided differences disagree, and each framework makes its "
        "own choice; move x away from it, or see docs/kinks.md"
    )
    sentences = [kink, f"the kink shows at {place}"]
    sharp = {label for label, candidate in by_label.items() if candidate.exact}
    torn = any(sharp.issuperset(pair) and not (isinstance(s, Measured) and s.agree) for pair, s in pairs.items())
    status: Status = "kink" if torn else "agrees"
    if not torn and len(sharp) > 1:
        sentences.append("the frameworks agree there; finite differences do not count")
    return {label: replace(verdict, status=status) for label, verdict in verdicts.items()}, sentences


def _unseen(operation: str, held: Sequence[Candidate], standard: Candidate, scale: Scale) -> list[str]:
    """A line on entries that were not compared with the reference, as it is NaN there."""
    masks = [unseen(candidate, standard, scale).values() for candidate in held]
    most = max((sum(int(np.count_nonzero(mask)) for mask in found) for found in masks), default=0)
    entries = "1 entry" if most == 1 else f"{most} entries"
    words = f"{entries} could not be held to {standard.label}, which is NaN there, as f(x) is NaN or infinite somewhere"
    return [f"{operation}: {words}"] if most else []


def _tolerances(operation: str, candidates: Sequence[Candidate], standard: Candidate | None, scale: Scale) -> list[str]:
    """A line on the tolerances between exact results, and to the reference."""
    told = []
    sharp = [candidate for candidate in candidates if candidate.exact]
    if len(sharp) > 1:
        told.append(("between backends", sharp[0], sharp[1]))
    if standard is not None and candidates:
        other = next((c for c in sharp if c.label != standard.label), candidates[0])
        told.append((f"to {standard.label}", other, standard))
    words = []
    for what, a, b in told:
        if a.leaves.keys() == b.leaves.keys() and a.leaves:
            tolerance = scale.tolerance(a.leaves, b.leaves, a.error, b.error)
            words.append(f"{what} rtol {max(tolerance.rtol.values()):.1e}, atol {max(tolerance.atol.values()):.1e}")
    conditioning = max((scale.spread or {}).values(), default=None)
    if words and conditioning is not None:
        words.append(f"rounding x changes it by {conditioning:.1e}")
    return [f"{operation}: tolerance {'; '.join(words)}"] if words else []


def _deviation(seen: Measured | None) -> Deviation | None:
    return None if seen is None else seen.deviation
