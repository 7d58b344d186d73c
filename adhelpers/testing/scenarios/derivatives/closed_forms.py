"""A function of several leaves, a direction, and its derivatives by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from adhelpers.testing.models import like, numbers

W = np.array([[1.0, -2.0], [0.5, 3.0]])
A, B, P = numbers(3), numbers(2, 2, seed=1), np.asarray(0.7)
X = {"a": A, "b": (B, P)}
T = {"a": numbers(3, seed=2), "b": (numbers(2, 2, seed=3), np.asarray(-1.3))}


def cubic(xp: Any, x: Any) -> Any:
    a, (b, p) = x["a"], x["b"]
    return p * xp.sum(a**3) + xp.sum(a) * xp.sum(like(xp, W, b) * b**2)


VALUE = P * np.sum(A**3) + np.sum(A) * np.sum(W * B**2)
GRADIENT = {"a": 3.0 * P * A**2 + np.sum(W * B**2), "b": (2.0 * np.sum(A) * W * B, np.sum(A**3))}
_AB = np.ones(3)[:, None, None] * (2.0 * W * B)
_BB = 2.0 * np.sum(A) * np.diag(W.ravel()).reshape(2, 2, 2, 2)
HESSIAN = {
    "a": {"a": np.diag(6.0 * P * A), "b": (_AB, 3.0 * A**2)},
    "b": (
        {"a": np.moveaxis(_AB, 0, -1), "b": (_BB, np.zeros((2, 2)))},
        {"a": 3.0 * A**2, "b": (np.zeros((2, 2)), np.zeros(()))},
    ),
}
TRACE = np.asarray(np.sum(6.0 * P * A) + 2.0 * np.sum(A) * np.sum(W))


def _times(row: Any, t: Any) -> np.ndarray:
    """A row of blocks times a direction."""
    pairs = ((row["a"], t["a"]), (row["b"][0], t["b"][0]), (row["b"][1], t["b"][1]))
    return np.asarray(sum(np.tensordot(block, part, axes=part.ndim) for block, part in pairs))


PRODUCT = {"a": _times(HESSIAN["a"], T), "b": tuple(_times(row, T) for row in HESSIAN["b"])}


def several(xp: Any, x: Any) -> Any:
    a, (b, p) = x["a"], x["b"]
    return {"y": [a * p, xp.sum(b**2)], "z": b * a[0]}


JACOBIAN = {
    "y": [
        {"a": P * np.eye(3), "b": (np.zeros((3, 2, 2)), A)},
        {"a": np.zeros(3), "b": (2.0 * B, np.zeros(()))},
    ],
    "z": {"a": B[:, :, None] * np.eye(3)[0], "b": (A[0] * np.eye(4).reshape(2, 2, 2, 2), np.zeros((2, 2)))},
}


def quartic(xp: Any, z: Any) -> Any:
    return xp.sum(xp.real(z**3) + xp.real(z * xp.conj(z)) ** 2)
