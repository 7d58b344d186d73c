"""What objects hold."""

from __future__ import annotations

import types
from typing import Any

import numpy as np
import pytest

from adhelpers.plugins.objects import arrays_held, is_numpy, is_seen_by_numpy


class Array:
    pass


def is_array(part: Any) -> bool:
    return isinstance(part, Array)


@pytest.mark.parametrize("leaf", [1, 2.5, "word", b"word", None, True, range(3), np.ones(2), np.float32(1.0)], ids=repr)
def test_plain_things_hold_nothing(leaf: Any) -> None:
    assert arrays_held(is_array, leaf) == ()


def test_each_array_is_found_once() -> None:
    a, b = Array(), Array()
    holder = types.SimpleNamespace(a=a, again=[a, {"b": b}])
    holder.itself = holder
    assert set(arrays_held(is_array, holder)) == {a, b}


def test_arrays_of_objects_are_looked_into() -> None:
    a = Array()
    assert arrays_held(is_array, np.array([a, types.SimpleNamespace(a=a)], dtype=object)) == (a,)


HIDDEN = Array()


def test_what_all_functions_of_a_module_share_is_nobodys() -> None:
    assert arrays_held(is_array, lambda: HIDDEN) == ()
    assert arrays_held(is_array, types) == ()
    assert arrays_held(is_array, type("Kind", (), {"a": HIDDEN})) == ()


def test_the_search_ends() -> None:
    chain: Any = Array()
    for _ in range(10**4):
        chain = [chain]
    assert arrays_held(is_array, types.SimpleNamespace(chain=chain)) == ()


def test_what_is_numpys() -> None:
    assert [is_numpy(leaf) for leaf in (np.ones(2), np.float32(1.0), 1.0, [np.ones(2)])] == [True, True, False, False]


@pytest.mark.parametrize(
    ("array", "expected"),
    [(np.ones(2), True), (np.float32(1.0), True), (np.ma.masked_array([1.0]), True), (Array(), False)],
)
def test_of_arrays_that_numpy_does_not_ask_it_would_take_the_numbers(array: Any, expected: bool) -> None:
    class Asked:
        __array_ufunc__ = None

    assert is_seen_by_numpy(array) is expected
    assert not is_seen_by_numpy(Asked())
