"""Columns of real numbers, and the complex leaves that they stand for."""

from __future__ import annotations

import numpy as np

from adhelpers import ADBackend
from adhelpers.rules.coordinates import from_column, from_real_parts, real_parts, to_column
from conftest import assert_close, lifted

TREE = {"a": np.array([[1.0, 2.0]]), "b": np.array([3.0 + 4.0j, 5.0 - 6.0j]), "c": np.asarray(7.0 + 8.0j)}
COLUMN = np.array([[1.0], [2.0], [3.0], [5.0], [4.0], [-6.0], [7.0], [8.0]])
SIGNS = np.array([[1.0], [1.0], [1.0], [1.0], [-1.0], [-1.0], [1.0], [-1.0]])


def test_a_column_has_the_parts_of_each_leaf_in_order(backend: ADBackend) -> None:
    with backend.scope():
        leaves = tuple(lifted(backend, TREE).values())
        assert_close(backend, to_column(backend, leaves), COLUMN)
        assert_close(backend, to_column(backend, leaves, conjugate=True), COLUMN * SIGNS)


def test_leaves_come_back(backend: ADBackend) -> None:
    with backend.scope():
        leaves = tuple(lifted(backend, TREE).values())
        like = tuple([leaf * 0 for leaf in leaves])
        expected = tuple(TREE.values())
        assert_close(backend, from_column(backend, lifted(backend, COLUMN), like), expected)
        assert_close(backend, from_column(backend, lifted(backend, COLUMN * SIGNS), like, conjugate=True), expected)
        assert_close(backend, from_real_parts(backend, real_parts(backend, leaves), like), expected)


def test_precision_is_kept(backend: ADBackend) -> None:
    with backend.scope():
        leaves = lifted(backend, (TREE["a"].astype(np.float32), TREE["b"].astype(np.complex64)))
        column = to_column(backend, leaves)
        assert_close(backend, column, COLUMN[:6].astype(np.float32))
        back = from_column(backend, column, leaves)
        assert [backend.to_numpy(leaf).dtype for leaf in back] == [np.float32, np.complex64]
