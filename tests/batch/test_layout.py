"""Where the batch is: every method against loops over indices of plain NumPy, for both conventions.

The sizes are all different, so that none can be taken for another: K vectors, elements of shape (2, 3), B of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from toys import ForwardToy

from adhelpers.batch.layout import LAYOUTS, BatchLayout
from adhelpers.testing.models import numbers

K, SHAPE, B = 4, (2, 3), 5
N = 6
both = pytest.mark.parametrize("axis", [-1, 0])


def place(axis: int, element: tuple[int, ...], b: int) -> tuple[int, ...]:
    """The index of one number in an array with a batch."""
    return (*element, b) if axis == -1 else (b, *element)


def shape(axis: int, element: tuple[int, ...], batch: int = B) -> tuple[int, ...]:
    return place(axis, element, batch)


def elements() -> list[tuple[int, ...]]:
    """The indices within one batch element, in row-major order: number n of them is element n of a flat vector."""
    return [(i, j) for i in range(SHAPE[0]) for j in range(SHAPE[1])]


def flat_place(axis: int, n: int, b: int) -> tuple[int, int]:
    return (n, b) if axis == -1 else (b, n)


# -- sizes and names ----------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("element", [(2, 3), (2,), (1, 1), (0, 3)])
def test_sizes(axis: Any, element: tuple[int, ...]) -> None:
    array, layout = np.zeros(shape(axis, element)), BatchLayout(axis)
    assert layout.batch(array) == B
    assert layout.size(array) == len(list(np.ndindex(element)))


def test_an_empty_batch_has_elements_of_a_size() -> None:
    assert BatchLayout(-1).size(np.zeros((2, 3, 0))) == 6
    assert BatchLayout(0).size(np.zeros((0, 2, 3))) == 6


@both
def test_the_other_convention(axis: Any) -> None:
    other = LAYOUTS[axis].other()
    assert other.axis == {-1: 0, 0: -1}[axis]
    assert other.other() == LAYOUTS[axis]


@pytest.mark.parametrize(("axis", "words"), [(-1, "last"), (0, "first")])
def test_messages_say_what_to_type(axis: Any, words: str) -> None:
    assert str(BatchLayout(axis)) == f"the batch {words} (batch_axis={axis})"


# -- flat blocks --------------------------------------------------------------------------------------


@both
def test_flat_blocks(axis: Any) -> None:
    block = numbers(K, *shape(axis, SHAPE))
    received = LAYOUTS[axis].flat(np, block)
    assert received.shape == (K, *flat_place(axis, N, B))
    for k in range(K):
        for b in range(B):
            for n, element in enumerate(elements()):
                assert received[(k, *flat_place(axis, n, b))] == block[(k, *place(axis, element, b))]


@both
@pytest.mark.parametrize("element", [(2, 0), (2, 3)])
@pytest.mark.parametrize("batch", [0, 5])
def test_flat_blocks_without_elements(axis: Any, element: tuple[int, ...], batch: int) -> None:
    block = np.zeros((K, *shape(axis, element, batch)))
    received = LAYOUTS[axis].flat(np, block)
    assert received.shape == (K, *flat_place(axis, len(list(np.ndindex(element))), batch))


@both
def test_weights_of_elements(axis: Any) -> None:
    weights, flat = numbers(K, N, seed=1), numbers(K, *flat_place(axis, N, B))
    received = LAYOUTS[axis].spread(weights) * flat
    for k in range(K):
        for n in range(N):
            for b in range(B):
                at = (k, *flat_place(axis, n, b))
                assert received[at] == weights[k, n] * flat[at]


@both
def test_weights_of_batch_elements(axis: Any) -> None:
    weights, flat = numbers(K, B, seed=1), numbers(K, *flat_place(axis, N, B))
    received = LAYOUTS[axis].per_element(weights) * flat
    for k in range(K):
        for n in range(N):
            for b in range(B):
                at = (k, *flat_place(axis, n, b))
                assert received[at] == weights[k, b] * flat[at]


@both
def test_entries_of_one_vector_as_weights_of_many(axis: Any) -> None:
    """The vector has as many elements as there are vectors, each of which may have another size."""
    vector, results = numbers(*flat_place(axis, K, B), seed=1), numbers(K, *flat_place(axis, N, B))
    received = LAYOUTS[axis].per_vector(np, vector) * results
    for k in range(K):
        for n in range(N):
            for b in range(B):
                at = (k, *flat_place(axis, n, b))
                assert received[at] == vector[flat_place(axis, k, b)] * results[at]


# -- Jacobians ----------------------------------------------------------------------------------------


def jacobian_place(axis: int, m: int, n: int, b: int) -> tuple[int, int, int]:
    return (m, n, b) if axis == -1 else (b, m, n)


@both
def test_a_jacobian_of_columns(axis: Any) -> None:
    """K inputs, outputs of shape (2, 3)."""
    columns = numbers(K, *shape(axis, SHAPE))
    received = LAYOUTS[axis].from_columns(np, columns)
    assert received.shape == jacobian_place(axis, N, K, B)
    for n in range(K):
        for b in range(B):
            for m, element in enumerate(elements()):
                assert received[jacobian_place(axis, m, n, b)] == columns[(n, *place(axis, element, b))]


@both
def test_a_jacobian_of_rows(axis: Any) -> None:
    """K outputs, inputs of shape (2, 3)."""
    rows = numbers(K, *shape(axis, SHAPE))
    received = LAYOUTS[axis].from_rows(np, rows)
    assert received.shape == jacobian_place(axis, K, N, B)
    for m in range(K):
        for b in range(B):
            for n, element in enumerate(elements()):
                assert received[jacobian_place(axis, m, n, b)] == rows[(m, *place(axis, element, b))]


# -- batches side by side -----------------------------------------------------------------------------


@both
def test_vectors_of_a_whole_basis_side_by_side(axis: Any) -> None:
    """Copy k of the batch holds basis vector k in each of its elements."""
    basis = np.zeros((N, *shape(axis, SHAPE)))
    for k, element in enumerate(elements()):
        for b in range(B):
            basis[(k, *place(axis, element, b))] = 1.0
    received = LAYOUTS[axis].beside(ForwardToy(), basis)
    assert received.shape == shape(axis, SHAPE, N * B)
    for k in range(N):
        for b in range(B):
            for n, element in enumerate(elements()):
                assert received[place(axis, element, k * B + b)] == (1.0 if n == k else 0.0)


@both
def test_the_first_of_several_batches(axis: Any) -> None:
    batches = [numbers(*shape(axis, SHAPE), seed=seed) for seed in range(3)]
    together = np.concatenate(batches, axis=axis)
    np.testing.assert_array_equal(LAYOUTS[axis].first(together, B), batches[0])


@both
@pytest.mark.parametrize("forward", [True, False])
def test_a_jacobian_of_batches_side_by_side(axis: Any, forward: bool) -> None:
    """Copy k gives column k of J, or row k."""
    together = np.concatenate([numbers(*shape(axis, SHAPE), seed=k) for k in range(K)], axis=axis)
    received = LAYOUTS[axis].from_beside(np, together, K, B, forward=forward)
    assert received.shape == (jacobian_place(axis, N, K, B) if forward else jacobian_place(axis, K, N, B))
    for k in range(K):
        for b in range(B):
            for n, element in enumerate(elements()):
                at = jacobian_place(axis, n, k, b) if forward else jacobian_place(axis, k, n, b)
                assert received[at] == together[place(axis, element, k * B + b)]
