"""Basis vectors of a whole batch: number k is one in element k of every batch element, and zero elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from toys import ForwardToy

from adhelpers.batch.basis import BatchBasis
from adhelpers.batch.layout import LAYOUTS

both = pytest.mark.parametrize("axis", [-1, 0])


def expected(axis: int, element: tuple[int, ...], batch: int, dtype: Any = float) -> np.ndarray:
    """All vectors, from loops over indices."""
    indices = list(np.ndindex(element))
    vectors = np.zeros((len(indices), *((*element, batch) if axis == -1 else (batch, *element))), dtype)
    for k, index in enumerate(indices):
        for b in range(batch):
            vectors[(k, *((*index, b) if axis == -1 else (b, *index)))] = 1.0
    return vectors


def basis_of(axis: Any, leaf: np.ndarray) -> BatchBasis:
    return BatchBasis(LAYOUTS[axis], ForwardToy(), (leaf,))


@both
@pytest.mark.parametrize("dtype", ["float64", "float32", "complex128"])
@pytest.mark.parametrize("step", [1, 2, 4, 5, 6, 100])
def test_blocks_of_any_size_are_the_whole_basis(axis: Any, dtype: str, step: int) -> None:
    vectors = expected(axis, (2, 3), 4, dtype)
    basis = basis_of(axis, np.full(vectors.shape[1:], 7.0, dtype))
    blocks = [block for (block,) in basis.blocks(step)]
    assert basis.total == 6
    assert all(len(block) == step for block in blocks[:-1])
    together = np.concatenate(blocks)
    assert together.dtype == dtype
    np.testing.assert_array_equal(together, vectors)


@both
def test_the_whole_basis_in_one_block(axis: Any) -> None:
    vectors = expected(axis, (3, 2), 5)
    np.testing.assert_array_equal(basis_of(axis, np.ones(vectors.shape[1:])).whole(), vectors)


def test_layouts_of_one_shape_are_not_confused() -> None:
    """Both have three elements and three points; what is kept of one must not serve the other, whichever came first."""
    leaf = np.ones((3, 3))
    for _ in range(2):
        for axis in (-1, 0):
            np.testing.assert_array_equal(basis_of(axis, leaf).whole(), expected(axis, (3,), 3))


@both
def test_sizes_that_are_zero(axis: Any) -> None:
    assert list(basis_of(axis, np.ones((0, 0))).blocks(3)) == []
    (block,) = next(basis_of(axis, np.ones((2, 0) if axis == -1 else (0, 2))).blocks(3))
    assert block.shape == ((2, 2, 0) if axis == -1 else (2, 0, 2))


@both
def test_blocks_are_in_memory_of_their_own(axis: Any) -> None:
    """A function may write to what it is given, and the next call must not notice."""
    leaf = np.ones((2, 2))
    for _ in range(2):
        whole = basis_of(axis, leaf).whole()
        np.testing.assert_array_equal(whole, expected(axis, (2,), 2))
        assert whole.flags.c_contiguous
        whole[...] = 99.0
        (block,) = next(basis_of(axis, leaf).blocks(2))
        np.testing.assert_array_equal(block, expected(axis, (2,), 2))
        block[...] = 99.0
