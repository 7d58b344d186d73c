"""The containers that every backend knows, and the words for one in a message."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, namedtuple
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import numpy as np
import optree
import pytest

from adhelpers.plugins.containers import NAMESPACE, SINGLE, describe, flatten, make_known

Point = namedtuple("Point", ["a", "b"])  # noqa: PYI024  # the plain kind, as users write it


@pytest.mark.parametrize("leaf", [1.0, "word", np.ones(2), object()], ids=lambda leaf: type(leaf).__name__)
def test_a_tree_of_one_leaf(leaf: Any) -> None:
    leaves, treedef = flatten(leaf)
    assert leaves == (leaf,)
    assert treedef is SINGLE
    assert treedef.unflatten(["other"]) == "other"
    assert [path.codify("x") for path in treedef.accessors()] == ["x"]
    assert repr(treedef) == "*"
    with pytest.raises(ValueError, match="unpack"):
        treedef.unflatten([1, 2])


@pytest.mark.parametrize(
    ("tree", "count"),
    [
        ([1.0], 1),
        ((1.0, [2.0, {"a": 3.0}]), 3),
        (Point(1.0, None), 1),
        (OrderedDict(b=1.0, a=2.0), 2),
        (defaultdict(int, a=1.0), 1),
        (None, 0),
        ({}, 0),
        ([[], ()], 0),
    ],
    ids=repr,
)
def test_containers_are_rebuilt_as_they_were(tree: Any, count: int) -> None:
    leaves, treedef = flatten(tree)
    assert len(leaves) == count
    assert treedef is not SINGLE
    rebuilt = treedef.unflatten(leaves)
    assert type(rebuilt) is type(tree)
    assert rebuilt == tree
    assert flatten(rebuilt)[1] == treedef


def test_a_list_of_one_leaf_is_no_leaf() -> None:
    assert flatten([1.0])[1] != flatten(1.0)[1]
    assert flatten([1.0])[1] != flatten((1.0,))[1]


def test_what_is_registered_for_this_library_alone_is_known() -> None:
    class Model:
        def __init__(self, w: Any) -> None:
            self.w = w

    assert flatten(Model(1.0))[1] is SINGLE
    optree.register_pytree_node(Model, lambda m: ((m.w,), None), lambda _, c: Model(*c), namespace=NAMESPACE)
    try:
        leaves, treedef = flatten(Model(1.0))
        assert leaves == (1.0,)
        assert treedef.unflatten([2.0]).w == 2.0
    finally:
        optree.unregister_pytree_node(Model, namespace=NAMESPACE)


def test_a_container_is_made_known_once() -> None:
    class Model:
        def __init__(self, w: Any) -> None:
            self.w = w

    known = [Model], lambda m: ((m.w,), "rest", (".w",)), lambda rest, children: Model(*children, *rest[4:])
    assert not make_known([], *known[1:])
    assert flatten(Model(1.0))[1] is SINGLE
    assert make_known(*known)
    assert make_known(*known), "a second time is no error"
    leaves, treedef = flatten({"m": Model([1.0, 2.0])})
    assert leaves == (1.0, 2.0)
    assert treedef.unflatten([3.0, 4.0])["m"].w == [3.0, 4.0]
    assert [path.codify("x") for path in treedef.accessors()] == ["x['m'].w[0]", "x['m'].w[1]"]
    assert optree.tree_leaves(Model(1.0)) != [1.0], "nothing changes for other users of optree"


@pytest.mark.parametrize(
    ("node", "words"),
    [
        (None, "None"),
        (3, "an int"),
        (2.0, "a float"),
        ("ab", "a str"),
        ([1, 2], "a list of length 2"),
        ((), "a tuple of length 0"),
        (Point(1, 2), "a Point of length 2"),
        ({"b": 1, "a": 2}, "a dict with keys ['b', 'a']"),
        (OrderedDict(z=1), "an OrderedDict with keys ['z']"),
        (defaultdict(int), "a defaultdict with keys []"),
        (MappingProxyType({"b": 1}), "a mappingproxy with keys ['b']"),
        (np.ones(2), "a numpy.ndarray"),
        (np.float32(1.0), "a numpy.float32"),
        (Decimal(1), "a decimal.Decimal"),
        ({1, 2}, "a set"),
    ],
    ids=repr,
)
def test_words_for_a_node(node: Any, words: str) -> None:
    assert describe(node) == words
