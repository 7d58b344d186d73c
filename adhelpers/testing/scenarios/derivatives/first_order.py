"""Derivatives by one number, gradients and Jacobians (R7, R8)."""

from __future__ import annotations

import itertools
from functools import partial
from typing import Any

import array_api_compat.numpy as numpy_namespace
import numpy as np

import adhelpers
from adhelpers import Capability
from adhelpers.testing import references
from adhelpers.testing.functions import elementary
from adhelpers.testing.models import complex_numbers, like
from adhelpers.testing.operations import call
from adhelpers.testing.scenario import Catalogue
from adhelpers.testing.scenarios.derivatives.closed_forms import (
    GRADIENT,
    JACOBIAN,
    VALUE,
    A,
    P,
    X,
    cubic,
    quartic,
    several,
)
from adhelpers.testing.subject import Subject, share_memory

SCENARIOS = Catalogue()
SINGLE = {"forward": Capability.FORWARD, "reverse": Capability.REVERSE}


@SCENARIOS.add("derivative-of-several/derivative", "R7", [Capability.FORWARD])
def _derivative(subject: Subject) -> None:
    """A number, and an array with three entries, of one number."""

    def f(xp: Any, x: Any) -> Any:
        return {"one": xp.sin(x), "three": [x * like(xp, A, x)]}

    value, received = call(adhelpers.value_and_derivative, subject, f, subject.arrays(P))
    subject.expect_close(value, {"one": np.sin(P), "three": [P * A]}, what="the value")
    subject.expect_close(received, {"one": np.cos(P), "three": [A]})


@SCENARIOS.add("complex-derivative/derivative", "R7", [Capability.FORWARD, Capability.COMPLEX])
def _complex_derivative(subject: Subject) -> None:
    z = complex_numbers()
    received = call(adhelpers.derivative, subject, lambda xp, z: z**3, subject.arrays(z))
    subject.expect_close(received, 3.0 * z**2)


@SCENARIOS.add("gradient-of-leaves/gradient", "R7", [Capability.REVERSE])
def _gradient(subject: Subject) -> None:
    value, received = call(adhelpers.value_and_gradient, subject, cubic, subject.arrays(X))
    subject.expect_close(value, VALUE, what="the value")
    subject.expect_close(received, GRADIENT)


@SCENARIOS.add("complex-gradient/gradient", "R7", [Capability.REVERSE, Capability.COMPLEX])
def _complex_gradient(subject: Subject) -> None:
    """The slope along t is Re(sum(v * t))."""
    z = complex_numbers(3)
    received = call(adhelpers.gradient, subject, quartic, subject.arrays(z))
    subject.expect_close(received, 3.0 * z**2 + 4.0 * np.abs(z) ** 2 * np.conj(z))


def _jacobian(mode: str, chunk_size: int | None, subject: Subject) -> None:
    options = {"mode": mode, "chunk_size": chunk_size}
    received = call(adhelpers.jacobian, subject, several, subject.arrays(X), **options)
    subject.expect_close(received, JACOBIAN)


def _elementary_jacobian(mode: str, subject: Subject) -> None:
    expected = references.jacobian(partial(elementary, numpy_namespace), A)
    value, received = call(adhelpers.value_and_jacobian, subject, elementary, subject.arrays(A), mode=mode)
    subject.expect_close(value, elementary(numpy_namespace, A), what="the value")
    subject.expect_close(received, expected)


def _holomorphic(mode: str, subject: Subject) -> None:
    z, c = complex_numbers(3), complex_numbers(2, 3)

    def f(xp: Any, z: Any) -> Any:
        return xp.sum(like(xp, c, z) * z**2, axis=1)

    received = call(adhelpers.jacobian, subject, f, subject.arrays(z), mode=mode, holomorphic=True)
    subject.expect_close(received, 2.0 * c * z)


def _real_to_complex(mode: str, subject: Subject) -> None:
    def f(xp: Any, x: Any) -> Any:
        return {"complex": xp.exp(1j * x), "real": x**2}

    received = call(adhelpers.jacobian, subject, f, subject.arrays(A), mode=mode)
    subject.expect_close(received, {"complex": np.diag(1j * np.exp(1j * A)), "real": np.diag(2.0 * A)})


def _blocks_apart(mode: str, subject: Subject) -> None:
    x = subject.arrays(X)
    received = call(adhelpers.jacobian, subject, several, x, mode=mode)
    leaves = [subject.backend.to_numpy(leaf) for tree in (received, x) for leaf in subject.backend.flatten(tree)[0]]
    for a, b in itertools.combinations(leaves, 2):
        subject.expect(not share_memory(a, b), f"shared memory: {a!r} and {b!r}", "separate memory for each")


for _mode, _capability in SINGLE.items():
    SCENARIOS.add(f"jacobian-of-leaves/{_mode}", "R7", [_capability])(partial(_jacobian, _mode, None))
    SCENARIOS.add(f"jacobian-in-chunks/{_mode}", "R7", [_capability])(partial(_jacobian, _mode, 3))
    SCENARIOS.add(f"elementary-jacobian/{_mode}", "R7", [_capability])(partial(_elementary_jacobian, _mode))
    _complex = [_capability, Capability.COMPLEX]
    SCENARIOS.add(f"holomorphic-jacobian/{_mode}", "R7", _complex)(partial(_holomorphic, _mode))
    SCENARIOS.add(f"real-to-complex-jacobian/{_mode}", "R7", _complex)(partial(_real_to_complex, _mode))
    SCENARIOS.add(f"memory-of-jacobian-blocks/{_mode}", "R8", [_capability])(partial(_blocks_apart, _mode))
SCENARIOS.add("jacobian-of-leaves/auto", "R7")(partial(_jacobian, "auto", None))
