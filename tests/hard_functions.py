"""Functions of three numbers that are hard in one way each, and their derivatives from differences of 80 digits.

A function is written once, over an array namespace. The reference runs it on numbers of mpmath: central differences
with steps of 1e-12, in 80 digits, are right to more than 16 of them, and no framework takes part.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace
from typing import Any

import mpmath
import numpy as np
import pytest

import adhelpers
from adhelpers import array_namespace
from conftest import MODES, assert_close

Backend = adhelpers.ADBackend
U, W = np.array([0.5, -1.0, 2.0]), np.array([1.0, 0.25, -0.75])


# -- the reference ------------------------------------------------------------------------------------


def over(name: str) -> Callable[[Any], Any]:
    return np.vectorize(getattr(mpmath, name), otypes=[object])


def solve(a: Any, b: Any) -> Any:
    return np.array(list(mpmath.lu_solve(mpmath.matrix(a.tolist()), mpmath.matrix(b.tolist()))), dtype=object)


PRECISE = SimpleNamespace(
    **{name: over(name) for name in ("exp", "log", "log1p", "sin", "cos", "tanh", "sqrt")},
    sum=np.sum,
    max=np.max,
    stack=np.stack,
    asarray=lambda a, dtype=None: np.vectorize(mpmath.mpf, otypes=[object])(a),
    linalg=SimpleNamespace(solve=solve),
)
"""The array API on arrays of mpmath's numbers, as far as the functions below need it."""


def differentiated(f: Callable[[Any, Any], Any], x: np.ndarray, *directions: np.ndarray) -> np.ndarray:
    """The derivative of `f` along each of the directions, one after another."""

    def along(x: Any, rest: tuple[Any, ...]) -> Any:
        if not rest:
            return f(PRECISE, x)
        step = rest[0] * mpmath.mpf("1e-12")
        return (along(x + step, rest[1:]) - along(x - step, rest[1:])) / mpmath.mpf("2e-12")

    with mpmath.workdps(80):
        exact = [PRECISE.asarray(array) for array in (x, *directions)]
        return np.asarray(along(exact[0], tuple(exact[1:])), dtype=float)


def gradient_of(f: Callable[[Any, Any], Any], x: np.ndarray, *directions: np.ndarray) -> np.ndarray:
    """The gradient's derivative along the directions, or the Jacobian's of a vector."""
    return np.stack([differentiated(f, x, unit, *directions) for unit in np.eye(len(x))], axis=-1)


def hessian_of(f: Callable[[Any, Any], Any], x: np.ndarray, *directions: np.ndarray) -> np.ndarray:
    return np.stack([gradient_of(f, x, unit, *directions) for unit in np.eye(len(x))])


# -- functions of three numbers, or of (3, B), that are hard in one way each -----------------------------


def rosenbrock(xp: Any, x: Any) -> Any:
    """A narrow, bent valley."""
    return xp.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2, axis=0)


def log_sum_exp(xp: Any, x: Any) -> Any:
    """Far out, where the exponential overflows."""
    largest = xp.max(x, axis=0)
    return largest + xp.log(xp.sum(xp.exp(x - largest), axis=0))


def expanded(xp: Any, x: Any) -> Any:
    """(x - 1)**7 multiplied out: a hundred thousand times larger terms cancel."""
    total = 0.0 * x
    for coefficient in (1.0, -7.0, 21.0, -35.0, 35.0, -21.0, 7.0, -1.0):
        total = total * x + coefficient
    return xp.sum(total, axis=0)


def flat(xp: Any, x: Any) -> Any:
    """All derivatives vanish at zero, and here they are smaller than 1e-30."""
    return xp.exp(-1.0 / xp.sum(x**2, axis=0))


def runge(xp: Any, x: Any) -> Any:
    return 1.0 / (1.0 + 25.0 * xp.sum(x**2, axis=0))


def bessel(xp: Any, x: Any) -> Any:
    """The power series of J0, of a norm; its terms grow before they shrink."""
    square = xp.sum(x**2, axis=0) / 4.0
    term = total = 1.0 + 0.0 * square
    for k in range(1, 25):
        term = -term * square / k**2
        total = total + term
    return total


def oscillator(xp: Any, x: Any) -> Any:
    """Eight steps of a Runge-Kutta method for van der Pol's oscillator: the last place and speed."""
    y, mu, h = (x[0], x[1]), x[2], 0.1

    def slope(y: Any) -> Any:
        return y[1], mu * (1.0 - y[0] ** 2) * y[1] - y[0]

    def moved(y: Any, k: Any, h: float) -> Any:
        return y[0] + h * k[0], y[1] + h * k[1]

    for _ in range(8):
        a = slope(y)
        b = slope(moved(y, a, h / 2.0))
        c = slope(moved(y, b, h / 2.0))
        d = slope(moved(y, c, h))
        y = moved(y, tuple((p + 2.0 * q + 2.0 * r + s) / 6.0 for p, q, r, s in zip(a, b, c, d, strict=True)), h)
    return xp.stack([y[0], y[1]])


