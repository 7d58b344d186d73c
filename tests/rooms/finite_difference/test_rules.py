"""Rules where differences are taken: of the function itself, which is what its rule is to agree with."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest
from finite_differences import POINT, TANGENT, accuracy

import adhelpers
from adhelpers import jacobian_vector_product, vector_jacobian_product
from adhelpers.plugins.rule import Rule


def wrong_sine() -> Any:
    """A rule that gives three times the right derivative."""
    sin = adhelpers.custom_rule(np.sin)
    sin.defjvp(lambda x, y, u: 3.0 * np.cos(x) * u)
    return sin


def test_differences_are_those_of_the_function(central, order):
    tolerance = accuracy(float, order)
    pushed = jacobian_vector_product(wrong_sine(), central, POINT, TANGENT)
    np.testing.assert_allclose(pushed, np.cos(POINT) * TANGENT, atol=tolerance)
    pulled = vector_jacobian_product(wrong_sine(), central, POINT, TANGENT)
    np.testing.assert_allclose(pulled, np.cos(POINT) * TANGENT, atol=tolerance)


def test_a_rule_is_applied_by_a_call(central):
    def fail(*_: Any) -> Any:
        raise AssertionError

    rule = Rule("twice", lambda x: (2.0 * x, x), fail, fail, host=fail, shapes=fail)
    twice, once = central.apply_rule(rule, (POINT,))
    np.testing.assert_array_equal(twice, 2.0 * POINT)
    assert once is POINT


def test_nothing_is_logged(central, caplog):
    caplog.set_level(logging.DEBUG, "adhelpers")
    wrong_sine().on(central, POINT)
    assert not caplog.records


def test_implicit_functions(central, order):
    @adhelpers.implicit(lambda x, y: y**3 - x)
    def root(x: Any) -> Any:
        return np.cbrt(x)

    x = np.array([8.0, 27.0])
    J = adhelpers.jacobian(root, central, x)
    np.testing.assert_allclose(J, np.diag([1.0 / 12.0, 1.0 / 27.0]), atol=10 * accuracy(float, order))


def test_inside_a_framework_its_rule_is_followed():
    """Of differences that autograd traces the derivative is the rule's, for the arrays are autograd's."""
    autograd = pytest.importorskip("autograd")
    sin = wrong_sine()
    push = lambda x: jacobian_vector_product(sin, "finite-difference", x, np.ones(()))  # noqa: E731
    np.testing.assert_allclose(push(np.asarray(0.3)), np.cos(0.3), atol=1e-8)
    np.testing.assert_allclose(autograd.grad(push)(np.asarray(0.3)), -3.0 * np.sin(0.3), atol=1e-8)
