"""What tests give SciPy's solvers: Rosenbrock's function, points, and functions that count their calls."""

from __future__ import annotations

from typing import Any

import numpy as np

import adhelpers

START = np.asarray([1.3, 0.7, 0.8, 1.9])  # of SciPy's tutorial; from others the way may lead to a local minimum


def rosenbrock(x: Any) -> Any:
    xp = adhelpers.array_namespace(x)
    return xp.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def rosenbrock_residuals(x: Any) -> Any:
    xp = adhelpers.array_namespace(x)
    return xp.concat([10.0 * (x[1:] - x[:-1] ** 2), 1.0 - x[:-1]])


def rosenbrock_jacobian(x: np.ndarray) -> np.ndarray:
    n = len(x)
    return np.concatenate([np.diag(-20.0 * x)[:-1] + 10.0 * np.eye(n, k=1)[:-1], -np.eye(n)[:-1]])


def points(count: int) -> list[np.ndarray]:
    return list(np.random.default_rng(0).normal(1.0, 0.5, (count, 4)))


class Counted:
    """A function that knows how often it was called."""

    def __init__(self, f: Any) -> None:
        self.f = f
        self.calls = 0

    def __call__(self, *args: Any) -> Any:
        self.calls += 1
        return self.f(*args)

    def during(self, call: Any, *arguments: Any) -> int:
        before = self.calls
        call(*arguments)
        return self.calls - before
