"""Basis vectors of a whole batch: number k is one in element k of every batch element, and zero elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from toys import ForwardToy

from adhelpers import clear_caches
from adhelpers.batch import basis
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


def whole_basis(axis: Any, leaf: np.ndarray) -> np.ndarray:
    (block,) = next(basis_of(axis, leaf).blocks(1000))
    return block


@both
@pytest.mark.parametrize("dtype", ["float64", "float32", "complex128"])
@pytest.mark.parametrize("step", [1, 2, 4, 5, 6, 100])
def test_blocks_of_any_size_are_the_whole_basis(axis: Any, dtype: str, step: int) -> None:
    vectors = expected(axis, (2, 3), 4, dtype)
    whole = basis_of(axis, np.full(vectors.shape[1:], 7.0, dtype))
    blocks = [block for (block,) in whole.blocks(step)]
    assert whole.total == 6
    assert all(len(block) == step for block in blocks[:-1])
    together = np.concatenate(blocks)
    assert together.dtype == dtype
    np.testing.assert_array_equal(together, vectors)


@both
def test_the_whole_basis_in_one_block(axis: Any) -> None:
    vectors = expected(axis, (3, 2), 5)
    np.testing.assert_array_equal(whole_basis(axis, np.ones(vectors.shape[1:])), vectors)


def test_layouts_of_one_shape_are_not_confused() -> None:
    """Both have three elements and three points; what is kept of one must not serve the other, whichever came first."""
    leaf = np.ones((3, 3))
    for _ in range(2):
        for axis in (-1, 0):
            np.testing.assert_array_equal(whole_basis(axis, leaf), expected(axis, (3,), 3))


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
        whole = whole_basis(axis, leaf)
        np.testing.assert_array_equal(whole, expected(axis, (2,), 2))
        assert whole.flags.c_contiguous
        whole[...] = 99.0
        (block,) = next(basis_of(axis, leaf).blocks(2))
        np.testing.assert_array_equal(block, expected(axis, (2,), 2))
        block[...] = 99.0


# -- small blocks are kept ----------------------------------------------------------------------------


def test_a_block_that_is_kept_is_not_anothers() -> None:
    """What differs in shape, dtype or place among the vectors is another block, though it has as many."""
    for shape, dtype in (((4,), float), ((2, 2), float), ((4,), np.float32), ((4,), complex), ((1, 4), float)):
        leaf = np.ones((1, *shape), dtype)
        for _ in range(2):
            blocks = [block for (block,) in basis_of(0, leaf).blocks(2)]
            assert {block.dtype for block in blocks} == {np.dtype(dtype)}
            np.testing.assert_array_equal(np.concatenate(blocks).reshape(4, 4), np.eye(4))


def test_large_blocks_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    clear_caches()
    monkeypatch.setattr(basis, "MOST_KEPT_ELEMENTS", 8)
    list(basis_of(-1, np.ones((3, 1))).blocks(3))
    assert not basis._KEPT
    list(basis_of(-1, np.ones((2, 1))).blocks(2))
    assert len(basis._KEPT) == 1


def test_what_is_no_mere_value_is_not_kept() -> None:
    class Attached(ForwardToy):
        """Its arrays belong to a graph."""

        def keeps(self, leaf: Any) -> bool:
            return False

    clear_caches()
    list(BatchBasis(LAYOUTS[-1], Attached(), (np.ones((2, 1)),)).blocks(2))
    assert not basis._KEPT


def test_a_device_without_a_hash_is_no_obstacle() -> None:
    class Placed(ForwardToy):
        """Its devices are dicts, which ``xp.eye`` does not take: NumPy's is a word."""

        def device(self, leaf: Any) -> Any:
            return Word("cpu")

    class Word(str):
        __slots__ = ()
        __hash__ = None  # type: ignore[assignment]

    (block,) = next(BatchBasis(LAYOUTS[-1], Placed(), (np.ones((2, 1)),)).blocks(2))
    np.testing.assert_array_equal(block[:, :, 0], np.eye(2))
