"""Traces within traces, in threads, and left by errors: autograd's count of them is always put back."""

from __future__ import annotations

import itertools
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import adhelpers
from adhelpers import ArgumentError, jacobian_vector_product, vector_jacobian_product

pytest.importorskip("autograd")
import autograd
import autograd.numpy as anp
from autograd.extend import defjvp, defvjp, primitive
from autograd.misc.fixed_points import fixed_point
from autograd.tracer import isbox, trace_stack
from autograd_functions import PRODUCTS, Counted, diamond, numbers

from adhelpers_plugins.autograd.backend import AutogradBackend

BACKEND = AutogradBackend()


# -- errors in f ----------------------------------------------------------------------------------------


@PRODUCTS
@pytest.mark.parametrize("error", [ValueError("mine"), KeyboardInterrupt(), KeyError(0)])
def test_errors_in_f_pass_through_and_leave_no_trace_open(product, error):
    def f(x: Any) -> Any:
        def inner(y: Any) -> Any:
            raise error

        return autograd.grad(inner)(x)  # autograd itself leaves its count of traces raised

    before = trace_stack.top
    with pytest.raises(type(error)) as caught:
        product(f, "autograd", np.float64(1.0), np.float64(1.0))
    assert caught.value is error
    assert trace_stack.top == before
    assert product(lambda x: x**2, "autograd", 3.0, 1.0) == 6.0


@primitive
def traces_in_its_rules(x: Any) -> Any:
    return np.asarray(x) * 1.0


def _raise(x: Any) -> Any:
    msg = "in a rule"
    raise ValueError(msg)


defvjp(traces_in_its_rules, lambda ans, x: lambda g: autograd.grad(_raise)(1.0))
defjvp(traces_in_its_rules, lambda g, ans, x: autograd.grad(_raise)(1.0))


@primitive
def traces_in_its_rule_maker(x: Any) -> Any:
    return np.asarray(x) * 1.0


defvjp(traces_in_its_rule_maker, lambda ans, x: autograd.grad(_raise)(1.0))
defjvp(traces_in_its_rule_maker, lambda g, ans, x: autograd.grad(_raise)(1.0))


@PRODUCTS
@pytest.mark.parametrize("f", [traces_in_its_rules, traces_in_its_rule_maker])
def test_errors_in_rules_leave_no_trace_open(product, f):
    with pytest.raises(ValueError, match="in a rule"):
        product(f, "autograd", np.ones(2), np.ones(2))  # the fixture looks at the count


# -- nesting --------------------------------------------------------------------------------------------


def by_autograd(f: Callable[[Any], Any], x: Any) -> Any:
    return autograd.grad(f)(x)


def by_jvp(f: Callable[[Any], Any], x: Any) -> Any:
    return jacobian_vector_product(f, "autograd", x, np.float64(1.0))


def by_vjp(f: Callable[[Any], Any], x: Any) -> Any:
    return vector_jacobian_product(f, "autograd", x, np.float64(1.0))


WAYS = (by_autograd, by_jvp, by_vjp)


@pytest.mark.parametrize(("outer", "inner"), list(itertools.product(WAYS, WAYS)))
def test_no_perturbation_confusion(outer, inner):
    x = np.float64(1.7)
    assert outer(lambda x: x * inner(lambda y: x + y, np.float64(1.0)), x) == 1.0
    np.testing.assert_allclose(outer(lambda x: inner(lambda y: x * y**2, x), x), 4 * x)  # of 2 x y at y = x
    np.testing.assert_allclose(outer(lambda x: inner(anp.sin, x * x), x), -2 * x * np.sin(x**2))


@pytest.mark.parametrize("order", list(itertools.product(WAYS, repeat=3)))
def test_third_derivatives(order):
    a, b, c = order
    x = np.float64(0.6)
    np.testing.assert_allclose(a(lambda x: b(lambda x: c(lambda x: x**5, x), x), x), 60 * x**2)


def test_hessian_products_of_both_kinds():
    x, v = numbers(4), numbers(4, seed=1)

    def gradient(x: Any) -> Any:
        return vector_jacobian_product(lambda x: anp.sum(x**4), "autograd", x, np.float64(1.0))

    def slope(x: Any) -> Any:
        return jacobian_vector_product(lambda x: anp.sum(x**4), "autograd", x, v)

    np.testing.assert_allclose(jacobian_vector_product(gradient, "autograd", x, v), 12 * x**2 * v)
    np.testing.assert_allclose(vector_jacobian_product(gradient, "autograd", x, v), 12 * x**2 * v)
    np.testing.assert_allclose(autograd.grad(slope)(x), 12 * x**2 * v)
    np.testing.assert_allclose(vector_jacobian_product(slope, "autograd", x, np.float64(1.0)), 12 * x**2 * v)


