"""The tangent and the cotangent, given or drawn, and rounded points."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from adhelpers.comparison.deviations import Leaves, epsilon, largest
from adhelpers.comparison.participants import Outcome, read
from adhelpers.comparison.task import Task
from adhelpers.errors import AdhelpersError, DTypeError, ShapeMismatchError, StructureMismatchError
from adhelpers.trees.matching import arrange_like


class Directions:
    """Vectors from the task, or else from a normal distribution; the cotangent is drawn when it is first needed."""

    def __init__(self, task: Task, seed: int) -> None:
        self._u = task.u
        self._seed = seed
        self._random = np.random.default_rng((seed, 1))  # not `seed` alone: x is drawn from it, and would equal u
        self.x = read(task.x, "x")
        self.size = sum(leaf.size for leaf in self.x.leaves.values())
        self._like: Outcome | None = None
        self._cotangent = None if task.cotangent is None else read(task.cotangent, "f(x)").leaves
        self._no_tangent: AdhelpersError | None = None
        given = task.tangent
        if given is None and self._u is not None:
            try:
                given = _arranged(self._u, self.x, "x")
            except AdhelpersError as error:
                self._no_tangent = error  # it may be a cotangent, once f(x) is known
        if given is None:
            given = self.x.rebuild({path: self._normal(leaf) for path, leaf in self.x.leaves.items()})
        self.tangent = given

    def learn(self, value: Outcome) -> None:
        """Learn the structure of ``f(x)``, and thus of the cotangent."""
        self._like = value.without_data()
        if self._u is not None:
            try:
                self._cotangent = read(_arranged(self._u, value, "f(x)"), "f(x)").leaves
            except AdhelpersError as error:
                if self._no_tangent is not None:
                    raise _neither(self._no_tangent, error) from error

    @property
    def cotangent(self) -> Leaves | None:
        """The cotangent by path; None while no value is known."""
        if self._cotangent is None and self._like is not None:
            self._cotangent = {path: self._normal(leaf) for path, leaf in self._like.leaves.items()}
        return self._cotangent

    def cotangent_for(self, value: Outcome | None) -> Any:
        """The cotangent in the containers and dtypes of a backend's own ``f(x)``."""
        cotangent, like = self.cotangent, self._like
        assert cotangent is not None, "a value is known"
        assert like is not None, "a value is known"
        own = value if value is not None and value.leaves.keys() == cotangent.keys() else like
        return own.rebuild(cotangent)

    def rounded(self) -> Any:
        """`x` with each entry rounded up or down by one unit."""
        random = np.random.default_rng((self._seed, 2))
        moved = {
            path: leaf * (1.0 + epsilon(leaf.dtype) * random.choice((-1.0, 1.0), leaf.shape)).astype(leaf.real.dtype)
            for path, leaf in self.x.leaves.items()
        }
        return self.x.rebuild(moved)

    @property
    def units(self) -> dict[str, float]:
        """By path: the largest entry of each leaf of `x`, or 1 if that is larger or zero."""
        return {path: min(1.0, largest(leaf) or 1.0) for path, leaf in self.x.leaves.items()}

    def stepped(self, sign: float, units: Mapping[str, float]) -> Any:
        """`x` with each entry moved by a step of finite differences, up or down at random; opposite for sign -1.

        The step is in units of the entry, or those of its leaf if they are larger.
        """
        random = np.random.default_rng((self._seed, 3))
        moved = {}
        for path, leaf in self.x.leaves.items():
            size = np.maximum(units[path], np.abs(leaf))
            step = epsilon(leaf.dtype) ** (1 / 3) * size * random.choice((-1.0, 1.0), leaf.shape)
            moved[path] = np.asarray(leaf + sign * step, leaf.dtype)
        return self.x.rebuild(moved)

    def _normal(self, like: np.ndarray) -> np.ndarray:
        numbers = self._random.standard_normal(like.shape)
        if like.dtype.kind == "c":
            numbers = numbers + 1j * self._random.standard_normal(like.shape)
        return np.asarray(numbers, dtype=like.dtype)


def _arranged(u: Any, partner: Outcome, name: str) -> Any:
    """`u` in the containers and dtypes of its partner: another precision is cast, but no imaginary part is lost."""
    leaves = read(arrange_like(u, "u", partner.rebuild(partner.leaves), name), name).leaves
    for path, leaf in partner.leaves.items():
        mine, own = leaves[path], path.replace(name, "u", 1)
        if mine.shape != leaf.shape:
            msg = f"{own} has shape {mine.shape}, but {path} has shape {leaf.shape}"
            raise ShapeMismatchError(msg)
        if mine.dtype.kind == "c" and leaf.dtype.kind != "c":
            msg = f"{own} has dtype {mine.dtype}, but {path} has {leaf.dtype}; give a real one, such as {own}.real"
            raise DTypeError(msg)
    return partner.rebuild(leaves)


def _neither(no_tangent: AdhelpersError, no_cotangent: AdhelpersError) -> AdhelpersError:
    """Why `u` is of no use: because of what it is nearest to."""
    errors = (no_tangent, no_cotangent)
    for error in errors:
        if isinstance(error, DTypeError):
            return error
    if any(isinstance(error, ShapeMismatchError) for error in errors):
        return ShapeMismatchError(
            "u is shaped neither as x nor as f(x); give a tangent like x, or a cotangent like f(x)"
        )
    return StructureMismatchError(f"{no_tangent}, or, for a cotangent, like f(x)")
