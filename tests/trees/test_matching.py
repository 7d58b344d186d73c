"""One tree matched to another, leaf by leaf, and the words for a mismatch."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, namedtuple
from typing import Any

import optree
import pytest

from adhelpers import StructureMismatchError
from adhelpers.plugins.containers import flatten
from adhelpers.trees.matching import arrange_like, key_orders, leaf_paths

Point = namedtuple("Point", ["a", "b"])  # noqa: PYI024  # the plain kind, as users write it


@pytest.mark.parametrize(
    ("tree", "paths"),
    [
        (1.0, ["x"]),
        ({"b": 1, "a": [2, (3,)]}, ["x['a'][0]", "x['a'][1][0]", "x['b']"]),
        (Point(1, {"k": 2}), ["x.a", "x.b['k']"]),
        ([None, 1, {}], ["x[1]"]),
        ({}, []),
        ({0: 1, "0": 2}, ["x[0]", "x['0']"]),
    ],
    ids=repr,
)
def test_paths_of_leaves(tree: Any, paths: list[str]) -> None:
    assert sorted(leaf_paths(flatten(tree)[1], "x")) == sorted(paths)


def test_orders_of_keys() -> None:
    assert key_orders({"b": 1, "a": OrderedDict(z=1, y=[{"d": 1, "c": 2}])}) == (("b", "a"), ("z", "y"), ("d", "c"))
    assert key_orders([1, (2,)]) == ()
    assert key_orders({"b": 1, "a": 2}) != key_orders({"a": 2, "b": 1})


@pytest.mark.parametrize("kind", [dict, OrderedDict, lambda pairs: defaultdict(int, pairs)])
@pytest.mark.parametrize("partner_kind", [dict, OrderedDict, lambda pairs: defaultdict(float, pairs)])
def test_the_order_of_keys_and_the_kind_of_dict_are_no_difference(kind: Any, partner_kind: Any) -> None:
    tree, partner = kind([("b", [1, 2]), ("a", 3)]), partner_kind([("a", 10), ("b", [20, 30])])
    arranged = arrange_like(tree, "u", partner, "x")
    assert type(arranged) is type(partner)
    assert list(arranged.items()) == [("a", 3), ("b", [1, 2])]
    assert optree.tree_structure(arranged) == optree.tree_structure(partner)


def test_trees_without_leaves() -> None:
    for tree in ({}, [], (), None, {"a": []}):
        assert arrange_like(tree, "u", tree, "x") == tree


@pytest.mark.parametrize(
    ("tree", "partner", "message"),
    [
        ([1], (1,), "u is a list of length 1, but x is a tuple of length 1; build u like x"),
        ([1], [1, 2], "u is a list of length 1, but x is a list of length 2; build u like x"),
        (1, [1], "u is an int, but x is a list of length 1; build u like x"),
        ([1], 1, "u is a list of length 1, but x is an int; give an array for u"),
        (None, 1, "u is None, but x is an int; give an array for u"),
        (1, None, "u is an int, but x is None; build u like x"),
        ((1, 2), Point(1, 2), "u is a tuple of length 2, but x is a Point of length 2; build u like x"),
        (
            {"a": 1},
            {"b": 1},
            (
                "u is a dict with keys ['a'], but x is a dict with keys ['b'] "
                "(keys missing ['b'], unknown ['a']); build u like x"
            ),
        ),
        (
            {"a": 1},
            {"a": 1, "c": 2},
            "u is a dict with keys ['a'], but x is a dict with keys ['a', 'c'] (keys missing ['c']); build u like x",
        ),
        ({"a": 1}, [1], "u is a dict with keys ['a'], but x is a list of length 1; build u like x"),
    ],
    ids=repr,
)
def test_a_mismatch_says_what_both_are(tree: Any, partner: Any, message: str) -> None:
    with pytest.raises(StructureMismatchError) as raised:
        arrange_like(tree, "u", partner, "x")
    assert str(raised.value) == message


def test_a_mismatch_inside_names_the_path_of_each() -> None:
    with pytest.raises(StructureMismatchError) as raised:
        arrange_like({"a": [1, {"k": (2,)}]}, "u", OrderedDict(a=[1, {"k": [2]}]), "f(x)")
    words = "u['a'][1]['k'] is a tuple of length 1, but f(x)['a'][1]['k'] is a list of length 1"
    assert str(raised.value) == f"{words}; build u['a'][1]['k'] like f(x)['a'][1]['k']"


def test_nodes_whose_parts_that_are_no_leaves_differ() -> None:
    class Model:
        def __init__(self, w: Any, size: int) -> None:
            self.w, self.size = w, size

    optree.register_pytree_node(
        Model, lambda m: ((m.w,), m.size), lambda size, children: Model(*children, size), namespace="adhelpers"
    )
    try:
        assert arrange_like(Model(1, 3), "u", Model(2, 3), "x").w == 1
        with pytest.raises(StructureMismatchError, match="whose non-leaf parts differ"):
            arrange_like(Model(1, 3), "u", Model(2, 4), "x")
    finally:
        optree.unregister_pytree_node(Model, namespace="adhelpers")
