"""Rules that are missing or fail, and whose error that is."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from adhelpers import UnsupportedOperationError, jacobian_vector_product, vector_jacobian_product

pytest.importorskip("autograd")
import autograd
import autograd.numpy as anp
from autograd.extend import defjvp, defvjp, primitive
from autograd.misc.fixed_points import fixed_point
from autograd.tracer import isbox
from autograd_functions import PRODUCTS, broken_rules, forward_only, mystery, numbers

from adhelpers_plugins.autograd.backend import AutogradBackend

STRICT = AutogradBackend(fallback=False)
X = np.array([[1.0, 2.0], [3.0, 4.5]])


@primitive
def half_known(x: Any, y: Any) -> Any:
    """No rule for the second argument."""
    return np.asarray(x) * y


defvjp(half_known, lambda ans, x, y: lambda g: g * y)
defjvp(half_known, lambda g, ans, x, y: g * y)


def test_a_missing_forward_rule_is_replaced_by_two_pullbacks(caplog):
    matrix, right, t = numbers(3, 3) + 3 * np.eye(3), numbers(3, seed=1), numbers(3, 3, seed=2)
    with caplog.at_level(logging.INFO, logger="adhelpers"):
        pushed = jacobian_vector_product(lambda a: anp.linalg.solve(a, right), "autograd", matrix, t)
    np.testing.assert_allclose(pushed, -np.linalg.solve(matrix, t @ np.linalg.solve(matrix, right)))
    assert "JVP of solve" in caplog.text


def test_a_missing_reverse_rule_is_replaced_by_a_sweep():
    x, u = numbers(3), numbers(3, seed=1)
    np.testing.assert_allclose(vector_jacobian_product(forward_only, "autograd", x, u), np.cos(x) * u)


@PRODUCTS
def test_without_fallback_a_missing_rule_raises_at_once(product):
    backend = AutogradBackend(fallback=False)
    f = (lambda x: anp.linalg.inv(x)) if product is jacobian_vector_product else forward_only
    name = "inv" if product is jacobian_vector_product else "forward_only"
    with pytest.raises(UnsupportedOperationError, match=name):
        product(f, backend, np.eye(2), np.eye(2))


@PRODUCTS
@pytest.mark.parametrize(
    ("f", "name"),
    [
        (mystery, "mystery"),
        (lambda x: half_known(2.0, x), "half_known"),
        (lambda x: half_known(x, anp.sin(x)), "half_known"),
        (lambda x: anp.sort(x, axis=1), "sort"),
        (lambda x: anp.clip(x, 0.5 * x, 1.0), "clip"),
    ],
)
def test_no_rule_at_all_names_the_primitive(product, f, name):
    with pytest.raises(UnsupportedOperationError, match=name):
        product(f, "autograd", numbers(2, 2), numbers(2, 2))


@PRODUCTS
@pytest.mark.parametrize("text", ["VJP of sin wrt argnums (0,) not defined", "Gradient of sin not implemented"])
def test_a_users_own_error_is_no_missing_rule(product, text):
    error = NotImplementedError(text)

    def f(x: Any) -> Any:
        raise error

    with pytest.raises(NotImplementedError) as caught:
        product(f, "autograd", np.ones(2), np.ones(2))
    assert caught.value is error


@PRODUCTS
def test_a_key_error_in_a_users_rule_is_no_missing_rule(product):
    with pytest.raises(KeyError, match="weights"):
        product(broken_rules, "autograd", np.ones(2), np.ones(2))


class MineError(ValueError):
    """An error that a user's code raises."""


def fail(*args: Any) -> Any:
    raise MineError


@primitive
def fails_in_its_maker(x: Any) -> Any:
    return np.asarray(x) * 1.0


@primitive
def fails_in_its_pull(x: Any) -> Any:
    return np.asarray(x) * 1.0


@primitive
def calls_numpy_wrongly(x: Any) -> Any:
    return np.asarray(x) * 1.0


defvjp(fails_in_its_maker, fail)
defjvp(fails_in_its_maker, fail)
defvjp(fails_in_its_pull, lambda ans, x: fail)
defjvp(fails_in_its_pull, lambda g, ans, x: fail())
defvjp(calls_numpy_wrongly, lambda ans, x: lambda g: anp.reshape(g, (5, 7)))
defjvp(calls_numpy_wrongly, lambda g, ans, x: anp.reshape(g, (5, 7)))


