"""Why results disagree, as far as values of `f` and the results themselves can tell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from adhelpers.batch.layout import BatchLayout
from adhelpers.comparison.deviations import Leaves, Measured, epsilon, largest, measure
from adhelpers.comparison.judgement import Candidate, Scale, compare
from adhelpers.comparison.operations import VALUE, declared, is_batched
from adhelpers.comparison.participants import Outcome, read
from adhelpers.comparison.results import Deviation

MOST_TRANSFORMED = 2**22
"""Results with more entries are not tried to be transformed into one another."""

Place = tuple[str, tuple[int, ...]]


class Kinks:
    """Whether `f` has a derivative at the places of a result: one-sided differences of its values tell."""

    def __init__(
        self, value: Callable[[Any], Outcome], x: Any, tangent: Any, cotangent: Leaves | None, layout: BatchLayout
    ) -> None:
        self._value = value
        self._x = read(x, "x")
        self._tangent = read(tangent, "x")
        self._cotangent = cotangent
        self._layout = layout

    def explain(self, operation: str, a: Candidate, b: Candidate, seen: Measured, scale: Scale) -> bool:
        """Whether there is nothing but kinks where two results differ: at the worst places, or of a jvp everywhere."""
        try:
            if len(self.at(operation, seen.places)) < len(seen.places):
                return False
            if operation != "jvp":
                return True
            masks = self.along(self._tangent.leaves)
            rest = {path: np.where(masks[path], b.leaves[path], leaf) for path, leaf in a.leaves.items()}
            return compare(replace(a, leaves=rest), b, scale).agree
        except Exception:  # noqa: BLE001  # f may raise anything at points that nobody asked for
            return False

    def at(self, operation: str, places: Sequence[Place]) -> list[Place]:
        """Those of the places of a derivative where there is a kink."""
        if operation == VALUE or not places:
            return []
        if operation == "jvp":
            masks = self.along(self._tangent.leaves)
            return [(path, index) for path, index in places if path in masks and masks[path][index]]
        if operation == "vjp":
            return [place for place in places if self._is_kink_along(*place, self._cotangent)]
        if operation == "batched_jacobian":
            return [place for place in places if self._is_kink_of_jacobian(*place)]
        if declared(operation).result == "x":
            return [place for place in places if self._is_kink_along(*place)]
        if declared(operation).result in ("J", "H") and not is_batched(operation):
            return [place for place in places if self._is_kink_of_matrix(*place)]
        return []

    def along(self, direction: Leaves, weights: Leaves | None = None) -> dict[str, np.ndarray]:
        """For each leaf of ``f(x)`` where it bends, or jumps, in that direction; with weights: of the weighted sum."""
        epsilons = [epsilon(leaf.dtype) for leaf in self._x.leaves.values()]
        # Differences at steps of two sizes: what is smooth bends less at the smaller one, a kink does not.
        step = 2.0 ** round(np.log2(max(epsilons) ** (1 / 3))) * max(1.0, *map(largest, self._x.leaves.values()))
        step /= max((largest(leaf) for leaf in direction.values()), default=0.0) or 1.0
        with np.errstate(all="ignore"):
            here = self._weighted(0.0, direction, weights)
            bends: list[dict[str, np.ndarray]] = []
            for h in (step, step / 8):
                above, below = (self._weighted(signed, direction, weights) for signed in (h, -h))
                bends.append({path: (above[path] - y) + (below[path] - y) for path, y in here.items()})
                slopes = {path: np.abs(above[path] - y) + np.abs(y - below[path]) for path, y in here.items()}
            kinks = {}
            for path, y in here.items():
                # Bends are not divided by their steps: of a kink the second is an eighth, of a smooth one a 64th.
                first, second = np.abs(bends[0][path]), np.abs(bends[1][path])
                noise = 64 * max(epsilons) * np.maximum(np.abs(y), 1e-300)
                persists = (second > first / 16) & (second > noise) & (second > 1e-3 * slopes[path])
                kinks[path] = np.isfinite(y) & (persists | ~np.isfinite(first) | ~np.isfinite(second))
            return kinks

    def _weighted(self, h: float, direction: Leaves, weights: Leaves | None) -> dict[str, np.ndarray]:
        moved = {path: leaf + np.asarray(h * direction[path], leaf.dtype) for path, leaf in self._x.leaves.items()}
        leaves = self._value(self._x.rebuild(moved)).leaves
        if weights is None:
            return dict(leaves)
        return {path: weights[path] * leaf for path, leaf in leaves.items()}

    def _is_kink_along(self, path: str, index: tuple[int, ...], weights: Leaves | None = None) -> bool:
        """Whether ``f(x)``, or the weighted sum, has a kink in the direction of one element of `x`."""
        return any(mask.any() for unit in self._units(path, index) for mask in self.along(unit, weights).values())

    def _is_kink_of_matrix(self, path: str, index: tuple[int, ...]) -> bool:
        """Whether the row of a Jacobian has a kink in the direction of the column; or, of a Hessian, ``f(x)`` has."""
        for x_path, leaf in self._x.leaves.items():
            inner = x_path.removeprefix("x")
            split = len(index) - leaf.ndim
            if path.endswith(inner) and split >= 0:
                outer = f"f(x){path[1 : len(path) - len(inner)]}"
                for unit in self._units(x_path, index[split:]):
                    masks = self.along(unit)
                    if np.any(masks[outer][index[:split]] if outer in masks and path[0] == "J" else [*masks.values()]):
                        return True
        return False

    def _is_kink_of_jacobian(self, path: str, index: tuple[int, ...]) -> bool:
        layout = self._layout
        (x_path, x), (m, n, b) = (
            next(iter(self._x.leaves.items())),
            index if layout.axis == -1 else (*index[1:], index[0]),
        )
        positions = np.arange(x.size).reshape((-1, x.shape[-1]) if layout.axis == -1 else (x.shape[0], -1))
        position = positions[n, b] if layout.axis == -1 else positions[b, n]
        (unit, *_) = self._units(x_path, tuple(map(int, np.unravel_index(position, x.shape))))
        (mask,) = self.along(unit).values()
        return bool(mask.reshape(-1, mask.shape[-1])[m, b] if layout.axis == -1 else mask.reshape(len(mask), -1)[b, m])

    def _units(self, path: str, index: tuple[int, ...]) -> list[dict[str, np.ndarray]]:
        """The unit vectors of one element: real, and imaginary if it is complex."""
        units = []
        for unit in (1.0, 1.0j) if self._x.leaves[path].dtype.kind == "c" else (1.0,):
            direction = {p: np.zeros_like(leaf) for p, leaf in self._x.leaves.items()}
            direction[path][index] = unit
            units.append(direction)
        return units


def words(
    candidate: Candidate, partner: Candidate, scale: Scale, seen: Measured, *, values_differ: bool | None
) -> list[str]:
    """Sentences about one result that is not what its partner is; `values_differ` is None for values themselves."""
    label, deviation = candidate.label, seen.deviation
    if values_differ is None:
        sentences = [f"the value of f on {label} is not that of {partner.label}"]
    elif values_differ:
        sentences = [f"the values of f already differ on {label}, so its derivatives do too"]
    else:
        sentences = [f"the values of f agree; only derivatives on {label} differ"]
    by_default = compare(candidate, partner, scale.default())
    shape = _transformed(candidate, partner, scale)
    if by_default.agree:
        sentences.append(
            f"the difference is of the size of rounding: {deviation.max_ulp:.2g} units in the last place, "
            f"within what dtype and conditioning allow ({by_default.deviation.rtol:.1e} relative)"
        )
    elif candidate.exact and partner.exact and _is_single_precision(candidate, deviation):
        sentences.append("the difference is of the size of rounding in single precision: look for a cast or a constant")
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
    """What makes the one of the other, if that is simple."""
    mine, theirs = candidate.leaves, partner.leaves
    if sum(leaf.size for leaf in mine.values()) > MOST_TRANSFORMED:
        return None
    if not any(np.any(leaf) for leaf in mine.values()):
        return "zero, as where a gradient is stopped, and not"
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
