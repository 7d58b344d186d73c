"""Jacobians by differences of functions over NumPy; no framework takes part.

Complex numbers are pairs of real ones here, so that functions which are not holomorphic are held to the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

STEP = 1e-3


def as_real(z: np.ndarray) -> np.ndarray:
    """Real and imaginary parts in one row; a complex number is a pair of coordinates."""
    flat = np.ravel(z)
    return np.concatenate([flat.real, flat.imag]) if np.iscomplexobj(flat) else flat


def as_dual(u: np.ndarray) -> np.ndarray:
    """The row whose product with `as_real` of a number is the pairing Re(sum(u * number))."""
    return as_real(np.conj(u))


def tuple_as_real(x: tuple[np.ndarray, ...], view: Callable[[np.ndarray], np.ndarray] = as_real) -> np.ndarray:
    return np.concatenate([view(leaf) for leaf in x])


def directions(x: tuple[np.ndarray, ...]) -> list[tuple[np.ndarray, ...]]:
    """The unit vectors of the coordinates of `tuple_as_real`."""
    found = []
    for i, leaf in enumerate(x):
        for unit in (1.0, 1.0j) if np.iscomplexobj(leaf) else (1.0,):
            for k in range(leaf.size):
                moved = [np.zeros_like(other) for other in x]
                moved[i].reshape(-1)[k] = unit
                found.append(tuple(moved))
    return found


def jacobian(f: Callable[[tuple[np.ndarray, ...]], np.ndarray], x: tuple[np.ndarray, ...]) -> np.ndarray:
    """Of the real coordinates, by central differences of fourth order."""

    def at(k: int, direction: tuple[np.ndarray, ...]) -> np.ndarray:
        return as_real(f(tuple(leaf + k * STEP * d for leaf, d in zip(x, direction, strict=True))))

    return np.stack(
        [(8 * (at(1, d) - at(-1, d)) - (at(2, d) - at(-2, d))) / (12 * STEP) for d in directions(x)], axis=1
    )


def random_like(x: Any, seed: int) -> np.ndarray:
    parts = np.random.default_rng(seed).standard_normal((2, *np.shape(x)))
    return np.asarray(parts[0] + 1j * parts[1] if np.iscomplexobj(x) else parts[0], dtype=np.asarray(x).dtype)


def close(actual: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(actual, expected, rtol=2e-8, atol=2e-9 * max(1.0, np.abs(expected).max(initial=0.0)))
