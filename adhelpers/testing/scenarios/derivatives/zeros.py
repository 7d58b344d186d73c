"""Exact zeros if there is no dependence (R6)."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

import numpy as np

from adhelpers import Capability
from adhelpers.testing.models import complex_numbers, like, numbers
from adhelpers.testing.operations import MODES
from adhelpers.testing.scenario import Catalogue
from adhelpers.testing.subject import Subject

SCENARIOS = Catalogue()


def constant(xp: Any, x: Any) -> Any:
    return {"array": like(xp, [1.0, 2.0], x["a"]), "number": 3.0, "used": x["a"] ** 2}


_POINT = {"a": np.array([1.0, 2.0, 3.0]), "unused": np.array([[4.0, 5.0]])}


@SCENARIOS.add("independent-outputs/jvp", "R6", [Capability.FORWARD])
def _zero_tangents(subject: Subject) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        received = subject.jvp(constant, subject.arrays(_POINT), subject.arrays(_POINT))
    subject.expect_close(received, {"array": np.zeros(2), "number": np.zeros(()), "used": 2 * _POINT["a"] ** 2})
    subject.expect_equal([received["array"], received["number"]], [np.zeros(2), np.zeros(())])


@SCENARIOS.add("unused-inputs/vjp", "R6", [Capability.REVERSE])
def _zero_cotangents(subject: Subject) -> None:
    u = {"array": np.ones(2), "number": np.ones(()), "used": np.ones(3)}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        received = subject.vjp(constant, subject.arrays(_POINT), subject.arrays(u))
    subject.expect_close(received, {"a": 2 * _POINT["a"], "unused": np.zeros((1, 2))})
    subject.expect_equal(received["unused"], np.zeros((1, 2)))


def _nothing_depends(name: str, subject: Subject) -> None:
    """Not a single output depends on a single input."""
    x, y = numbers(3), numbers(2, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        received = subject.product(
            name, lambda xp, x: like(xp, y, x), subject.arrays(x), subject.arrays(x if name == "jvp" else y)
        )
    subject.expect_equal(received, np.zeros((2, 2)) if name == "jvp" else np.zeros(3))


def _independent_of_complex(name: str, subject: Subject) -> None:
    z, y = complex_numbers(3), numbers(2)

    def f(xp: Any, z: Any) -> Any:
        return xp.asarray(subject.in_precision(y))

    received = subject.product(name, f, subject.arrays(z), subject.arrays(z if name == "jvp" else y))
    subject.expect_equal(received, np.zeros(2) if name == "jvp" else np.zeros(3, dtype=complex))


for _name, _mode in MODES.items():
    SCENARIOS.add(f"constant-function/{_name}", "R6", [_mode])(partial(_nothing_depends, _name))
    SCENARIOS.add(f"constant-function-of-complex/{_name}", "R6", [_mode, Capability.COMPLEX])(
        partial(_independent_of_complex, _name)
    )
