"""Functions in which PyTorch's or JAX's own namespace loses a derivative, with their Jacobians in closed form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import adhelpers

X = np.array([0.5, 2.25, -0.75])
DIRECTION = np.array([0.3, -1.0, 0.7])
Z = np.array([0.6 + 0.8j, -1.5 + 0.5j, -0.4 - 1.1j])
MASK = np.array([True, False, True])


def columns(*columns: Any) -> np.ndarray:
    return np.stack(np.broadcast_arrays(*columns), axis=1)


ONE, NONE = np.ones(3), np.zeros(3)
INDEX = np.arange(3.0)

JACOBIANS: dict[str, tuple[Callable[[Any, Any], Any], np.ndarray]] = {
    "a complex base": (lambda xp, x: xp.pow(xp.asarray(Z), x), np.diag(np.log(Z) * Z**X)),
    "a complex number for a base": (lambda xp, x: xp.pow(2.0 + 1.0j, x), np.diag(np.log(2 + 1j) * (2 + 1j) ** X)),
    "a complex exponent": (lambda xp, x: xp.pow(x**2, 1.5j), np.diag(3j * X * (X**2) ** (1.5j - 1))),
    "a list": (
        lambda xp, x: xp.asarray([[x[0] * x[1], 2.0], [1, x[2]]])[:, 0] * x[2],
        np.array([[X[1] * X[2], X[0] * X[2], X[0] * X[1]], [0.0, 0.0, 1.0]]),
    ),
    "a list with complex numbers": (lambda xp, x: xp.asarray([x[0], x[1] + 2.0j]), np.eye(2, 3)),
    "linspace": (
        lambda xp, x: xp.linspace(x[0], x[1], 3),
        columns(1.0 - INDEX / 2, INDEX / 2, NONE),
    ),
    "linspace to a number": (lambda xp, x: xp.linspace(x[0], 1.0, 3, endpoint=False), columns(1 - INDEX / 3, 0, 0)),
    "arange": (lambda xp, x: xp.arange(x[0], x[1], 0.6), columns(ONE, NONE, NONE)),
    "arange by a step": (lambda xp, x: xp.arange(1.0, x[2], x[2] - 0.1), columns(NONE, NONE, INDEX)),
    "full": (lambda xp, x: xp.full((3,), x[1]), columns(NONE, ONE, NONE)),
    "frequencies": (lambda xp, x: xp.fft.rfftfreq(4, d=x[1]), columns(NONE, -INDEX / 4 / X[1] ** 2, NONE)),
    "a complex sum": (lambda xp, x: 1j * xp.cumulative_sum(x, dtype=xp.complex128), 1j * np.tri(3)),
    "a choice": (lambda xp, x: xp.where(MASK, x, 1j * x), np.diag(np.where(MASK, 1, 1j))),
    "unique values": (
        lambda xp, x: xp.unique_all(xp.concat([x, 2.0 * x, x])).values,
        np.array([[0, 0, 2], [0, 0, 1], [1, 0, 0], [2, 0, 0], [0, 1, 0], [0, 2, 0]], dtype=float),
    ),
    "of single elements": (lambda xp, x: xp.std(x[:, None], axis=1) + x, np.eye(3)),
    "neighbours": (lambda xp, x: xp.nextafter(x, xp.flip(x)), np.eye(3)),
    "a remainder": (lambda xp, x: xp.remainder(2.0, x), np.diag(-np.floor(2.0 / X))),
    "an axis of NumPy": (lambda xp, x: xp.max(xp.stack([x, -x]), axis=np.int64(0)), np.diag(np.sign(X))),
}


STATIC = sorted(JACOBIANS.keys() - {"arange", "arange by a step", "unique values"})
"""Those whose shapes do not depend on the numbers, so that all transformations take them."""


def over(f: Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
    return lambda x: f(adhelpers.array_namespace(x), x)
