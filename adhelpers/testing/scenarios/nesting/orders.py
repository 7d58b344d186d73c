"""Operations inside operations: every order, confusion of perturbations, shapes (R12)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from adhelpers.testing.models import like, numbers
from adhelpers.testing.operations import OPERATIONS, differentiate, nested
from adhelpers.testing.scenario import Catalogue
from adhelpers.testing.subject import Function, Subject

SCENARIOS = Catalogue()

X = np.array([[0.3, 0.7, 1.1, -0.4]])
C = np.array([[1.5, -0.5, 2.0, 0.8]])


# -- every order --------------------------------------------------------------------------------


def _derivative(subject: Subject, operation: str, g: Function, factor: np.ndarray) -> Function:
    """The derivative of an elementwise function times a constant factor, again a function."""
    return lambda xp, x: differentiate(subject, operation, g, x, like(xp, factor, x))


def sine(xp: Any, x: Any) -> Any:
    return xp.sin(2.0 * x)


def _string(operations: Sequence[str], subject: Subject) -> None:
    f: Any = sine
    for operation in reversed(operations[1:]):
        f = _derivative(subject, operation, f, C)
    received = differentiate(subject, operations[0], f, subject.arrays(X), subject.arrays(C))
    depth = len(operations)
    subject.expect_close(received, (2.0 * C) ** depth * np.sin(2.0 * X + depth * np.pi / 2), depth=depth)


THREE = ("jvp", "vjp", "batched-reverse")
for _strings in (itertools.product(OPERATIONS, repeat=2), itertools.product(THREE, repeat=3)):
    for _operations in _strings:
        SCENARIOS.add(f"{'-of-'.join(_operations)}", "R12", nested(*_operations))(partial(_string, _operations))


# -- perturbation confusion --------------------------------------------------------------------------------


# An inner function of y that closes over the outer x; where its derivative is taken (None: at one); and the
# derivative by x of the product of x and that derivative.
CLOSURES: dict[str, tuple[Callable[[Any, Any], Any], Callable[[Any], Any] | None, Callable[[Any], Any]]] = {
    "x-plus-y-at-one": (lambda x, y: x + y, None, np.ones_like),
    "xy-at-one": (lambda x, y: x * y, None, lambda x: 2.0 * x),
    "xy-at-x": (lambda x, y: x * y, lambda x: x, lambda x: 2.0 * x),
    "xyy-at-one": (lambda x, y: x * y**2, None, lambda x: 4.0 * x),
    "xyy-at-x": (lambda x, y: x * y**2, lambda x: x, lambda x: 6.0 * x**2),
    "xxyyy-at-xx": (lambda x, y: x**2 * y**3, lambda x: x**2, lambda x: 21.0 * x**6),
    "no-y": (lambda x, y: x**2, lambda x: x, np.zeros_like),
}


def _closure(outer: str, inner: str, closure: str, subject: Subject) -> None:
    g, place, expected = CLOSURES[closure]

    def f(xp: Any, x: Any) -> Any:
        y = xp.ones_like(x) if place is None else place(x)
        return x * differentiate(subject, inner, lambda xp, y: g(x, y), y, xp.ones_like(x))

    received = differentiate(subject, outer, f, subject.arrays(X), subject.arrays(C))
    subject.expect_close(received, C * expected(X), depth=2)


for _outer, _inner in itertools.product(OPERATIONS, repeat=2):
    for _label in CLOSURES:
        SCENARIOS.add(f"confusion-{_label}/{_outer}-of-{_inner}", "R12", nested(_outer, _inner))(
            partial(_closure, _outer, _inner, _label)
        )


def _three_levels(operations: Sequence[str], subject: Subject) -> None:
    """d/dx [x d/dy (y d/dz (x y z) at z=x) at y=x] = d/dx [x 2x^2] = 6x^2."""
    outer, middle, inner = operations

    def f(xp: Any, x: Any) -> Any:
        one = xp.ones_like(x)

        def g(xp: Any, y: Any) -> Any:
            return y * differentiate(subject, inner, lambda xp, z: x * y * z, x, one)

        return x * differentiate(subject, middle, g, x, one)

    received = differentiate(subject, outer, f, subject.arrays(X), subject.arrays(C))
    subject.expect_close(received, C * 6.0 * X**2, depth=3)


for _levels in itertools.product(("jvp", "vjp"), repeat=3):
    SCENARIOS.add(f"three-levels/{'-of-'.join(_levels)}", "R12", nested(*_levels))(partial(_three_levels, _levels))


# -- shapes that differ at each level ----------------------------------------------------------------------


A, POINT, TANGENT, COTANGENT = numbers(3, 2), numbers(2, 4), numbers(2, 4, seed=1), numbers(3, 4, seed=2)


def mixing(xp: Any, x: Any) -> Any:
    return like(xp, A, x) @ xp.sin(x)


# Each operation on `mixing`, its axes but the batch joined, and the Jacobian (M, N, B) of that.
INNER: dict[str, tuple[Callable[[Subject, Any, Any], Any], np.ndarray]] = {
    "jvp": (
        lambda subject, xp, x: subject.jvp(mixing, x, like(xp, TANGENT, x)),
        -np.einsum("mn,nb->mnb", A, np.sin(POINT) * TANGENT),
    ),
    "vjp": (
        lambda subject, xp, x: subject.vjp(mixing, x, like(xp, COTANGENT, x)),
        -np.einsum("mn,mb->mnb", np.eye(2), np.sin(POINT) * (A.T @ COTANGENT)),
    ),
    "batched": (
        lambda subject, xp, x: xp.reshape(subject.batched(mixing, x), (6, 4)),
        -np.einsum("ml,ln,nb->mlnb", A, np.eye(2), np.sin(POINT)).reshape(6, 2, 4),
    ),
}


def _shapes(outer: str, inner: str, subject: Subject) -> None:
    derivative, jacobian = INNER[inner]
    x, f = subject.arrays(POINT), partial(derivative, subject)
    if outer == "batched":
        received, expected = subject.batched(f, x), jacobian
    elif outer == "jvp":
        received, expected = subject.jvp(f, x, subject.arrays(TANGENT)), np.einsum("mnb,nb->mb", jacobian, TANGENT)
    else:
        u = numbers(len(jacobian), 4, seed=3)
        received, expected = subject.vjp(f, x, subject.arrays(u)), np.einsum("mnb,mb->nb", jacobian, u)
    subject.expect_close(received, expected, depth=2)


for _outer, _inner in itertools.product(INNER, repeat=2):
    SCENARIOS.add(f"shapes/{_outer}-of-{_inner}", "R12", nested(_outer, _inner))(partial(_shapes, _outer, _inner))


def rosenbrock(xp: Any, x: Any) -> Any:
    return 100.0 * (x[1] - x[0] ** 2) ** 2 + (1.0 - x[0]) ** 2


def _hessian(outer: str, inner: str, subject: Subject) -> None:
    (a, b), t, one = np.array([-1.2, 1.0]), np.array([0.7, -0.3]), np.asarray(1.0)
    hessian = np.array([[1200 * a**2 - 400 * b + 2, -400 * a], [-400 * a, 200.0]])

    def product(xp: Any, x: Any) -> Any:
        return subject.product(inner, rosenbrock, x, like(xp, t if inner == "jvp" else one, x))

    u = t if (outer, inner) != ("vjp", "jvp") else one
    received = subject.product(outer, product, subject.arrays(np.array([a, b])), subject.arrays(u))
    subject.expect_close(received, np.asarray(t @ hessian @ t) if inner == outer == "jvp" else hessian @ t, depth=2)


for _outer, _inner in itertools.product(("jvp", "vjp"), repeat=2):
    SCENARIOS.add(f"hessian/{_outer}-of-{_inner}", "R12", nested(_outer, _inner))(partial(_hessian, _outer, _inner))
