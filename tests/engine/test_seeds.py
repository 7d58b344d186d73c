"""The vectors that sweeps push: all basis vectors in order, whatever the size of the blocks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from toys import ForwardToy

from adhelpers import clear_caches
from adhelpers.engine import seeds
from adhelpers.engine.seeds import Basis, RealBasis, most_at_once, zeros

REAL = (np.full((2, 2), 5.0), np.asarray(7.0), np.full((0, 3), 1.0), np.full(3, 2.0, np.float32))
MIXED = (np.full(2, 5.0), np.full((2, 1), 3.0 + 1.0j), np.asarray(1.0j), np.full(2, 1.0, np.float32))
STEPS = [1, 2, 3, 4, 5, 7, 100]


def together(basis: Basis, step: int) -> np.ndarray:
    """Every vector as a row of complex numbers, those of all leaves joined."""
    rows = []
    for block in basis.blocks(step):
        stacks = [np.reshape(stack, (len(stack), stack.size // len(stack))) for stack in block]
        rows.append(np.concatenate(stacks, axis=1).astype(complex))
    return np.concatenate(rows)


@pytest.mark.parametrize("step", STEPS)
def test_blocks_of_any_size_are_the_identity(step: int) -> None:
    basis = Basis(ForwardToy(), REAL)
    assert basis.total == 8
    np.testing.assert_array_equal(together(basis, step), np.eye(8))


@pytest.mark.parametrize("step", STEPS)
def test_over_the_real_numbers_complex_leaves_come_twice(step: int) -> None:
    """First with e, and then with ie."""
    basis = RealBasis(ForwardToy(), MIXED)
    expected = np.zeros((10, 7), complex)  # 2 real numbers, twice 2 complex, twice 1 complex, 2 real
    for vector, (element, unit) in enumerate(
        [(0, 1), (1, 1), (2, 1), (3, 1), (2, 1j), (3, 1j), (4, 1), (4, 1j), (5, 1), (6, 1)]
    ):
        expected[vector, element] = unit
    assert basis.total == 10
    np.testing.assert_array_equal(together(basis, step), expected)


@pytest.mark.parametrize("step", STEPS)
def test_over_the_complex_numbers_they_come_once(step: int) -> None:
    np.testing.assert_array_equal(together(Basis(ForwardToy(), MIXED), step), np.eye(7))


@pytest.mark.parametrize("kind", [Basis, RealBasis])
@pytest.mark.parametrize("step", [2, 100])
def test_every_block_has_the_dtypes_and_shapes_of_the_leaves(kind: Any, step: int) -> None:
    basis = kind(ForwardToy(), MIXED)
    left = basis.total
    for block in basis.blocks(step):
        count = min(step, left)
        left -= count
        assert [stack.shape for stack in block] == [(count, *leaf.shape) for leaf in MIXED]
        assert [stack.dtype for stack in block] == [leaf.dtype for leaf in MIXED]
    assert left == 0


@pytest.mark.parametrize("leaves", [(), (np.ones((0, 2)),)])
def test_without_elements_there_is_no_block(leaves: Any) -> None:
    assert list(Basis(ForwardToy(), leaves).blocks(3)) == []


@pytest.mark.parametrize("kind", [Basis, RealBasis])
def test_blocks_are_never_shared(kind: Any) -> None:
    """A function may write to what it is given: neither another block nor a later call must notice."""
    clear_caches()
    leaf = (np.ones(3, complex),)
    for _ in range(3):
        blocks = [block for (block,) in kind(ForwardToy(), leaf).blocks(2)]
        np.testing.assert_array_equal(np.concatenate(blocks)[:3], np.eye(3))
        for i, block in enumerate(blocks):
            assert not any(np.shares_memory(block, other) for other in blocks[:i])
            block[...] = 99.0


# -- how many at once ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("leaves", "expected"),
    [
        ((np.zeros(4),), 8),  # 32 bytes each
        ((np.zeros(4, np.float32),), 16),
        ((np.zeros(4, complex),), 4),
        ((np.zeros(2), np.zeros(2, complex)), 5),  # 16 and 32 bytes
        ((np.zeros(1000),), 1),
        ((np.zeros(0),), 500),
    ],
)
def test_a_block_fits_into_its_memory(leaves: Any, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seeds, "SWEEP_BYTES", 256)
    assert most_at_once(ForwardToy(), leaves, 500) == expected


def test_zeros() -> None:
    received = zeros(ForwardToy(), np.ones((2, 3), np.float32), 4)
    assert received.dtype == np.float32
    np.testing.assert_array_equal(received, np.zeros((4, 2, 3)))
