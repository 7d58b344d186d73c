"""Primitives of autograd that are given a whole container, against closed forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import adhelpers
from adhelpers import ArgumentTypeError, jacobian_vector_product, vector_jacobian_product

pytest.importorskip("autograd")
pytest.importorskip("scipy")
import autograd.builtins
import autograd.numpy as anp
from autograd.scipy.integrate import odeint

START, TIMES = np.array([1.0, 0.5, -0.3]), np.linspace(0.0, 0.6, 4)
A, B = np.array([0.3, -0.2, 0.5]), np.array([0.7, 1.1, 0.4])
U = (np.array([1.0, -1.0, 0.5]), np.array([0.2, 1.0, -2.0]))
EXACT = {"rtol": 1e-11, "atol": 1e-11}


def rate(y: Any, t: Any, a: Any, b: Any) -> Any:
    return a - b * y


def solution(args: Any) -> Any:
    return odeint(rate, START, TIMES, args, **EXACT)


# y = a/b + (y0 - a/b) exp(-b t)
S = TIMES[:, None]
E = np.exp(-B * S)
BY_START, BY_A, BY_B = E, (1 - E) / B, -A / B**2 * (1 - E) - S * (START - A / B) * E


def test_a_plain_tuple() -> None:
    pulled = vector_jacobian_product(solution, "autograd", (A, B), np.ones_like(E))
    assert type(pulled) is tuple
    np.testing.assert_allclose(pulled, [BY_A.sum(0), BY_B.sum(0)], atol=1e-7)
    pushed = jacobian_vector_product(solution, "autograd", (A, B), U)
    np.testing.assert_allclose(pushed, BY_A * U[0] + BY_B * U[1], atol=1e-7)


@pytest.mark.parametrize("mode", ["auto", "forward", "reverse"])
def test_its_jacobian(mode: Any) -> None:
    by_a, by_b = adhelpers.jacobian(solution, "autograd", (A, B), mode=mode)
    np.testing.assert_allclose(by_a, np.einsum("ti,ij->tij", BY_A, np.eye(3)), atol=1e-7)
    np.testing.assert_allclose(by_b, np.einsum("ti,ij->tij", BY_B, np.eye(3)), atol=1e-7)


def test_a_tuple_within_a_dict() -> None:
    def f(x: Any) -> Any:
        return odeint(rate, x["start"], TIMES, x["args"], **EXACT)

    pulled = vector_jacobian_product(f, "autograd", {"args": (A, B), "start": START}, np.ones_like(E))
    np.testing.assert_allclose(pulled["start"], BY_START.sum(0), atol=1e-7)
    np.testing.assert_allclose(pulled["args"], [BY_A.sum(0), BY_B.sum(0)], atol=1e-7)


def test_second_order() -> None:
    def loss(x: Any) -> Any:
        return anp.sum(solution(x) ** 2)

    step = 1e-5
    above, below = (
        adhelpers.gradient(loss, "autograd", tuple(x + sign * step * u for x, u in zip((A, B), U, strict=True)))
        for sign in (1, -1)
    )
    expected = [(p - m) / (2 * step) for p, m in zip(above, below, strict=True)]
    received = adhelpers.hessian_vector_product(loss, "autograd", (A, B), U)
    np.testing.assert_allclose(received, expected, atol=1e-5)


def test_autograds_own_container_is_as_good() -> None:
    pulled = vector_jacobian_product(
        lambda x: solution(autograd.builtins.tuple((x[0], x[1]))), "autograd", (A, B), np.ones_like(E)
    )
    np.testing.assert_allclose(pulled, [BY_A.sum(0), BY_B.sum(0)], atol=1e-7)


@pytest.mark.parametrize("x", [A, (A, B)], ids=["an array", "a tuple"])
def test_another_container_is_told_what_to_wrap_it_in(x: Any) -> None:
    def f(x: Any) -> Any:
        first, second = x if isinstance(x, tuple) else (x, x)
        return odeint(rate, START, TIMES, (2.0 * first, second), **EXACT)

    with pytest.raises(ArgumentTypeError, match=r"gave autograd's odeint a plain tuple .*autograd\.builtins\.tuple"):
        adhelpers.jacobian(f, "autograd", x)


def test_errors_of_the_users_pass() -> None:
    error = ValueError("setting an array element with a sequence.")

    def broken(y: Any, t: Any, a: Any, b: Any) -> Any:
        raise error

    with pytest.raises(ValueError, match="setting an array") as caught:
        adhelpers.gradient(lambda x: anp.sum(odeint(broken, START, TIMES, x)), "autograd", (A, B))
    assert caught.value is error


def test_f_gets_plain_containers_otherwise() -> None:
    seen = []
    adhelpers.jacobian(lambda x: seen.append(type(x)) or x[0] * x[1], "autograd", (A, B))
    assert set(seen) == {tuple}
