"""Who agrees with whom: tolerances from dtype and conditioning, and a status for each backend."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from adhelpers.comparison.deviations import (
    IncomparableError,
    Leaves,
    Measured,
    Tolerance,
    epsilon,
    largest,
    require_comparable,
)
from adhelpers.comparison.deviations import measure as measured
from adhelpers.comparison.results import Status

ROUNDINGS = 256
"""An entry may be off by so many roundings of the largest entry of its leaf, however small it is."""
SPREADS = 16
"""It may be off by so many times what one rounding of `x` changes in its leaf."""
ROUGHNESS = 8
"""One by differences may be off by so many times their relative error times `f`; the largest measured is two thirds."""
BENDS = 4
"""One by differences may be off by so many times what it bends over their steps."""


@dataclass(frozen=True)
class Scale:
    """What tolerances of one operation follow from.

    Attributes
    ----------
    rtol, atol
        What the user asked for; None for the default.
    spread
        By path: how much the result changes when each entry of `x` is rounded otherwise. Empty if not measured.
    bending
        By path: how much a derivative by differences bends over their steps. Empty if that need not be known.
    value_size, value_spread
        The largest entry of ``f(x)`` over that of `x`, the latter at least one, and how much ``f(x)`` changes when
        `x` is rounded otherwise: both show in differences of `f`.
    unit
        The size of `x` in which differences step, to the power of the order of the derivative; 1 as a rule.
    value_is_finite
        Where ``f(x)`` is NaN or infinite somewhere, a NaN in a difference says nothing.
    """

    rtol: float | None = None
    atol: float | None = None
    spread: Mapping[str, float] | None = None
    bending: Mapping[str, float] | None = None
    value_size: float = 0.0
    value_spread: float = 0.0
    unit: float = 1.0
    value_is_finite: bool = True

    def default(self) -> Scale:
        """The same without the user's own tolerances."""
        return replace(self, rtol=None, atol=None)

    def tolerance(self, a: Leaves, b: Leaves, *errors: Callable[[float], float]) -> Tolerance:
        """For two results whose relative errors, as functions of epsilon, are `errors`."""
        units = {path: max(epsilon(leaf.dtype), epsilon(b[path].dtype)) for path, leaf in a.items()}
        # Differences step all of x at once; what is exact is so to the precision of each leaf.
        unit = max(units.values(), default=float(np.finfo(np.float64).eps))
        owed = max((error(unit) for error in errors), default=unit)
        exact = owed <= unit
        rtol, atol = {}, {}
        for path, leaf in a.items():
            size = min(largest(leaf), largest(b[path])) or max(largest(leaf), largest(b[path]))
            noise = ROUNDINGS * units[path] * size + SPREADS * (self.spread or {}).get(path, 0.0)
            if not exact:
                # The rounding of f, divided by a step, shows in differences however small the derivative is.
                step = unit / owed * self.unit
                floor = max(size, ROUGHNESS * math.sqrt(owed) * self.value_size / self.unit)
                bends = BENDS * (self.bending or {}).get(path, 0.0)
                noise = max(noise, math.sqrt(owed) * floor, SPREADS * self.value_spread / step, bends)
            atol[path] = _wished(self.atol, noise, exact)
            # Two thirds of the digits of exact derivatives; half of those that differences have.
            rtol[path] = _wished(self.rtol, units[path] ** (2 / 3) if exact else math.sqrt(owed), exact)
        return Tolerance(rtol, atol)


def _wished(wish: float | None, default: float, exact: bool) -> float:
    """What the user asked for, but no more than differences can tell."""
    if wish is None:
        return default
    return wish if exact else max(wish, default)


@dataclass(frozen=True)
class Candidate:
    """A result that is to be judged."""

    label: str
    leaves: Leaves
    error: Callable[[float], float]

    @property
    def exact(self) -> bool:
        """Whether it was not computed by differences."""
        unit = float(np.finfo(np.float64).eps)
        return self.error(unit) <= unit


@dataclass(frozen=True)
class Verdict:
    """What is thought of one candidate."""

    status: Status
    against: str | None = None
    measured: Measured | None = None
    reference: Measured | None = None
    error: str | None = None


def compare(a: Candidate, b: Candidate, scale: Scale) -> Measured:
    """Two candidates; `IncomparableError` if their entries do not correspond."""
    require_comparable(a.leaves, b.leaves, b.label)
    mine, theirs = a.leaves, b.leaves
    hidden = unseen(a, b, scale) | unseen(b, a, scale)
    if hidden:
        mine, theirs = _blank(mine, hidden), _blank(theirs, hidden)
    return measured(mine, theirs, scale.tolerance(mine, theirs, a.error, b.error))


