"""The tangent and the cotangent, given or drawn, and rounded points."""

from __future__ import annotations

from typing import Any

import numpy as np

from adhelpers.comparison.deviations import Leaves, epsilon
from adhelpers.comparison.participants import Outcome, read
from adhelpers.comparison.task import Task
from adhelpers.errors import ShapeMismatchError


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
        given = task.tangent
        if given is None and self._u is not None and _fits(self._u, self.x, "x"):
            given = self._u
        self._u_is_tangent = given is not None
        if given is None:
            given = self.x.rebuild({path: self._normal(leaf) for path, leaf in self.x.leaves.items()})
        self.tangent = given

    def learn(self, value: Outcome) -> None:
        """Learn the structure of ``f(x)``, and thus of the cotangent."""
        self._like = value.without_data()
        if self._u is not None and not self._u_is_tangent and not _fits(self._u, value, "f(x)"):
            msg = "u is shaped neither as x nor as f(x); give a tangent like x, or a cotangent like f(x)"
            raise ShapeMismatchError(msg)

    @property
    def cotangent(self) -> Leaves | None:
        """The cotangent by path; None while no value is known."""
        if self._cotangent is None and self._like is not None:
            if self._u is not None and _fits(self._u, self._like, "f(x)"):
                self._cotangent = read(self._u, "f(x)").leaves
            else:
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

    def stepped(self, sign: float) -> Any:
        """`x` with each entry moved by a step of finite differences, up or down at random; opposite for sign -1."""
        random = np.random.default_rng((self._seed, 3))
        moved = {}
        for path, leaf in self.x.leaves.items():
            step = (
                epsilon(leaf.dtype) ** (1 / 3) * np.maximum(1.0, np.abs(leaf)) * random.choice((-1.0, 1.0), leaf.shape)
            )
            moved[path] = np.asarray(leaf + sign * step, leaf.dtype)
        return self.x.rebuild(moved)

    def _normal(self, like: np.ndarray) -> np.ndarray:
        numbers = self._random.standard_normal(like.shape)
        if like.dtype.kind == "c":
            numbers = numbers + 1j * self._random.standard_normal(like.shape)
        return np.asarray(numbers, dtype=like.dtype)


def _fits(u: Any, partner: Outcome, name: str) -> bool:
    mine = read(u, name).leaves
    return {path: leaf.shape for path, leaf in mine.items()} == {p: a.shape for p, a in partner.leaves.items()}
