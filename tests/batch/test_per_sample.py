"""Functions that give one number for each batch element, and their gradients, between leaves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from toys import ForwardToy, ReverseToy

from adhelpers import BatchAxisError, DTypeError
from adhelpers.batch.per_sample import Gradients, Values
from adhelpers.plugins.containers import SINGLE
from adhelpers.testing.models import numbers
from adhelpers.trees.leafwise import LeafwiseFunction
from adhelpers.trees.tree import Tree

both = pytest.mark.parametrize("axis", [-1, 0])
X = numbers(2, 3)


def values_of(f: Any, axis: Any, toy: Any = None, *, has_aux: bool = False) -> tuple[Values, np.ndarray]:
    backend, x = toy or ForwardToy(), X if axis == -1 else X.T.copy()
    flat = LeafwiseFunction(f, Tree.read(backend, x, "x"), (5.0,), has_aux=has_aux)
    return Values(backend, flat, axis), x


@both
def test_each_number_is_a_vector_of_one_entry(axis: Any) -> None:
    values, x = values_of(lambda x, k: ((k * x * x).sum(axis=0 if axis == -1 else 1), x), axis, has_aux=True)
    (y,), (aux,) = values(x)
    assert y.shape == ((1, 3) if axis == -1 else (3, 1))
    np.testing.assert_allclose(values.numbers(y), 5.0 * (X * X).sum(axis=0))
    np.testing.assert_array_equal(aux, x)
    assert values.output((y,)).treedef is SINGLE
    assert values.args == (5.0,)


@both
@pytest.mark.parametrize(
    ("f", "error", "words"),
    [
        (lambda x, _: x, BatchAxisError, r"f\(x\) is of shape .*, but must be one number for each batch element"),
        (lambda x, _: x.sum(), BatchAxisError, r"f\(x\) is of shape \(\), .* of shape \(3,\)"),
        (lambda x, _: (np.ones(3), np.ones(3)), BatchAxisError, r"f\(x\) is a tuple of length 2"),
        (lambda x, _: [np.ones(3)], BatchAxisError, r"f\(x\) is a list of length 1"),
        (lambda x, _: np.ones(2), BatchAxisError, r"shape \(2,\)"),
        (lambda x, _: 1j * np.ones(3), DTypeError, r"f\(x\) is complex \(complex128\)"),
    ],
)
def test_other_outputs_are_refused(axis: Any, f: Any, error: type[Exception], words: str) -> None:
    values, x = values_of(f, axis)
    with pytest.raises(error, match=words):
        values(x)


@both
@pytest.mark.parametrize(("toy", "mode"), [(ForwardToy(), "forward"), (ReverseToy(), "reverse")])
def test_gradients_of_all_by_one_pullback(axis: Any, toy: Any, mode: Any) -> None:
    calls = []

    def f(x: Any, k: float) -> Any:
        calls.append(1)
        return (k * x * x).sum(axis=0 if axis == -1 else 1), 7.0 * x

    values, x = values_of(f, axis, toy, has_aux=True)
    gradients = Gradients(toy, values, mode)
    (g,), (y, aux) = gradients(x)
    np.testing.assert_allclose(g, 10.0 * x)
    np.testing.assert_allclose(values.numbers(y), 5.0 * (X * X).sum(axis=0))
    np.testing.assert_array_equal(aux, 7.0 * x)
    assert gradients.has_aux, "so that they are given no copies of the batch"
    (again,), _ = gradients.values(x)
    np.testing.assert_array_equal(again, y)
    assert (gradients.mode, gradients.function) == (mode, f)
