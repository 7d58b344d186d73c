"""Infinite slopes: neither zero nor a large number, and the finite slopes beside them are right (R7, R12, R18)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import adhelpers
from adhelpers import Capability
from adhelpers.testing.operations import MODES, call, nested, require_own
from adhelpers.testing.scenario import Catalogue
from adhelpers.testing.subject import Function, Subject

SCENARIOS = Catalogue()


def root(xp: Any, x: Any) -> Any:
    return xp.sqrt(x)


def power(xp: Any, x: Any) -> Any:
    return 2.0 * x**0.5


def logarithm(xp: Any, x: Any) -> Any:
    return xp.log(x)


def falling(xp: Any, x: Any) -> Any:
    return xp.exp(-xp.sqrt(x))


STEEP: dict[str, tuple[Function, float, Callable[[float], float]]] = {
    "square-root": (root, 1.0, lambda h: h**-0.5),
    "power": (power, 1.0, lambda h: 2.0 * h**-0.5),
    "logarithm": (logarithm, 1.0, lambda h: 1.0 / h),
    "exponential-of-a-root": (falling, -1.0, lambda h: 0.5 * h**-0.5),
}
"""Functions, the sign of their slopes at zero, and about how steep they are from there over a step."""

X, U = np.array([0.0, 4.0, 0.0, 0.25]), np.array([1.0, -2.0, -0.5, 3.0])
PRODUCT = np.array([np.inf, -0.5, -np.inf, 3.0])
"""Of the square root at X with U, in either mode."""


def _of_a_number(label: str, name: str, u: float, subject: Subject) -> None:
    f, sign, slope = STEEP[label]
    received = subject.product(name, f, subject.arrays(np.zeros(())), subject.arrays(np.asarray(u)))
    subject.expect_infinite(received, np.asarray(sign * u * np.inf), lambda h: u * slope(h))


def _beside_finite_ones(name: str, subject: Subject) -> None:
    """Only for a native mode: a derived one serves several entries in a pass, and zero times infinity is NaN."""
    require_own(subject.backend, name)
    received = subject.product(name, root, subject.arrays(X), subject.arrays(U))
    subject.expect_infinite(received, PRODUCT, lambda h: np.abs(U) * h**-0.5)


def _of_a_sum(name: str, subject: Subject) -> None:
    require_own(subject.backend, name)
    u, expected = {
        "jvp": (np.array([1.0, 2.0]), np.asarray(np.inf)),
        "vjp": (np.asarray(2.0), np.array([np.inf, 0.5])),
    }[name]
    received = subject.product(name, lambda xp, x: xp.sum(xp.sqrt(x)), subject.arrays(X[:2]), subject.arrays(u))
    subject.expect_infinite(received, expected, lambda h: 0.5 * h**-0.5)


def _of_one_number(operation: Callable[..., Any], subject: Subject) -> None:
    received = call(operation, subject, root, subject.arrays(np.zeros(())))
    subject.expect_infinite(received, np.asarray(np.inf), lambda h: h**-0.5)


def _of_a_slope(subject: Subject) -> None:
    """The slope of x**1.5 is zero at zero, and its own slope is infinite there."""
    received = call(adhelpers.second_derivative, subject, lambda xp, x: x**1.5, subject.arrays(np.zeros(())))
    subject.expect_infinite(received, np.asarray(np.inf), lambda h: h**-0.5)


def _of_each_sample(mode: str, subject: Subject) -> None:
    received = subject.batched(root, subject.arrays(X[None, :]), mode=mode)
    expected = np.array([np.inf, 0.25, np.inf, 1.0]).reshape(1, 1, 4)
    subject.expect_infinite(received, expected, lambda h: h**-0.5)


def _swept(name: str, subject: Subject) -> None:
    """The same for the backend's own sweep; each row of the stack is a direction."""
    backend, x, u = subject.backend, subject.arrays((X,)), np.stack([U, -2.0 * U])
    require_own(backend, name)
    subject.record(f"backend.{name}_sweep at x", root, x=X, u=u)

    def f(x: Any) -> Any:
        return (root(subject.namespace(x), x),), ()

    if name == "jvp":
        _, (received,), _ = backend.jvp_sweep(f, x, subject.arrays((u,)))
    else:
        (received,) = backend.vjp_sweep(backend.vjp(f, x)[1], subject.arrays((u,)))
    subject.expect_infinite(received, np.stack([PRODUCT, -2.0 * PRODUCT]), lambda h: np.abs(u) * h**-0.5)


for _name, _mode in MODES.items():
    for _label in STEEP:
        SCENARIOS.add(f"infinite-{_label}/{_name}", "R7", [_mode])(partial(_of_a_number, _label, _name, 1.0))
    SCENARIOS.add(f"infinite-the-other-way/{_name}", "R7", [_mode])(partial(_of_a_number, "square-root", _name, -3.0))
    SCENARIOS.add(f"infinite-beside-finite/{_name}", "R7", [_mode])(partial(_beside_finite_ones, _name))
    SCENARIOS.add(f"infinite-in-a-sum/{_name}", "R7", [_mode])(partial(_of_a_sum, _name))
    SCENARIOS.add(f"infinite-in-a-sweep/{_name}", "R18", [_mode])(partial(_swept, _name))
for _operation, _needs in (
    (adhelpers.derivative, [Capability.FORWARD]),
    (adhelpers.gradient, [Capability.REVERSE]),
    (adhelpers.jacobian, []),
):
    SCENARIOS.add(f"infinite-slope/{_operation.__name__}", "R7", _needs)(partial(_of_one_number, _operation))
SCENARIOS.add("infinite-slope/second-derivative", "R12", nested("jvp"))(_of_a_slope)
for _batched in ("auto", "forward", "reverse"):
    SCENARIOS.add(f"batched-infinite-slopes/{_batched}", "R18")(partial(_of_each_sample, _batched))
