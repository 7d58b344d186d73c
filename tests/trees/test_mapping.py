"""Arithmetic of structures."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from typing import Any

import numpy as np
import optree
import pytest

import adhelpers
from adhelpers import Constant, StructureMismatchError, tree_leaves, tree_map
from adhelpers.plugins.containers import NAMESPACE

Pair = namedtuple("Pair", ["a", "b"])  # noqa: PYI024


def step(x: Any, g: Any) -> Any:
    return x - 10 * g


@pytest.mark.parametrize(
    ("x", "g", "expected"),
    [
        (1.0, 2.0, -19.0),
        ({"b": [1.0, (2.0,)], "a": 3.0}, {"a": 3.0, "b": [1.0, (2.0,)]}, {"b": [-9.0, (-18.0,)], "a": -27.0}),
        (Pair(1.0, None), Pair(2.0, None), Pair(-19.0, None)),
        ({"a": 1.0}, OrderedDict(a=1.0), {"a": -9.0}),
        ([], [], []),
        (None, None, None),
        # what has no derivative
        ({"w": 1.0, "n": 3}, {"w": 1.0, "n": None}, {"w": -9.0, "n": 3}),
        ({"w": 1.0, "n": None}, {"w": 1.0, "n": 5.0}, {"w": -9.0, "n": None}),
        ({"w": 1.0, "n": [1, {"k": "word"}]}, {"w": 1.0, "n": None}, {"w": -9.0, "n": [1, {"k": "word"}]}),
        ({"w": 1.0, "n": Constant(3)}, {"w": 1.0, "n": None}, {"w": -9.0, "n": Constant(3)}),
        ({"w": 1.0, "n": Constant(3)}, {"w": 1.0, "n": 7.0}, {"w": -9.0, "n": Constant(3)}),
        ({"w": 1.0, "n": Constant(3)}, {"w": 1.0, "n": [7.0, 8.0]}, {"w": -9.0, "n": Constant(3)}),
        ({"w": 1.0, "n": 3}, {"w": 1.0, "n": Constant(3)}, {"w": -9.0, "n": 3}),
        (2.0, None, 2.0),
    ],
    ids=str,
)
def test_a_step(x: Any, g: Any, expected: Any) -> None:
    result = tree_map(step, x, g)
    assert result == expected
    assert type(result) is type(x)
    if isinstance(x, dict):
        assert list(result) == list(x), "in the order of the first"


def test_of_one_structure_and_of_three() -> None:
    assert tree_map(lambda x: x + 1, {"a": [1, 2]}) == {"a": [2, 3]}
    assert tree_map(lambda *x: x, [1, 2], [3, None], [5, 6]) == [(1, 3, 5), 2]
    with pytest.raises(ZeroDivisionError):
        tree_map(lambda x: 1 / x, [0])


@pytest.mark.parametrize(
    ("tree", "other", "words"),
    [
        ({"a": 1.0, "b": 2.0}, {"a": 1.0}, r"others\[0\] is a dict with keys \['a'\], but tree is .*missing \['b'\]"),
        ([1.0], (1.0,), r"others\[0\] is a tuple of length 1, but tree is a list"),
        ([[1.0]], [1.0], r"others\[0\]\[0\] is a float, but tree\[0\] is a list of length 1"),
        ([1.0], [[1.0]], r"others\[0\]\[0\] is a list of length 1, but tree\[0\] is a float; give an array"),
    ],
    ids=str,
)
def test_nothing_is_broadcast(tree: Any, other: Any, words: str) -> None:
    with pytest.raises(StructureMismatchError, match=words):
        tree_map(lambda x, y: x, tree, other)


def test_leaves_are_those_that_a_gradient_has() -> None:
    x = {"b": [3.0, None], "a": 2.0, "n": Constant([4.0])}
    assert tree_leaves(x) == [2.0, 3.0]
    assert tree_leaves({"b": [1.0, None], "a": 1.0, "n": None}) == [1.0, 1.0]
    assert tree_leaves(5) == [5]


def test_containers_registered_for_this_library() -> None:
    class Model:
        def __init__(self, w: Any) -> None:
            self.w = w

    optree.register_pytree_node(Model, lambda m: ((m.w,), None), lambda _, c: Model(*c), namespace=NAMESPACE)
    try:
        moved = tree_map(step, Model([1.0]), Model([1.0]))
        assert type(moved) is Model
        assert moved.w == [-9.0]
    finally:
        optree.unregister_pytree_node(Model, namespace=NAMESPACE)


def test_a_container_that_jax_alone_knows_is_known_at_first_sight() -> None:
    jax = pytest.importorskip("jax")

    @jax.tree_util.register_pytree_node_class
    class Line:
        def __init__(self, slope: Any, offset: Any) -> None:
            self.slope, self.offset = slope, offset

        def tree_flatten(self) -> Any:
            return (self.slope, self.offset), None

        @classmethod
        def tree_unflatten(cls, _: None, children: Any) -> Any:
            return cls(*children)

    moved = tree_map(step, {"line": Line(1.0, 3)}, {"line": Line(2.0, None)})
    assert (moved["line"].slope, moved["line"].offset) == (-19.0, 3)
    assert tree_leaves([Line(1.0, {"b": 2.0})]) == [1.0, 2.0]


def test_a_step_of_descent_on_a_module_of_equinox() -> None:
    eqx, jax = pytest.importorskip("equinox"), pytest.importorskip("jax")
    jnp = jax.numpy

    class Layer(eqx.Module):
        weight: Any
        activation: Any
        depth: int

        def __call__(self, x: Any) -> Any:
            return self.activation(self.weight * x) * self.depth

    layer = Layer(jnp.asarray([0.5, -1.0]), jax.nn.relu, 2)
    x = adhelpers.mark_constants(layer)
    gradient = adhelpers.gradient(lambda layer: layer(jnp.asarray([3.0, 3.0])).sum(), None, x)
    assert (gradient.activation, gradient.depth) == (None, None)
    for start in (layer, x):
        moved = tree_map(lambda p, g: p - 0.25 * g, start, gradient)
        assert type(moved) is Layer
        np.testing.assert_array_equal(moved.weight, [0.5 - 0.25 * 6, -1.0])
    moved = tree_map(lambda p, g: p - 0.25 * g, layer, gradient)
    assert moved.activation is jax.nn.relu
    assert moved.depth == 2
    assert adhelpers.tree_leaves(gradient)[0] is gradient.weight
