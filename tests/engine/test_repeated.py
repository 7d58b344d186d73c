"""Functions that change what they close over: a derivative of several runs is that of no function."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from toys import ForwardToy

from adhelpers import ArgumentError, jacobian, vector_jacobian_product
from adhelpers.engine.repeated import require_same_values


class Scaled:
    """A multiple of x, by another factor after each run for a vector."""

    def __init__(self) -> None:
        self.factor = 1.0

    def __call__(self, x: Any) -> Any:
        return self.factor * x


class Moving(ForwardToy):
    """Each product leaves the function changed."""

    def jvp(self, f: Any, x: Any, u: Any) -> Any:
        pushed = super().jvp(f, x, u)
        f.function.factor *= 2.0
        return pushed


class Late(Moving):
    """It says that it lacks a reverse rule when something is pulled back."""

    def vjp(self, f: Any, x: Any) -> Any:
        outputs, _, aux = self.jvp(f, x, tuple(map(np.zeros_like, x)))

        def pullback(cotangents: Any) -> Any:
            raise NotImplementedError

        return outputs, pullback, aux

    def is_missing_rule(self, error: Exception) -> bool:
        return isinstance(error, NotImplementedError)


X = np.array([1.0, -2.0, 0.5])


@pytest.mark.parametrize("chunk_size", [None, 1])
def test_a_sweep_that_runs_f_for_each_vector(chunk_size: Any) -> None:
    with pytest.raises(ArgumentError, match="another result each time"):
        jacobian(Scaled(), Moving(), X, mode="forward", chunk_size=chunk_size)
    np.testing.assert_array_equal(jacobian(Scaled(), Moving(), X[:1], mode="forward"), [[1.0]])


def test_a_pullback_that_runs_f_again() -> None:
    with pytest.raises(ArgumentError, match="another result each time"):
        vector_jacobian_product(Scaled(), Late(), X[:1], X[:1])
    np.testing.assert_array_equal(vector_jacobian_product(lambda x: 3.0 * x, ForwardToy(), X, X), 3.0 * X)


@pytest.mark.parametrize(
    ("received", "is_same"),
    [([1.0, np.nan], True), ([1.0 + 1e-12, np.nan], True), ([1.1, np.nan], False), ([1.0, 2.0], False)],
)
def test_values_are_the_same_to_rounding(received: Any, is_same: bool) -> None:
    x, expected = (np.array([1.0, 2.0]),), (np.array([1.0, np.nan]),)
    if is_same:
        require_same_values(ForwardToy(), x, expected, (np.array(received),))
        return
    with pytest.raises(ArgumentError):
        require_same_values(ForwardToy(), x, expected, (np.array(received),))