@pytest.mark.parametrize(
    ("product", "f"),
    list(
        itertools.product(
            [jacobian_vector_product, vector_jacobian_product],
            [fails_in_its_maker, fails_in_its_pull, calls_numpy_wrongly],
        )
    ),
)
def test_errors_in_a_users_rule_pass_through(product, f):
    error = ValueError if f is calls_numpy_wrongly else MineError
    with pytest.raises(error) as caught:
        product(f, "autograd", X, X)
    assert type(caught.value) is error


def test_errors_in_functions_that_a_rule_calls_pass_through():
    error = MineError()
    calls = []

    def step(a: Any) -> Callable[[Any], Any]:
        if isbox(a):  # by the rule
            raise error
        return lambda x: 0.5 * (x + a / x)

    def root(a: Any) -> Any:
        return fixed_point(step, a, np.ones(2), lambda x, y: np.max(np.abs(x - y)), 1e-12)

    with pytest.raises(MineError) as caught:
        vector_jacobian_product(root, "autograd", np.array([2.0, 3.0]), np.ones(2))
    assert caught.value is error

    def velocity(y: Any, t: Any, rate: Any) -> Any:
        calls.append(0)
        if isbox(y):
            raise error
        return -rate * y

    pytest.importorskip("scipy")
    from autograd.scipy.integrate import odeint

    with pytest.raises(MineError) as caught:
        vector_jacobian_product(
            lambda y: odeint(velocity, y, np.array([0.0, 1.0]), (2.0,)), "autograd", np.ones(2), np.ones((2, 2))
        )
    assert caught.value is error
    assert calls


def test_what_a_caller_asked_numpy_for_passes_through():
    with np.errstate(all="raise"), pytest.raises(FloatingPointError):
        vector_jacobian_product(anp.sqrt, "autograd", np.zeros(2), np.ones(2))


def sine_to(array: np.ndarray, x: Any) -> np.ndarray:
    anp.sin(x, out=array)
    return array


@PRODUCTS
@pytest.mark.parametrize(
    "f",
    [
        lambda x: anp.sum(x, axis=0, out=np.zeros(2)),
        lambda x: anp.sum(x, 0, None, np.zeros(2)),
        lambda x: np.mean(x, axis=0, out=np.zeros(2)),
        lambda x: anp.mean(x, 0, None, np.zeros(2)),
        lambda x: anp.dot(X, x, out=np.zeros((2, 2))) ** 2,
        lambda x: anp.negative(x, np.zeros((2, 2))),
        lambda x: anp.multiply(x, 2.0, out=(np.zeros((2, 2)),)),
        lambda x: sine_to(np.zeros((2, 2)), x) * x,
    ],
)
def test_results_in_an_array_of_the_callers_are_refused(product, f):
    """Rules that call the function again wrote the tangent to it, and the array itself has no trace."""
    with pytest.raises(UnsupportedOperationError, match="is not possible with an array `out`"):
        product(f, "autograd", X, np.ones(f(X).shape if product is vector_jacobian_product else X.shape))


@PRODUCTS
@pytest.mark.parametrize("total", [lambda x: np.sum(x, axis=0), lambda x: anp.sum(x, axis=0, out=None)])
def test_no_array_for_the_result_is_none(product, total):
    summed = product(lambda x: total(x) + anp.real(x), "autograd", X, X)
    np.testing.assert_allclose(summed, X + X.sum(axis=0))


def test_the_cause_is_kept():
    with pytest.raises(UnsupportedOperationError, match=r"VJP of diagonal .*make_diagonal") as caught:
        vector_jacobian_product(anp.diagonal, STRICT, X, np.ones(2))
    cause = caught.value.__cause__
    while cause is not None and type(cause) is UnsupportedOperationError:
        cause = cause.__cause__
    assert type(cause) is NotImplementedError


@pytest.mark.parametrize("product", [jacobian_vector_product, vector_jacobian_product])
def test_an_inner_autograd_that_lacks_a_rule_passes_through(product):
    """An error in f, which no other mode of the outer derivative can help."""

    with pytest.raises(NotImplementedError, match="sort"):
        product(lambda x: autograd.grad(lambda y: anp.sum(anp.sort(y)))(x), "autograd", X, X)
