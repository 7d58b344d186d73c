"""`Kinks`: whether `f` has a derivative where results differ, from one-sided differences of its values."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from adhelpers.batch.layout import BatchLayout
from adhelpers.comparison.deviations import Leaves, Measured, epsilon, largest
from adhelpers.comparison.judgement import Candidate, Scale, compare
from adhelpers.comparison.operations import VALUE, declared, is_batched
from adhelpers.comparison.participants import Outcome, read

Place = tuple[str, tuple[int, ...]]

Masks = dict[str, np.ndarray]
"""For each leaf of ``f(x)``: where there is a kink."""

MOST_DIRECTIONS = 64
"""For a result that adds up all elements of `x`, kinks are searched for if `x` has at most so many."""


class Kinks:
    """Whether `f` has a derivative at the places of a result."""

    def __init__(
        self,
        value: Callable[[Any], Outcome],
        x: Any,
        tangent: Any,
        cotangent: Leaves | None,
        layout: BatchLayout,
        units: Mapping[str, float] | None = None,
    ) -> None:
        self._value = value
        self._x = read(x, "x")
        self._tangent = read(tangent, "x")
        self._cotangent = cotangent
        self._layout = layout
        whole = max(1.0, *map(largest, self._x.leaves.values()))
        self._sizes = units or dict.fromkeys(self._x.leaves, whole)

    def explain(self, operation: str, a: Candidate, b: Candidate, seen: Measured, scale: Scale) -> bool:
        """Whether two results differ only at kinks: checked wherever they differ, and never if that is too often."""
        try:
            if operation == "jvp":
                masks = self.along(self._tangent.leaves)
                rest = {path: np.where(masks[path], b.leaves[path], leaf) for path, leaf in a.leaves.items()}
                return compare(replace(a, leaves=rest), b, scale).agree
            if seen.deviation.differing > len(seen.places):
                return False
            return all(self.at(operation, [place]) for place in seen.places)
        except Exception:  # noqa: BLE001  # f may raise anything at points that the user did not choose
            return False

    def at(self, operation: str, places: Sequence[Place]) -> list[Place]:
        """The places of a derivative that lie at a kink."""
        if operation == VALUE or not places:
            return []
        if operation == "jvp":
            masks = self.along(self._tangent.leaves)
            return [(path, index) for path, index in places if path in masks and masks[path][index]]
        return [place for place in places if any(self._found(operation, *place))]

    def along(self, direction: Leaves, weights: Leaves | None = None, order: int = 1) -> Masks:
        """Where ``f(x)``, or its weighted sum, lacks a derivative up to that order in that direction."""
        masks = self._jumps(direction, weights, 1)
        for higher in range(2, order + 1):
            masks = {path: masks[path] | mask for path, mask in self._jumps(direction, weights, higher).items()}
        return masks

    def _jumps(self, direction: Leaves, weights: Leaves | None, order: int) -> Masks:
        """Where the derivative of that order, 1 or 2, jumps: one-sided differences disagree at every step."""
        unit = max(epsilon(leaf.dtype) for leaf in self._x.leaves.values())
        step = 2.0 ** round(np.log2(unit ** (1 / (order + 2))))
        step /= max((largest(leaf) / self._sizes[path] for path, leaf in direction.items()), default=0.0) or 1.0
        with np.errstate(all="ignore"):
            here = self._weighted(0.0, direction, weights)

            def one_sided(h: float) -> dict[str, np.ndarray]:
                near = self._weighted(h, direction, weights)
                if order == 1:
                    return {path: near[path] - y for path, y in here.items()}
                far = self._weighted(2.0 * h, direction, weights)
                return {path: (far[path] - near[path]) - (near[path] - y) for path, y in here.items()}

            jumps: list[dict[str, np.ndarray]] = []
            for h in (step, step / 8):
                above, below = one_sided(h), one_sided(-h)
                jumps.append({path: above[path] - (-1) ** order * below[path] for path in here})
                sizes = {path: np.abs(above[path]) + np.abs(below[path]) for path in here}
            kinks = {}
            for path, y in here.items():
                # Not divided by their steps: at a kink the second is smaller by 8**order, elsewhere by 8**(order + 1).
                first, second = np.abs(jumps[0][path]), np.abs(jumps[1][path])
                noise = 64 * order * unit * np.maximum(np.abs(y), 1e-300)
                persists = (second > first / (2 * 8**order)) & (second > noise) & (second > 1e-3 * sizes[path])
                kinks[path] = np.isfinite(y) & (persists | ~np.isfinite(first) | ~np.isfinite(second))
            return kinks

    def _weighted(self, h: float, direction: Leaves, weights: Leaves | None) -> dict[str, np.ndarray]:
        moved = {path: leaf + np.asarray(h * direction[path], leaf.dtype) for path, leaf in self._x.leaves.items()}
        leaves = self._value(self._x.rebuild(moved)).leaves
        if weights is None:
            return dict(leaves)
        return {path: weights[path] * leaf for path, leaf in leaves.items()}

    # -- in which directions, and of what -------------------------------------------------------------

    def _found(self, operation: str, path: str, index: tuple[int, ...]) -> Iterator[bool]:
        """For each direction that an entry of a result depends on: whether it has a kink."""
        operation_ = declared(operation)
        order, result = operation_.order, operation_.result
        if is_batched(operation):
            yield self._in_a_batch(index, order)
        elif result == "x":
            weights = self._cotangent if operation_.along == "f(x)" else None
            for unit in self._units(path, index):
                yield _anywhere(self.along(unit, weights, order))
        elif result == "f(x)":
            if self._x.size <= MOST_DIRECTIONS:
                for x_path, leaf in self._x.leaves.items():
                    for i in np.ndindex(leaf.shape):
                        yield from (self.along(unit, None, order)[path][index] for unit in self._units(x_path, i))
        else:
            yield from self._in_a_matrix(result, path, index, order)

    def _in_a_matrix(self, result: str, path: str, index: tuple[int, ...], order: int) -> Iterator[bool]:
        """In a Jacobian: along the column, and in the row; in a Hessian: along row and column, anywhere."""
        row, column = self._row_and_column(result, path)
        split = len(index) - self._x.leaves[column].ndim
        for unit in self._units(column, index[split:]):
            masks = self.along(unit, None, order)
            yield _anywhere(masks) if result == "H" else bool(masks[row][index[:split]])
        if result == "H":
            for unit in self._units(row, index[:split]):
                yield _anywhere(self.along(unit, None, order))

    def _row_and_column(self, result: str, path: str) -> tuple[str, str]:
        """The leaf of ``f(x)``, or of `x` in a Hessian, and the leaf of `x`, to which a leaf of a matrix belongs."""
        columns = {column.removeprefix("x"): column for column in self._x.leaves}
        rows = columns if result == "H" else {row.removeprefix("f(x)"): row for row in self._outputs}
        # Of J[1][0] alone one cannot tell which of the indices are those of x.
        return next(
            (row, column)
            for (outer, row), (inner, column) in itertools.product(rows.items(), columns.items())
            if path == f"{result}{outer}{inner}"
        )

    @functools.cached_property
    def _outputs(self) -> tuple[str, ...]:
        return tuple(self._value(self._x.rebuild(self._x.leaves)).leaves)

    def _in_a_batch(self, index: tuple[int, ...], order: int) -> bool:
        """For one array: in the direction of the last element in the index, and in the row in the index, if any."""
        is_last = self._layout.axis == -1
        (*rows, n), b = (index[:-1], index[-1]) if is_last else (index[1:], index[0])
        ((x_path, x),) = self._x.leaves.items()
        positions = np.arange(x.size).reshape((-1, x.shape[-1]) if is_last else (x.shape[0], -1))
        position = positions[n, b] if is_last else positions[b, n]
        (unit, *_) = self._units(x_path, tuple(map(int, np.unravel_index(position, x.shape))))
        (mask,) = self.along(unit, None, order).values()
        outputs = mask.reshape(-1, mask.shape[-1])[:, b] if is_last else mask.reshape(len(mask), -1)[b]
        return bool(outputs[rows[0]] if rows and order == 1 else outputs.any())

    def _units(self, path: str, index: tuple[int, ...]) -> list[dict[str, np.ndarray]]:
        """The unit vectors of one element: real, and imaginary if it is complex."""
        units = []
        for unit in (1.0, 1.0j) if self._x.leaves[path].dtype.kind == "c" else (1.0,):
            direction = {p: np.zeros_like(leaf) for p, leaf in self._x.leaves.items()}
            direction[path][index] = unit
            units.append(direction)
        return units


def _anywhere(masks: Masks) -> bool:
    return any(bool(mask.any()) for mask in masks.values())