@PRODUCTS
def test_u_is_constant_to_an_outer_derivative_unless_asked(product):
    x = numbers(3)

    def total(x: Any, *, differentiate_u: bool) -> Any:
        return anp.sum(product(lambda y: y**3, "autograd", x, x, differentiate_u=differentiate_u))

    np.testing.assert_allclose(autograd.grad(lambda x: total(x, differentiate_u=False))(x), 6 * x**2)
    np.testing.assert_allclose(autograd.grad(lambda x: total(x, differentiate_u=True))(x), 9 * x**2)


@pytest.mark.parametrize("outer", WAYS)
def test_boxes_of_an_enclosing_trace_are_constants_inside(outer):
    def f(x: Any) -> Any:
        (y, xy), (v, w), aux = adhelpers.value_and_jacobian_vector_product(
            lambda y: ((x, x * y), x), "autograd", np.float64(3.0), np.float64(1.0), has_aux=True
        )
        _, pulled = adhelpers.value_and_vector_jacobian_product(
            lambda y: (x, x * y), "autograd", np.float64(3.0), (np.float64(1.0), np.float64(1.0))
        )
        assert v == 0.0
        return y + 10.0 * xy + 100.0 * w + 1000.0 * pulled + 10000.0 * aux

    np.testing.assert_allclose(outer(f, np.float64(2.0)), 1.0 + 30.0 + 100.0 + 1000.0 + 10000.0)


def test_operations_on_boxes_return_boxes_only_inside():
    seen = []

    def f(x: Any) -> Any:
        seen.append(jacobian_vector_product(lambda y: y**2, "autograd", x, np.ones(2)))
        return seen[0]

    result = vector_jacobian_product(f, "autograd", np.ones(2), np.ones(2))
    assert isbox(seen[0])
    assert type(result) is np.ndarray


# -- threads --------------------------------------------------------------------------------------------


def newton(a: Any) -> Callable[[Any], Any]:
    """One step towards the root of `a`."""
    return lambda x: 0.5 * (x + a / x)


def root(a: Any) -> Any:
    """Differentiated by autograd through traces of its own, which its rules open."""
    return fixed_point(newton, a, anp.ones(3), lambda x, y: anp.max(anp.abs(x - y)), 1e-13)


def in_threads(work: Callable[[int], None]) -> None:
    """Call `work` in eight threads that take turns often; the first error is raised."""
    errors: list[BaseException] = []

    def guarded(k: int) -> None:
        try:
            work(k)
        except BaseException as error:  # noqa: BLE001  # raised below
            errors.append(error)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=guarded, args=(k,)) for k in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    if errors:
        raise errors[0]


def test_threads():
    def work(k: int) -> None:
        x, u = numbers(3, seed=k), numbers(3, seed=k + 50)
        slope = 2 * np.sin(x) * np.cos(x) + np.cos(x) * x + np.sin(x)
        for i in range(50):
            product = (jacobian_vector_product, vector_jacobian_product)[(i + k) % 2]
            np.testing.assert_allclose(product(diamond, "autograd", x, u), slope * u)
            nested = product(lambda x, p=product: p(lambda y: y**3, "autograd", x, u), "autograd", x, u)
            np.testing.assert_allclose(nested, 6 * x * u**2)

    in_threads(work)


def test_threads_with_rules_that_trace():
    def work(k: int) -> None:
        a, u = np.array([2.0, 3.0, 4.0]) + k, numbers(3, seed=k)
        for _ in range(10):
            np.testing.assert_allclose(vector_jacobian_product(root, "autograd", a, u), 0.5 * u / np.sqrt(a))

    in_threads(work)


def test_a_pullback_may_be_shared_by_threads():
    x = numbers(3)
    _, pullback, _ = BACKEND.vjp(Counted(lambda x: (x + x + diamond(x), x[0] * x)), (x,))

    def work(k: int) -> None:
        u = numbers(3, seed=k), numbers(3, seed=k + 50)
        (expected,) = pullback(u)
        for _ in range(50):
            np.testing.assert_array_equal(pullback(u)[0], expected)

    in_threads(work)


