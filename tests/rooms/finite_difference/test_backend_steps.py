"""How accurate differences are at every magnitude, and by which steps."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from finite_differences import POINT, TANGENT, accuracy

import adhelpers
from adhelpers import jacobian_vector_product, vector_jacobian_product

MAGNITUDES = (1e-6, 1e-3, 1.0, 1e3, 1e6)


# -- accuracy -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("x_magnitude", "u_magnitude"), list(itertools.product(MAGNITUDES, MAGNITUDES)))
def test_accuracy_at_every_magnitude(central, order, dtype, x_magnitude, u_magnitude):
    """For a function that varies over the magnitude of x, or over 1 where x is smaller."""
    scale = max(x_magnitude, 1.0)
    x, u = (x_magnitude * POINT).astype(dtype), (u_magnitude * TANGENT).astype(dtype)
    value, pushed = adhelpers.value_and_jacobian_vector_product(lambda x: np.sin(x / dtype.type(scale)), central, x, u)
    np.testing.assert_array_equal(value, np.sin(x / dtype.type(scale)))
    assert pushed.dtype == dtype
    expected = np.cos(x.astype(float) / scale) * u.astype(float) / scale
    np.testing.assert_allclose(pushed, expected, rtol=0, atol=accuracy(dtype, order) * np.abs(expected).max())


@pytest.mark.parametrize("magnitude", MAGNITUDES)
def test_vjp_accuracy(central, order, dtype, magnitude):
    x, u = POINT.astype(dtype), (magnitude * TANGENT).astype(dtype)
    pulled = vector_jacobian_product(lambda x: np.exp(x) * x[::-1], central, x, u)
    wide = x.astype(float)
    expected = np.exp(wide) * wide[::-1] * u + (np.exp(wide) * u)[::-1]
    assert pulled.dtype == dtype
    np.testing.assert_allclose(pulled, expected, rtol=0, atol=10 * accuracy(dtype, order) * np.abs(expected).max())


def test_the_higher_order_is_more_accurate():
    errors = [
        np.abs(jacobian_vector_product(np.exp, adhelpers.backend("finite-difference", order=n), POINT, TANGENT))
        - np.abs(np.exp(POINT) * TANGENT)
        for n in (2, 4)
    ]
    assert np.abs(errors[1]).max() < 0.1 * np.abs(errors[0]).max()


@pytest.mark.parametrize("exponent", [-900, -30, -1, 1, 20, 900])
def test_results_are_linear_in_u(central, exponent):
    """Exactly, for powers of two: the points at which f is evaluated are the same."""
    f = lambda x: np.exp(x) * np.sin(x)  # noqa: E731
    expected = jacobian_vector_product(f, central, POINT, TANGENT)
    scaled = jacobian_vector_product(f, central, POINT, TANGENT * 2.0**exponent)
    np.testing.assert_array_equal(scaled / 2.0**exponent, expected)


def test_subnormal_tangents_do_not_overflow(central, dtype):
    tiny = np.finfo(dtype).smallest_subnormal
    pushed = jacobian_vector_product(np.sin, central, POINT.astype(dtype), np.full(3, tiny))
    assert np.all(np.abs(pushed) <= 2 * tiny)


def test_steps_are_powers_of_two(central, dtype):
    """So that nothing is rounded where x, u and f have few digits."""
    x, u = np.array([1.0, 2.0, -0.5], dtype=dtype), np.array([1.0, 0.5, -0.25], dtype=dtype)
    points = []
    pushed = jacobian_vector_product(lambda x: points.append(x) or 4.0 * x, central, x, u)
    for point in points[1:]:
        steps = np.abs((point - x) / u)
        assert np.unique(steps).size == 1
        assert np.frexp(steps[0])[0] == 0.5
    np.testing.assert_allclose(pushed, 4.0 * u, rtol=4 * np.finfo(dtype).eps)


def test_polynomials_within_the_order_are_exact_but_for_rounding(central, order):
    pushed = jacobian_vector_product(lambda x: x**order - 3.0 * x, central, POINT, TANGENT)
    expected = (order * POINT ** (order - 1) - 3.0) * TANGENT
    np.testing.assert_allclose(pushed, expected, rtol=1e-9 if order == 2 else 1e-11)


# -- steps ----------------------------------------------------------------------------------------------


def test_elements_that_stand_still_do_not_set_the_step(central, order):
    x = np.array([1e9, 0.7, -1e-6, 1e6])
    u = np.array([0.0, 1.0, 1.0, 0.0])
    pushed = jacobian_vector_product(np.sin, central, x, u)
    np.testing.assert_allclose(pushed, np.cos(x) * u, atol=accuracy(float, order))
    assert not pushed[[0, 3]].any()


@pytest.mark.parametrize("u", [np.ones(4), np.array([1e3, 1e-3, 1.0, 1.0])])
def test_large_elements_do_not_carry_small_ones_too_far(central, u):
    """No element moves far for its size; what the large ones lose to rounding is their magnitude times more."""
    x = np.array([1e4, 0.7, -1e-6, 10.0])
    scale = np.maximum(np.abs(x), 1.0)
    pushed = jacobian_vector_product(lambda x: np.sin(x / scale), central, x, u)
    np.testing.assert_allclose(pushed, np.cos(x / scale) * u / scale, rtol=1e-6)


def test_leaves_of_different_magnitude(central):
    x = {"large": np.array([1e5]), "small": np.array([0.5])}
    u = {"large": np.array([1.0]), "small": np.array([1.0])}
    pushed = jacobian_vector_product(lambda x: np.sin(x["small"]) + x["large"] / 1e5, central, x, u)
    np.testing.assert_allclose(pushed, np.cos(0.5) + 1e-5, rtol=1e-5)


def test_a_zero_tangent_gives_zeros(central, dtype):
    pushed = jacobian_vector_product(np.exp, central, POINT.astype(dtype), np.zeros(3, dtype=dtype))
    assert (pushed.dtype, pushed.any()) == (dtype, False)


@pytest.mark.parametrize("position", range(3))
def test_nan_stays_where_it_is(central, order, position):
    x, scale = np.array([1e6, 2.0, -0.5]), np.array([1e6, 1.0, 1.0])
    x[position] = np.nan
    u = np.where(np.arange(3) == 0, 1e6, 1.0)
    pushed = jacobian_vector_product(lambda x: np.sin(x / scale), central, x, u)
    np.testing.assert_array_equal(np.isnan(pushed), np.isnan(x))
    expected = np.cos(x / scale) * u / scale
    np.testing.assert_allclose(np.delete(pushed, position), np.delete(expected, position), atol=accuracy(float, order))


def test_nan_in_the_tangent_stays_where_it_is(central, order):
    pushed = jacobian_vector_product(np.sin, central, POINT, np.array([np.nan, 1.0, 1e3]))
    np.testing.assert_allclose(pushed, np.cos(POINT) * [np.nan, 1.0, 1e3], atol=1e3 * accuracy(float, order))


@pytest.mark.parametrize("wrong", [0, 1, 3, 6, "2", None, [2]])
def test_orders_that_there_are_not(wrong):
    with pytest.raises(adhelpers.ArgumentError, match="order is .*; write 2 or 4"):
        adhelpers.backend("finite-difference", order=wrong)


# -- in units of a small x ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("magnitude", [1e-3, 1e-8, 1e-30])
def test_relative_steps_suit_functions_that_vary_over_a_small_x(order, magnitude):
    relative = adhelpers.backend("finite-difference", order=order, relative=True)
    x = magnitude * np.array([1.0, 2.0, 3.0])
    tolerance = 100 * accuracy(float, order)
    np.testing.assert_allclose(jacobian_vector_product(np.log, relative, x, x), np.ones(3), rtol=tolerance)
    np.testing.assert_allclose(vector_jacobian_product(np.log, relative, x, np.ones(3)), 1.0 / x, rtol=tolerance)


def test_relative_steps_are_in_units_of_each_leaf(order):
    """Of its largest element, or of 1 if all are zero; a large x is taken as ever."""
    relative = adhelpers.backend("finite-difference", order=order, relative=True)
    x = {"small": np.array([2e-8, 0.0]), "zero": np.zeros(2), "one": np.array([1.0, 2.0])}

    def f(x):
        return np.exp(x["small"] / 1e-8) + np.sin(x["zero"]) + x["one"] ** 2

    pulled = vector_jacobian_product(f, relative, x, np.ones(2))
    tolerance = 1e3 * accuracy(float, order)
    np.testing.assert_allclose(pulled["small"], [np.exp(2.0) * 1e8, 1e8], rtol=tolerance)
    np.testing.assert_allclose(pulled["zero"], [1.0, 1.0], rtol=tolerance)
    np.testing.assert_allclose(pulled["one"], [2.0, 4.0], rtol=tolerance)
    usual = adhelpers.backend("finite-difference", order=order)
    large = 1e3 * POINT
    expected = jacobian_vector_product(np.cbrt, usual, large, TANGENT)
    np.testing.assert_array_equal(jacobian_vector_product(np.cbrt, relative, large, TANGENT), expected)


def test_relative_steps_are_an_option_that_a_backend_knows(central):
    assert central.scaled_to_x() == adhelpers.backend("finite-difference", order=central.order, relative=True)
    assert central.scaled_to_x().scaled_to_x() == central.scaled_to_x()
    with pytest.raises(adhelpers.ArgumentTypeError, match="relative is 'no'"):
        adhelpers.backend("finite-difference", relative="no")