def energy(xp: Any, x: Any) -> Any:
    y = oscillator(xp, x)
    return y[0] ** 2 + y[0] * y[1] + 2.0 * y[1] ** 2


def softplus(xp: Any, x: Any) -> Any:
    """Near zero and far below it."""
    return xp.sum(xp.log1p(xp.exp(x)), axis=0)


def deep(xp: Any, x: Any) -> Any:
    """A composition of fifteen functions."""
    y = x
    for k in range(5):
        y = xp.tanh(1.5 * xp.sin(y + 0.1 * k)) + 0.5 * x * y
    return xp.sum(y, axis=0) * y[0]


def near_a_pole(xp: Any, x: Any) -> Any:
    """The second derivatives are beyond 1e8."""
    return x[1] * x[2] / (x[0] - 1.0) + 1.0 / x[2]


def badly_scaled(xp: Any, x: Any) -> Any:
    """A quadratic form with entries from 1e-8 to 1e8, and a cubic beside it."""
    y = (1e4 * x[0], x[1], 1e-4 * x[2])
    return y[0] ** 2 + 3.0 * y[0] * y[2] + 0.5 * y[1] ** 2 + y[2] ** 2 - y[1] * y[2] + y[0] * y[1] * y[2]


def solution(xp: Any, x: Any) -> Any:
    """Of a linear system whose matrix is made of x."""
    a = xp.asarray(np.array([[4.0, 1.0, -0.5], [0.3, 3.0, 1.0], [1.0, -0.7, 5.0]]), dtype=x.dtype)
    return xp.linalg.solve(a + x[:, None] * x[None, :], xp.sin(x))


def resolvent(xp: Any, x: Any) -> Any:
    return xp.sum(solution(xp, x) ** 2, axis=0)


@dataclass(frozen=True)
class Hard:
    """A function at a point; `batched` where it also takes a batch last, `gentle` where differences suffice."""

    f: Callable[[Any, Any], Any]
    x: tuple[float, float, float]
    batched: bool = True
    gentle: bool = False

    @property
    def point(self) -> np.ndarray:
        return np.array(self.x)

    def __call__(self, x: Any) -> Any:
        return self.f(array_namespace(x), x)


HARD = {
    hard.f.__name__: hard
    for hard in (
        Hard(rosenbrock, (-1.2, 1.0, 0.8), gentle=True),
        Hard(log_sum_exp, (1000.0, 999.5, 997.0)),
        Hard(expanded, (1.5, 1.6, 0.4)),
        Hard(flat, (0.08, 0.05, 0.06)),
        Hard(runge, (0.1, -0.2, 0.3)),
        Hard(bessel, (2.0, 1.5, -3.0)),
        Hard(energy, (1.0, -0.5, 1.5), gentle=True),
        Hard(softplus, (1e-9, -30.0, 3.0)),
        Hard(deep, (0.4, -0.3, 1.1), gentle=True),
        Hard(near_a_pole, (1.001, 0.7, -0.3)),
        Hard(badly_scaled, (1.5, -2.0, 700.0)),
        Hard(resolvent, (0.5, -1.0, 0.7), batched=False, gentle=True),
    )
}


@cache
def reference(name: str, *directions: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    """The gradient and the Hessian, or their derivatives along the directions."""
    hard, along = HARD[name], [np.array(u) for u in directions]
    return gradient_of(hard.f, hard.point, *along), hessian_of(hard.f, hard.point, *along)


def third_derivatives_of(name: str) -> np.ndarray:
    """All of them, (3, 3, 3)."""
    return np.stack([reference(name, tuple(unit))[1] for unit in np.eye(3)])


def agree(backend: Backend, received: Any, expected: Any, *, depth: int = 1) -> None:
    """To ten digits in every entry, but for those that cancel to rounding; or to the digits of differences."""
    if backend.name == "finite-difference":
        return assert_close(backend, received, expected, depth=depth)
    array = backend.to_numpy(received)
    assert array.dtype == np.float64
    np.testing.assert_allclose(array, expected, rtol=1e-10, atol=1e-14 * np.max(np.abs(expected), initial=0.0))
    return None


# -- marks and skips --------------------------------------------------------------------------------------

FEW = ("rosenbrock", "flat")
"""What JAX runs of tests with many calls, for it compiles every primitive."""
every_function = pytest.mark.parametrize("name", HARD)
every_mode = pytest.mark.parametrize("mode", MODES)


def skip_what_is_too_hard(backend: Backend, name: str) -> None:
    if backend.name == "finite-difference" and not HARD[name].gentle:
        pytest.skip("differences leave no digit of it")


def skip_compilation(backend: Backend, name: str) -> None:
    if backend.name == "jax" and name not in FEW:
        pytest.skip("JAX compiles every primitive; a few functions suffice")
