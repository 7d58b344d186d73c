"""A use of a name of the array API, and the arrays that it is used on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import adhelpers


def real(*shape: int, seed: int = 0, low: float = -0.9, high: float = 0.9) -> np.ndarray:
    return np.random.default_rng(seed).uniform(low, high, shape)


def positive(*shape: int, seed: int = 0) -> np.ndarray:
    return real(*shape, seed=seed, low=0.4, high=2.0)


def above_one(*shape: int, seed: int = 0) -> np.ndarray:
    return real(*shape, seed=seed, low=1.2, high=3.0)


def complexes(*shape: int, seed: int = 0) -> np.ndarray:
    """All four quadrants, none near a branch cut."""
    random = np.random.default_rng(seed)
    quadrant = random.permutation(np.arange(np.prod(shape)) % 4).reshape(shape)
    angle = random.uniform(0.2, 1.3, shape) + np.pi / 2 * quadrant
    return random.uniform(0.3, 1.8, shape) * np.exp(1j * angle)


def spread(*shape: int) -> np.ndarray:
    """Distinct numbers, far apart: no ties."""
    size = int(np.prod(shape))
    return np.random.default_rng(0).permutation(np.linspace(-1.0, 1.0, size)).reshape(shape)


def matrices(*shape: int, seed: int = 0) -> np.ndarray:
    """Well-conditioned."""
    return real(*shape, seed=seed) + 3.0 * np.eye(shape[-1])


@dataclass(frozen=True)
class Case:
    """One use of a name: ``f(xp, *arrays)``."""

    name: str
    f: Callable[..., Any]
    arrays: tuple[np.ndarray, ...]

    def over(self, x: tuple[Any, ...]) -> Any:
        return self.f(adhelpers.array_namespace(*x), *x)


def case(name: str, f: Callable[..., Any], *arrays: np.ndarray) -> Any:
    shapes = ",".join("x".join(map(str, a.shape)) + ("c" if np.iscomplexobj(a) else "") for a in arrays)
    return pytest.param(Case(name, f, tuple(map(np.asarray, arrays))), id=f"{name}-{shapes}")


def elementwise(name: str, *arrays: np.ndarray) -> Any:
    return case(name, lambda xp, *x: getattr(xp, name)(*x), *arrays)


MASK = np.array([[True, False, True], [False, False, True]])
