"""The description of results that differ: sentences, and the worst entries side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from adhelpers.comparison.deviations import Leaves, Measured, epsilon, measure
from adhelpers.comparison.diagnosis.kinks import Place
from adhelpers.comparison.judgement import Candidate, Scale, compare
from adhelpers.comparison.operations import VALUE
from adhelpers.comparison.results import Deviation

MOST_TRANSFORMED = 2**22
"""For results with more entries, no simple transformation is searched for."""


def words(
    operation: str,
    label: str,
    candidate: Candidate,
    partner: Candidate,
    scale: Scale,
    seen: Measured,
    *,
    values_differ: bool | None,
) -> list[str]:
    """Sentences about a result that differs from its partner; `values_differ` is None if unknown.

    The label names all backends that have this result.
    """
    deviation = seen.deviation
    if operation == VALUE:
        sentences = [f"the value of f on {label} differs from that of {partner.label}"]
    elif values_differ is None:
        sentences = []
    elif values_differ:
        sentences = [f"the values of f already differ on {label}, so its derivatives do too"]
    else:
        sentences = [f"the values of f agree; only derivatives on {label} differ"]
    by_default = compare(candidate, partner, scale.default())
    shape = _transformed(candidate, partner, scale)
    if by_default.agree:
        sentences.append(
            f"the difference has the size of rounding: {deviation.max_ulp:.2g} in units in the last place, "
            f"within the default tolerance for this dtype and conditioning ({by_default.deviation.rtol:.1e} relative)"
        )
    elif candidate.exact and partner.exact and _is_single_precision(candidate, deviation):
        sentences.append("the difference has the size of rounding in single precision: look for float32 in f")
    elif shape is not None:
        sentences.append(f"the result on {label} is {shape} that of {partner.label}")
    total = sum(leaf.size for leaf in candidate.leaves.values())
    sentences.append(
        f"{deviation.differing} of {total} entries on {label} differ, by up to {deviation.max_rel:.1e} where "
        f"{deviation.rtol:.1e} is allowed; the worst is {deviation.place}"
    )
    return sentences


def _is_single_precision(candidate: Candidate, deviation: Deviation) -> bool:
    widest = min((epsilon(leaf.dtype) for leaf in candidate.leaves.values()), default=1.0)
    return widest < 1e-12 and 1e-9 < deviation.max_rel < 1e-5


def _transformed(candidate: Candidate, partner: Candidate, scale: Scale) -> str | None:
    """The relation of one result to the other, if it is simple."""
    mine, theirs = candidate.leaves, partner.leaves
    if sum(leaf.size for leaf in mine.values()) > MOST_TRANSFORMED:
        return None
    if not any(np.any(leaf) for leaf in mine.values()):
        return "zero, as if a gradient was stopped, instead of"
    tolerance = scale.default().tolerance(mine, theirs, candidate.error, partner.error)
    products = sum(complex(np.vdot(theirs[path], leaf)) for path, leaf in mine.items())
    square = sum(float(np.vdot(leaf, leaf).real) for leaf in theirs.values())
    factor = products / square if square > 0.0 and np.isfinite(square) and np.isfinite(products) else 1.0
    trials: list[tuple[str, Callable[[np.ndarray], np.ndarray]]] = [
        ("the complex conjugate of", np.conj),
        ("the negative of", np.negative),
    ]
    if factor.imag == 0.0 or abs(factor.imag) < 1e-12 * abs(factor.real):
        trials.append((f"{factor.real:.6g} times", lambda leaf: factor.real * leaf))
    for text, transform in trials:
        with np.errstate(all="ignore"):
            if measure(mine, {path: np.asarray(transform(leaf)) for path, leaf in theirs.items()}, tolerance).agree:
                return text
    return None


def entries(places: Sequence[Place], shown: Sequence[Leaves], most: int = 5) -> tuple[tuple[str, ...], ...]:
    """The values at the worst places, side by side."""
    rows = []
    for path, index in places[:most]:
        place = f"{path}[{', '.join(map(str, index))}]" if index else path
        rows.append((place, *(_entry(leaves, path, index) for leaves in shown)))
    return tuple(rows)


def _entry(leaves: Leaves, path: str, index: tuple[int, ...]) -> str:
    try:
        entry = leaves[path][index].item()
    except (KeyError, IndexError):
        return "-"
    return f"{entry:.17g}" if epsilon(leaves[path].dtype) < 1e-10 else f"{entry:.9g}"