# -- operators in place, which NumPy applies to the array and autograd to the name -----------------------


def other_name(x: Any) -> Any:
    y = x
    y += 1.0
    return y * x


def view(x: Any) -> Any:
    y = x[:2]
    y *= 3.0
    return x


def reshaped(x: Any) -> Any:
    y = anp.reshape(x, (3, 1))
    y -= 1.0
    return 2.0 * x


@PRODUCTS
@pytest.mark.parametrize("f", [other_name, view, reshaped])
def test_an_operator_in_place_that_others_would_see_is_refused(product, f):
    x = np.array([1.0, 2.0, 3.0])
    for _ in range(2):
        with pytest.raises(ArgumentError, match="write y = y \\+ 1"):
            product(f, "autograd", x, np.ones(3))
    np.testing.assert_array_equal(x, [1.0, 2.0, 3.0])


def test_one_that_others_would_see_is_refused_in_second_derivatives():
    with pytest.raises(ArgumentError, match="by NumPy"):
        adhelpers.hessian(lambda x: anp.sum(other_name(x)), "autograd", np.ones(3))


def summed(x: Any) -> Any:
    total = x[0]
    for k in range(3):
        total += x[k] ** 2
    return total


def every_operator(x: Any) -> Any:
    y = 2.0 * x
    y += 1.0
    y -= 3.0 * x
    y *= x
    y /= 4.0
    y **= 2.0
    y %= 100.0
    return y


@PRODUCTS
def test_an_operator_in_place_that_nobody_else_sees_is_differentiated(product):
    """By hand: the sum is x0 + sum(x**2), and the other ((1 - x) x / 4)**2."""
    x, ones = np.array([0.5, 2.0, 3.0]), np.ones(3)
    gradient = 2.0 * x + [1.0, 0.0, 0.0]
    for _ in range(2):
        is_forward = product is jacobian_vector_product
        received = product(summed, "autograd", x, ones if is_forward else np.float64(1.0))
        np.testing.assert_allclose(received, gradient.sum() if is_forward else gradient)
        slope = 2.0 * ((1.0 - x) * x / 4.0) * (1.0 - 2.0 * x) / 4.0
        np.testing.assert_allclose(product(every_operator, "autograd", x, ones), slope)
    second = adhelpers.hessian(summed, "autograd", x)
    np.testing.assert_allclose(second, 2.0 * np.eye(3))


def test_matrices_are_multiplied_in_place():
    def square(x: Any) -> Any:
        y = 1.0 * x
        y @= x
        return y

    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    pushed = jacobian_vector_product(square, "autograd", x, np.eye(2))
    np.testing.assert_allclose(pushed, 2.0 * x)


def test_a_function_is_compared_with_numpy_once_and_only_if_it_operates_in_place():
    calls: list[bool] = []

    def f(x: Any, is_in_place: Any) -> Any:
        calls.append(isbox(x))
        y = 2.0 * x
        if is_in_place:
            y += x
        return y

    for is_in_place, expected in ((False, [True]), (True, [True, False]), (True, [True])):
        jacobian_vector_product(f, "autograd", np.ones(2), np.ones(2), args=(is_in_place,))
        assert calls == expected
        calls.clear()


def test_a_function_without_the_same_value_twice_is_not_compared():
    random = np.random.default_rng(0)

    def noisy(x: Any) -> Any:
        y = x * random.random()
        y += 1.0
        return y

    assert jacobian_vector_product(noisy, "autograd", np.ones(2), np.ones(2)).shape == (2,)


def test_what_numpy_does_not_compute_is_not_compared():
    def grows(x: Any) -> Any:
        y = x[:1] * 1.0
        y += x  # to a longer one, which NumPy has no place for
        return y

    np.testing.assert_allclose(jacobian_vector_product(grows, "autograd", np.ones(3), np.ones(3)), [2.0, 2.0, 2.0])


def test_a_value_that_is_not_finite_is_no_other_value():
    def f(x: Any) -> Any:
        y = 1.0 * x
        y += np.array([np.nan, np.inf, 0.0])
        return y

    np.testing.assert_allclose(jacobian_vector_product(f, "autograd", np.ones(3), np.ones(3)), np.ones(3))


@PRODUCTS
def test_a_plus_sign_changes_nothing(product):
    np.testing.assert_allclose(product(lambda x: (+x) ** 2, "autograd", np.array([3.0]), np.ones(1)), [6.0])
