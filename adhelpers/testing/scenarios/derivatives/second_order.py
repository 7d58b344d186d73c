"""Second derivatives, Hessians, their products and traces (R12)."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

import adhelpers
from adhelpers import Capability
from adhelpers.testing.models import complex_numbers, like
from adhelpers.testing.operations import BOTH, call, nested
from adhelpers.testing.scenario import Catalogue
from adhelpers.testing.scenarios.derivatives.closed_forms import (
    HESSIAN,
    PRODUCT,
    TRACE,
    VALUE,
    A,
    P,
    T,
    X,
    cubic,
    quartic,
)
from adhelpers.testing.subject import Subject

SCENARIOS = Catalogue()
DOUBLE = ("auto", "forward-over-reverse", "reverse-over-reverse", "reverse-over-forward", "forward-over-forward")


@SCENARIOS.add("second-derivative-of-several/second-derivative", "R12", nested("jvp"))
def _second_derivative(subject: Subject) -> None:
    def f(xp: Any, x: Any) -> Any:
        return {"one": xp.sin(x), "three": [x**3 * like(xp, A, x)]}

    value, received = call(adhelpers.value_and_second_derivative, subject, f, subject.arrays(P))
    subject.expect_close(value, {"one": np.sin(P), "three": [P**3 * A]}, what="the value")
    subject.expect_close(received, {"one": -np.sin(P), "three": [6.0 * P * A]}, depth=2)


def _hessian(mode: str, subject: Subject) -> None:
    value, received = call(adhelpers.value_and_hessian, subject, cubic, subject.arrays(X), mode=mode)
    subject.expect_close(value, VALUE, what="the value")
    subject.expect_close(received, HESSIAN, depth=2, scale=_SCALE)


def _hessian_vector_product(mode: str, subject: Subject) -> None:
    x, u = subject.arrays(X), subject.arrays(T)
    value, received = call(adhelpers.value_and_hessian_vector_product, subject, cubic, x, u, mode=mode)
    subject.expect_close(value, VALUE, what="the value")
    subject.expect_close(received, PRODUCT, depth=2, scale=_SCALE)


_SCALE = 10.0
"""About the size of the function and its derivatives, whose rounding shows in blocks of zeros."""


def _complex_product(mode: str, subject: Subject) -> None:
    z, u = complex_numbers(3), complex_numbers(3)[::-1].copy()
    operands = subject.arrays(z), subject.arrays(u)
    received = call(adhelpers.hessian_vector_product, subject, quartic, *operands, mode=mode)
    expected = 6.0 * z * u + 4.0 * (np.conj(z) ** 2 * u + 2.0 * np.abs(z) ** 2 * np.conj(u))
    subject.expect_close(received, expected, depth=2)


def _laplacian(mode: str, subject: Subject) -> None:
    value, received = call(adhelpers.value_and_laplacian, subject, cubic, subject.arrays(X), mode=mode)
    subject.expect_close(value, VALUE, what="the value")
    subject.expect_close(received, TRACE, depth=2, scale=_SCALE)


for _mode in DOUBLE:
    SCENARIOS.add(f"hessian-of-leaves/{_mode}", "R12", BOTH)(partial(_hessian, _mode))
    SCENARIOS.add(f"hessian-vector-product/{_mode}", "R12", BOTH)(partial(_hessian_vector_product, _mode))

for _mode in DOUBLE[:3]:
    SCENARIOS.add(f"laplacian-of-leaves/{_mode}", "R12", BOTH)(partial(_laplacian, _mode))
    SCENARIOS.add(f"complex-hessian-vector-product/{_mode}", "R12", [*BOTH, Capability.COMPLEX])(
        partial(_complex_product, _mode)
    )
