"""The user's structures on one side, flat leaves on the other, and back."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
from toys import ForwardToy

from adhelpers import DTypeError, ShapeMismatchError, StructureMismatchError
from adhelpers.plugins.containers import SINGLE, flatten
from adhelpers.trees.tree import LeafName, Tree

TOY = ForwardToy()
HALF, DOUBLE, COMPLEX = np.ones(2, np.float32), np.ones(3), np.ones(2, np.complex64)


def dtypes(tree: Tree) -> list[str]:
    return [str(leaf.dtype) for leaf in tree.leaves]


def test_one_array_is_taken_as_it_is() -> None:
    for _ in range(2):
        tree = Tree.read(TOY, DOUBLE, "x")
        assert tree.treedef is SINGLE
        assert tree.leaves[0] is DOUBLE
        assert tree.rebuild((HALF,)) is HALF


def test_structures_are_rebuilt_with_other_leaves() -> None:
    tree = Tree.read(TOY, {"b": DOUBLE, "a": [HALF, None, ()]}, "x")
    assert [leaf is given for leaf, given in zip(tree.leaves, (HALF, DOUBLE), strict=True)] == [True, True]
    assert tree.rebuild((1, 2)) == {"a": [1, None, ()], "b": 2}
    assert list(tree.rebuild((1, 2))) == ["b", "a"], "in the user's order"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([2.0, HALF], ["float32", "float32"]),
        ([HALF, DOUBLE, 2.0], ["float32", "float64", "float32"]),
        ([DOUBLE, HALF, 2.0], ["float64", "float32", "float64"]),
        ([2.0, COMPLEX], ["float64", "complex64"]),
        ([2.0j, HALF], ["complex128", "float32"]),
        ([2.0j, COMPLEX, HALF, 2.0], ["complex64", "complex64", "float32", "float32"]),
        ([2.0, 3.0j], ["float64", "complex128"]),
        (2.0, ["float64"]),
    ],
    ids=str,
)
def test_a_number_in_x_has_the_precision_of_the_first_array_of_its_kind(given: Any, expected: list[str]) -> None:
    assert dtypes(Tree.read(TOY, given, "x")) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [([2.0, DOUBLE], ["float32", "float64"]), (3.0, ["float32"]), ([1.0j], ["complex64"])],
    ids=str,
)
def test_a_number_in_f_of_x_has_the_precision_of_x(given: Any, expected: list[str]) -> None:
    tree = Tree.read(TOY, given, "f(x)", HALF)
    assert dtypes(tree) == expected
    if given == [1.0j]:
        assert tree.leaves[0] == 1.0j


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"a": [1.0, np.ones(2, int)]}, r"x\['a'\]\[1\] is an array of dtype int"),
        ([1.0, 3], r"x\[1\] is int, but only floating"),
    ],
)
def test_a_bad_leaf_is_named_by_its_path(given: Any, words: str) -> None:
    with pytest.raises(DTypeError, match=words):
        Tree.read(TOY, given, "x")


def test_names_of_leaves() -> None:
    _, treedef = flatten({"a": [1, {"k": 2}]})
    assert [str(LeafName("x", treedef, i)) for i in range(2)] == ["x['a'][0]", "x['a'][1]['k']"]
    assert str(LeafName("x", SINGLE, 0)) == "x"


# -- partners -----------------------------------------------------------------------------------------


def test_a_partner_of_one_array_is_taken_as_it_is() -> None:
    u = np.zeros(3)
    assert Tree.read(TOY, DOUBLE, "x").read_partner(u, "u")[0] is u


def test_a_partners_leaves_come_in_the_order_of_the_tree() -> None:
    tree = Tree.read(TOY, OrderedDict(b=DOUBLE, a=HALF), "x")
    b, a = np.zeros(3), np.zeros(2, np.float32)
    for partner in ({"a": a, "b": b}, OrderedDict(a=a, b=b), OrderedDict(b=b, a=a)):
        received = tree.read_partner(partner, "u")
        assert [leaf is given for leaf, given in zip(received, (b, a), strict=True)] == [True, True]


def test_numbers_in_a_partner_are_lifted_to_their_own_partners() -> None:
    tree = Tree.read(TOY, [np.ones((), np.float32), np.asarray(1.0)], "x")
    assert [leaf.dtype for leaf in tree.read_partner([2.0, 3.0], "u")] == [np.float32, np.float64]


@pytest.mark.parametrize(
    ("partner", "error", "words"),
    [
        ([DOUBLE], StructureMismatchError, "u is a list of length 1, but x is a list of length 2"),
        ([DOUBLE, DOUBLE], ShapeMismatchError, r"u\[1\] has shape \(3,\), but x\[1\] has \(2,\)"),
        ([DOUBLE, np.ones(2)], DTypeError, r"u\[1\] has dtype float64, but x\[1\] has float32"),
        ([DOUBLE, 1j], DTypeError, r"u\[1\] is the complex number 1j"),
    ],
)
def test_a_partner_must_match_leaf_by_leaf(partner: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        Tree.read(TOY, [DOUBLE, HALF], "x").read_partner(partner, "u")
