"""What an enclosing derivative sees: u, and what f closes over (R13, R15)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from adhelpers.testing.operations import OPERATIONS, differentiate, nested
from adhelpers.testing.scenario import Catalogue
from adhelpers.testing.subject import Subject

SCENARIOS = Catalogue()

X = np.array([[0.3, 0.7, 1.1, -0.4]])
C = np.array([[1.5, -0.5, 2.0, 0.8]])


# -- u (R13) --------------------------------------------------------------------------------


def _seen(outer: str, inner: str, differentiate_u: bool, subject: Subject) -> None:
    """3 x^2 times u, where u is x^2: an outer derivative gives 6 x^3, or 12 x^3 where u is differentiated too."""

    def f(xp: Any, x: Any) -> Any:
        return subject.product(inner, lambda xp, z: z**3, x, x**2, differentiate_u=differentiate_u)

    received = differentiate(subject, outer, f, subject.arrays(X), subject.arrays(C))
    subject.expect_close(received, C * (12.0 if differentiate_u else 6.0) * X**3, depth=2)


def _seen_from_afar(operations: Sequence[str], subject: Subject) -> None:
    """The product's u depends on the outermost variable; the derivative between them is by another one."""
    outer, middle, inner = operations

    def f(xp: Any, x: Any) -> Any:
        one = xp.ones_like(x)

        def g(xp: Any, y: Any) -> Any:
            return subject.product(inner, lambda xp, z: z**3, y, x**2)

        return differentiate(subject, middle, g, x, one)  # 6 x times u

    received = differentiate(subject, outer, f, subject.arrays(X), subject.arrays(C))
    subject.expect_close(received, C * 6.0 * X**2, depth=3)


def _seen_from_both(operations: Sequence[str], subject: Subject) -> None:
    """The product's u depends on the variables of both derivatives around it, and is constant to both."""
    outer, middle, inner = operations

    def f(xp: Any, x: Any) -> Any:
        one = xp.ones_like(x)

        def g(xp: Any, y: Any) -> Any:
            return subject.product(inner, lambda xp, z: z**3, y, x * y)

        return differentiate(subject, middle, g, x, one)  # 6 y times u, at y = x

    received = differentiate(subject, outer, f, subject.arrays(X), subject.arrays(C))
    subject.expect_close(received, C * 6.0 * X**2, depth=3)


for _outer, _inner in itertools.product(OPERATIONS, ("jvp", "vjp")):
    SCENARIOS.add(f"u-constant/{_outer}-of-{_inner}", "R13", nested(_outer, _inner))(
        partial(_seen, _outer, _inner, False)
    )
    SCENARIOS.add(f"u-differentiated/{_outer}-of-{_inner}", "R13", nested(_outer, _inner))(
        partial(_seen, _outer, _inner, True)
    )
for _levels in itertools.product(("jvp", "vjp"), repeat=3):
    SCENARIOS.add(f"u-constant-from-afar/{'-of-'.join(_levels)}", "R13", nested(*_levels))(
        partial(_seen_from_afar, _levels)
    )
for _levels in itertools.product(("jvp", "vjp"), repeat=3):
    if _levels[0] == _levels[2]:
        SCENARIOS.add(f"u-constant-to-both/{'-of-'.join(_levels)}", "R13", nested(*_levels))(
            partial(_seen_from_both, _levels)
        )


# -- what f closes over (R15) ----------------------------------------------------------------------


def _attached(outer: str, inner: str, subject: Subject) -> None:
    """An inner derivative at a constant point, of a function that closes over the outer variable w."""
    at = subject.arrays(2.0 * np.ones_like(X))

    def f(xp: Any, w: Any) -> Any:
        value = differentiate(subject, inner, lambda xp, x: w**2 * x**3, at, xp.ones_like(at))
        return value + w  # 12 w^2 + w

    received = differentiate(subject, outer, f, subject.arrays(X), subject.arrays(C))
    subject.expect_close(received, C * (24.0 * X + 1.0), depth=2)


def _value_attached(outer: str, inner: str, subject: Subject) -> None:
    """So is the value that comes with a product."""
    at = subject.arrays(2.0 * np.ones_like(X))

    def f(xp: Any, w: Any) -> Any:
        value, _ = subject.value_and_product(inner, lambda xp, x: w**2 * x**3, at, xp.ones_like(at))
        return value  # 8 w^2

    received = differentiate(subject, outer, f, subject.arrays(X), subject.arrays(C))
    subject.expect_close(received, C * 16.0 * X, depth=2)


def _aux_attached(outer: str, inner: str, subject: Subject) -> None:
    """So is what the function returns besides."""
    at = subject.arrays(2.0 * np.ones_like(X))

    def f(xp: Any, w: Any) -> Any:
        _, aux = differentiate(subject, inner, lambda xp, x: (x**2, w**2 * x), at, xp.ones_like(at), has_aux=True)
        return aux  # 2 w^2

    received = differentiate(subject, outer, f, subject.arrays(X), subject.arrays(C))
    subject.expect_close(received, C * 4.0 * X, depth=2)


for _outer, _inner in itertools.product(("jvp", "vjp"), OPERATIONS):
    SCENARIOS.add(f"aux-attached/{_outer}-of-{_inner}", "R15", nested(_outer, _inner))(
        partial(_aux_attached, _outer, _inner)
    )
for _outer, _inner in itertools.product(OPERATIONS, repeat=2):
    SCENARIOS.add(f"closure-attached/{_outer}-of-{_inner}", "R15", nested(_outer, _inner))(
        partial(_attached, _outer, _inner)
    )
for _outer, _inner in itertools.product(OPERATIONS, ("jvp", "vjp")):
    SCENARIOS.add(f"value-attached/{_outer}-of-{_inner}", "R15", nested(_outer, _inner))(
        partial(_value_attached, _outer, _inner)
    )
