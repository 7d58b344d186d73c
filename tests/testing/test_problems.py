"""The problems: their derivatives agree with differences over NumPy, and with one another."""

from __future__ import annotations

from collections import Counter
from typing import Any

import array_api_compat.numpy as numpy_namespace
import numpy as np
import optree
import pytest

from adhelpers.extend import NAMESPACE
from adhelpers.testing.problems import PROBLEMS, Problem, as_arrays

each = pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.name)


def leaves(tree: Any) -> list[np.ndarray]:
    return [np.asarray(leaf) for leaf in optree.tree_leaves(tree, namespace=NAMESPACE)]


def steps(problem: Problem) -> Any:
    """How far to move each leaf: within what the function looks like there."""
    near = np.isfinite(problem.reach)
    return optree.tree_map(lambda x: 1e-6 * (np.max(np.abs(x)) if near else 1.0), problem.x, namespace=NAMESPACE)


def moved(problem: Problem, sign: float) -> list[np.ndarray]:
    """The values of f at x, a step along the tangent."""
    point = optree.tree_map(
        lambda x, t, h: x + sign * h * t, problem.x, problem.tangent, steps(problem), namespace=NAMESPACE
    )
    return leaves(problem.f(numpy_namespace, point))


def pairing(a: Any, b: Any) -> float:
    return sum(float(np.real(np.sum(x * y))) for x, y in zip(leaves(a), leaves(b), strict=True))


def test_names_are_unique() -> None:
    assert [name for name, count in Counter(problem.name for problem in PROBLEMS).items() if count > 1] == []


@each
def test_the_product_is_what_a_difference_tends_to(problem: Problem) -> None:
    above, below, expected = moved(problem, 1.0), moved(problem, -1.0), leaves(problem.pushed())
    near = np.isfinite(problem.reach)  # then each leaf of f(x) is of its own leaf of x
    widths = leaves(steps(problem)) if near else [np.asarray(1e-6)] * len(above)
    for received, a, b, h in zip(expected, above, below, widths, strict=True):
        difference = (a - b) / (2 * h)
        assert received.shape == difference.shape
        size = max(0.0 if near else 1.0, float(np.max(np.abs(difference))))
        np.testing.assert_allclose(received, difference, rtol=0.0, atol=1e-7 * size)


@each
def test_the_other_product_is_its_transpose(problem: Problem) -> None:
    forward, reverse = pairing(problem.cotangent, problem.pushed()), pairing(problem.pulled(), problem.tangent)
    terms = zip(leaves(problem.cotangent), leaves(problem.pushed()), strict=True)
    size = sum(float(np.sum(np.abs(c * t))) for c, t in terms)
    assert abs(forward - reverse) <= 1e-13 * size


@each
def test_results_have_the_structure_and_dtype_of_their_partners(problem: Problem) -> None:
    for partner, result in ((problem.value(), problem.pushed()), (problem.x, problem.pulled())):
        structures = [optree.tree_structure(tree, namespace=NAMESPACE) for tree in (partner, result)]
        assert structures[0] == structures[1]
        assert [leaf.dtype for leaf in leaves(partner)] == [leaf.dtype for leaf in leaves(result)]


@each
def test_complex_numbers_are_declared(problem: Problem) -> None:
    numbers = leaves((problem.x, problem.tangent, problem.cotangent, problem.value()))
    assert problem.is_complex == any(leaf.dtype.kind == "c" for leaf in numbers)


def test_numbers_become_arrays_in_the_precision_that_is_asked_for() -> None:
    tree = as_arrays({"a": 1.5, "b": [np.ones(2)]}, np.float32)
    assert [(leaf.shape, leaf.dtype.name) for leaf in leaves(tree)] == [((), "float32"), ((2,), "float32")]
