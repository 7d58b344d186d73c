"""Derivatives as functions themselves: what they give, and what travels beside."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from toys import ForwardToy, ReverseToy

from adhelpers import DTypeError, ShapeMismatchError, StructureMismatchError
from adhelpers.engine.derivatives import Directional, Gradient, GradientIfOne, Several
from adhelpers.trees.leafwise import LeafwiseFunction
from adhelpers.trees.tree import Tree

X = np.asarray([1.0, -2.0, 0.5])
toys = pytest.mark.parametrize("toy", [ForwardToy(), ReverseToy()], ids=lambda toy: toy.name)
modes = pytest.mark.parametrize("mode", ["forward", "reverse"])


def leafwise(toy: Any, f: Any, x: Any = X) -> tuple[LeafwiseFunction, tuple[Any, ...]]:
    """The function between leaves, with aux, and its point."""
    point = Tree.read(toy, x, "x")
    return LeafwiseFunction(f, point, (), has_aux=True), point.leaves


@toys
@modes
def test_a_gradient_has_value_and_aux_beside_it(toy: Any, mode: Any) -> None:
    f, leaves = leafwise(toy, lambda x: ((x * x).sum(), 3.0 * x))
    (gradient,), (y, aux) = Gradient(toy, f, mode)(*leaves)
    np.testing.assert_allclose(gradient, 2.0 * X)
    assert y == np.sum(X**2)
    np.testing.assert_array_equal(aux, 3.0 * X)


@toys
def test_values_are_what_the_gradient_is_of(toy: Any) -> None:
    f, leaves = leafwise(toy, lambda x: ((x * x).sum(), 3.0 * x))
    (y,), (aux,) = Gradient(toy, f, "reverse").values(*leaves)
    assert y == np.sum(X**2)
    np.testing.assert_array_equal(aux, 3.0 * X)


@modes
@pytest.mark.parametrize(
    ("f", "error"),
    [
        (lambda x: (x, None), ShapeMismatchError),
        (lambda x: ((x.sum(), x.sum()), None), StructureMismatchError),
        (lambda x: (x.sum() * 1j, None), DTypeError),
        (lambda x: (x[:1], None), ShapeMismatchError),
    ],
    ids=["an array", "a pair", "complex", "an array of one"],
)
def test_a_gradient_is_that_of_one_real_number(f: Any, error: type[Exception], mode: Any) -> None:
    toy = ForwardToy()
    flat, leaves = leafwise(toy, f)
    gradient = Gradient(toy, flat, mode)
    with pytest.raises(error):
        gradient(*leaves)
    with pytest.raises(error):
        gradient.values(*leaves)


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_a_gradient_of_one_number_whatever_its_shape(shape: tuple[int, ...]) -> None:
    toy = ReverseToy()
    f, leaves = leafwise(toy, lambda x: ((x * x).sum().reshape(shape), None))
    (gradient,), (y,) = GradientIfOne(toy, f, "reverse", np.dtype(float))(*leaves)
    np.testing.assert_allclose(gradient, 2.0 * X)
    assert y.shape == shape


@pytest.mark.parametrize(
    "f",
    [
        lambda x: (x, None),
        lambda x: ((x.sum(), x.sum()), None),
        lambda x: (x.sum() * 1j, None),
        lambda x: (x.sum().astype(np.float32), None),
        lambda x: ((), None),
    ],
    ids=["an array", "a pair", "complex", "another precision", "nothing"],
)
def test_several_numbers_or_another_dtype_are_told_apart(f: Any) -> None:
    toy = ReverseToy()
    flat, leaves = leafwise(toy, f)
    with pytest.raises(Several):
        GradientIfOne(toy, flat, "reverse", np.dtype(float))(*leaves)


@toys
def test_a_derivative_along_tangents_has_values_and_aux_beside_it(toy: Any) -> None:
    u = (np.asarray([0.5, 1.0, -1.0]),)
    f, leaves = leafwise(toy, lambda x: ((x * x, x.sum()), 7.0 * x))
    (squares, sums), (y, s, aux) = Directional(toy, f, u)(*leaves)
    np.testing.assert_allclose(squares, 2.0 * X * u[0])
    np.testing.assert_allclose(sums, 0.5)
    np.testing.assert_allclose([y, aux], [X**2, 7.0 * X])
    assert s == X.sum()


def test_they_are_known_by_the_users_function() -> None:
    """So that what is learnt, and logged, is learnt of it."""
    toy = ForwardToy()

    def f(x: Any) -> Any:
        return x, None

    flat, _ = leafwise(toy, f)
    assert Gradient(toy, flat, "forward").function is f
    assert Directional(toy, flat, (X,)).function is f