def unseen(exact: Candidate, differences: Candidate, scale: Scale) -> dict[str, np.ndarray]:
    """Where a difference is NaN, an exact result is not, and a NaN in ``f(x)`` may be why; empty if no NaN is."""
    if scale.value_is_finite or not exact.exact or differences.exact:
        return {}
    return {path: np.isnan(differences.leaves[path]) & ~np.isnan(leaf) for path, leaf in exact.leaves.items()}


def _blank(leaves: Leaves, hidden: Mapping[str, np.ndarray]) -> Leaves:
    return {path: np.where(hidden[path], np.zeros((), leaf.dtype), leaf) for path, leaf in leaves.items()}


def pairwise(candidates: Sequence[Candidate], scale: Scale) -> dict[tuple[str, str], Measured | str]:
    """Each two of them, or why they cannot be compared."""
    found: dict[tuple[str, str], Measured | str] = {}
    for i, a in enumerate(candidates):
        for b in candidates[i + 1 :]:
            try:
                found[a.label, b.label] = compare(a, b, scale)
            except IncomparableError as error:
                found[a.label, b.label] = str(error)
    return found


def judge(
    candidates: Sequence[Candidate],
    reference: Candidate | None,
    pairs: Mapping[tuple[str, str], Measured | str],
    scale: Scale,
) -> dict[str, Verdict]:
    """A status for each candidate.

    One that is too far from the reference differs. Of those that are near it, but not near one another, as exact
    derivatives must be much nearer than differences can tell, the odd one out differs: the one that differs from more
    than half of the others. Where there is no such majority, the one that is farther from the reference by far, or
    else both. Without a reference all are held to one another in this way. What is itself the reference, or has none,
    is unchecked if there is no other result. So is an exact result that no other exact one agrees with, if the
    reference, by differences, cannot tell it from zero, or is NaN throughout a leaf.
    """
    verdicts: dict[str, Verdict] = {}
    for candidate in candidates:
        alone = len(candidates) == 1 and (reference is None or candidate.leaves is reference.leaves)
        if alone or reference is None:
            verdicts[candidate.label] = Verdict("unchecked" if alone else "agrees")
            continue
        try:
            seen = compare(candidate, reference, scale)
        except IncomparableError as error:
            verdicts[candidate.label] = Verdict("differs", reference.label, error=f"the result {error}")
        else:
            status: Status = "agrees" if seen.agree else "differs"
            verdicts[candidate.label] = Verdict(status, reference.label, seen, seen)
    held = [c.label for c in candidates if c.exact or reference is None]
    near = [label for label in held if verdicts[label].status == "agrees"]
    differing = {label: _differing_from(label, near, pairs) for label in near}
    named: dict[str, Verdict] = {}
    by_label = {candidate.label: candidate for candidate in candidates}
    for label in near:
        others = differing[label]
        if not others:
            continue
        if 2 * len(others) > len(near) - 1 and not _is_excused(label, others, differing, verdicts):
            seen_pair = pairs.get((label, others[0])) or pairs[others[0], label]
            mine = verdicts[label].reference
            if isinstance(seen_pair, str):
                named[label] = Verdict("differs", others[0], None, mine, error=f"the result {seen_pair}")
            else:
                named[label] = Verdict("differs", others[0], seen_pair, mine)
    for label in near:
        told = [other for other in near if other != label and other not in differing[label]]
        if label not in named and not told and reference is not None and _is_blurred(by_label[label], reference, scale):
            named[label] = replace(verdicts[label], status="unchecked")
    return verdicts | named


def _is_blurred(candidate: Candidate, reference: Candidate, scale: Scale) -> bool:
    """Whether zero would agree as well as an exact result that is not zero, or in some leaf anything would."""
    if not candidate.exact or reference.exact:
        return False
    if any(hidden.size and hidden.all() for hidden in unseen(candidate, reference, scale).values()):
        return True
    tolerance = scale.default().tolerance(candidate.leaves, reference.leaves, candidate.error, reference.error)
    sizes = {path: largest(leaf) for path, leaf in candidate.leaves.items()}
    return any(sizes.values()) and all(size <= tolerance.atol[path] for path, size in sizes.items())


def _differing_from(label: str, near: Sequence[str], pairs: Mapping[tuple[str, str], Measured | str]) -> list[str]:
    found = []
    for (first, second), seen in pairs.items():
        if label in (first, second) and (isinstance(seen, str) or not seen.agree):
            other = second if label == first else first
            if other in near:
                found.append(other)
    return found


def _is_excused(
    label: str, others: Sequence[str], differing: Mapping[str, Sequence[str]], verdicts: Mapping[str, Verdict]
) -> bool:
    """Whether one that it differs from, and that differs from as many, is much farther from the reference."""
    mine = verdicts[label].reference
    if mine is None:
        return False
    theirs = [verdicts[other].reference for other in others if len(differing[other]) >= len(differing[label])]
    return any(one is not None and one.deviation.max_rel > 4 * mine.deviation.max_rel for one in theirs)
