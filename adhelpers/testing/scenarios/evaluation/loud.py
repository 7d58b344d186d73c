"""Plain NumPy in f, which a framework may not see: an error, but never a wrong number (R16)."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from adhelpers import Capability
from adhelpers.testing.operations import MODES
from adhelpers.testing.scenario import Catalogue
from adhelpers.testing.subject import Function, Subject

SCENARIOS = Catalogue()

X, U = np.array([[0.5, 1.5, -2.0]]), np.array([[1.0, -0.5, 2.0]])


def built_by_numpy(xp: Any, x: Any) -> Any:
    return np.array([[2.0 * x[0, 0], x[0, 1] ** 2, x[0, 2]]])


def object_array(xp: Any, x: Any) -> Any:
    y = np.empty((1, 3), dtype=object)
    for i in range(3):
        y[0, i] = x[0, i] * 2.0
    return y


def filled_by_numpy(xp: Any, x: Any) -> Any:
    y = np.zeros((1, 3))
    for i in range(3):
        y[0, i] = x[0, i] * 2.0
    return y


def _loud(name: str, f: Function, slope: np.ndarray, subject: Subject) -> None:
    """Plain NumPy in f may work and may raise."""
    try:
        received = subject.product(name, f, subject.arrays(X), subject.arrays(U))
    except Exception:  # any error is loud
        return
    subject.expect_close(received, slope * U)


for _name, _mode in MODES.items():
    for _f, _slope in (
        (built_by_numpy, np.array([[2.0, 3.0, 1.0]])),
        (object_array, np.full((1, 3), 2.0)),
        (filled_by_numpy, np.full((1, 3), 2.0)),
    ):
        SCENARIOS.add(f"{_f.__name__.replace('_', '-')}/{_name}", "R16", [_mode])(partial(_loud, _name, _f, _slope))


def mutable_containers(xp: Any, x: Any) -> Any:
    """Plain containers that f builds; autograd, for example, does not see into them."""
    return {"rows": [x * 2.0, (x**2, x)], "x": x}


@SCENARIOS.add("plain-containers/jvp", "R16", [Capability.FORWARD])
def _containers_forward(subject: Subject) -> None:
    received = subject.jvp(mutable_containers, subject.arrays(X), subject.arrays(U))
    subject.expect_close(received, {"rows": [2 * U, (2 * X * U, U)], "x": U})


@SCENARIOS.add("plain-containers/vjp", "R16", [Capability.REVERSE])
def _containers_reverse(subject: Subject) -> None:
    u = subject.arrays({"rows": [U, (2 * U, 3 * U)], "x": 4 * U})
    subject.expect_close(subject.vjp(mutable_containers, subject.arrays(X), u), 2 * U + 4 * X * U + 7 * U)
