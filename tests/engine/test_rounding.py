"""Rounding: what counts as the same, and where two ways that differ are seen to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from toys import ForwardToy

from adhelpers.engine import rounding
from adhelpers.engine.rounding import BLOCK, OnHost, nearby, size_of_rounding
from conftest import lifted, make, to_numpy

EPS = float(np.finfo(np.float64).eps)


def same_to_rounding(received: Any, expected: Any, axis: int) -> bool:
    return rounding.same_to_rounding(*(OnHost.of(ForwardToy(), array) for array in (received, expected)), axis)


def same_in_half_of_the_digits(received: Any, expected: Any) -> bool:
    return rounding.same_in_half_of_the_digits(*(OnHost.of(ForwardToy(), array) for array in (received, expected)))


# -- nearby -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "float32", "complex128", "complex64"])
@pytest.mark.parametrize("scale", [0.0, 1e-8, 1.0, 1e8])
def test_a_point_nearby_is_close_and_differs_everywhere(dtype: str, scale: float) -> None:
    """By a quarter of a percent to one, of one for what is small and of itself for what is large."""
    x = np.full((40, 5), scale, dtype)
    moved = nearby(ForwardToy(), x)
    assert (moved.shape, moved.dtype) == (x.shape, x.dtype)
    distance = np.abs(moved - x) / (1.0 + scale)
    slack = 4 * np.finfo(dtype).eps
    assert distance.min() >= 0.0025 - slack
    assert distance.max() <= 0.01 + slack
    assert len(np.unique(np.abs(moved))) > 150, "no two alike, so that a permutation is seen"
    if np.dtype(dtype).kind == "c" and scale == 0.0:
        assert np.abs(moved.imag).min() > 0.0
        assert np.unique(np.sign(moved.imag)).size == 2
    assert np.unique(np.sign((moved - x).real)).size == 2, "in both directions"


def test_the_point_nearby_is_the_same_each_time() -> None:
    x = np.linspace(0.0, 1.0, 6).reshape(2, 3)
    np.testing.assert_array_equal(nearby(ForwardToy(), x), nearby(ForwardToy(), x))
    np.testing.assert_array_equal(x, np.linspace(0.0, 1.0, 6).reshape(2, 3))


def test_every_framework_has_a_point_nearby(backend: Any) -> None:
    x = np.asarray([[0.0, 1.0], [-2.0, 3.0]], np.float32)
    with backend.scope():
        moved = nearby(backend, lifted(backend, x))
    moved = to_numpy(backend, moved)
    assert moved.dtype == np.float32
    np.testing.assert_allclose(moved, nearby(ForwardToy(), x), rtol=1e-6)


# -- the same, but for rounding -----------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "float32", "complex128"])
def test_rounding_is_no_difference(dtype: str) -> None:
    expected = np.arange(1.0, 7.0).reshape(2, 3).astype(dtype)
    received = expected * (1 + np.asarray(100 * np.finfo(dtype).eps, dtype))
    assert same_to_rounding(expected, expected, -1)
    assert same_to_rounding(received, expected, -1)
    assert not same_to_rounding(expected + np.asarray(0.01, dtype), expected, -1)


@pytest.mark.parametrize("name", ["jax", "torch"])
def test_a_dtype_that_numpy_lacks_has_its_own_rounding(name: str) -> None:
    backend = make(name)
    xp = backend.array_namespace(lifted(backend, np.ones(2)))
    one, next_one, far = (
        OnHost.of(backend, xp.astype(lifted(backend, np.full(2, number)), xp.bfloat16))
        for number in (1.0, 1.0078125, 20.0)
    )
    assert rounding.same_to_rounding(next_one, one, -1)
    assert not rounding.same_to_rounding(far, one, -1)
    assert not rounding.same_to_rounding(OnHost.of(backend, lifted(backend, np.ones(2, np.float32))), one, -1)


@pytest.mark.parametrize("at", [(0, 0), (0, 2), (1, 1), (1, 2)])
def test_one_entry_that_differs_is_a_difference(at: tuple[int, int]) -> None:
    expected = np.arange(1.0, 7.0).reshape(2, 3)
    received = expected.copy()
    received[at] *= 1 + 1e-9
    assert not same_to_rounding(received, expected, -1)


@pytest.mark.parametrize("axis", [-1, 0])
def test_it_is_relative_to_the_largest_of_a_row(axis: int) -> None:
    """A number beside a large one of the same row may be rounded as that is; a small row proves nothing by a large."""
    expected = np.asarray([[1e6, 1.0], [1e-3, 1e-3]])
    beside, small = expected.copy(), expected.copy()
    beside[0, 1] += 1e-8  # 1e-14 of its row
    small[1, 1] *= 1 + 1e-6
    if axis == 0:
        expected, beside, small = expected.T, beside.T, small.T
    assert same_to_rounding(beside, expected, axis)
    assert not same_to_rounding(small, expected, axis)


def test_what_cancels_to_zero_may_be_rounded_as_the_whole_is() -> None:
    """A row of zeros has no size of its own."""
    expected = np.asarray([[1.0, 2.0], [0.0, 0.0]])
    assert same_to_rounding(expected + EPS / 100, expected, -1)
    assert not same_to_rounding(expected + np.asarray([[0.0, 0.0], [1e-10, 0.0]]), expected, -1)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_proves_nothing(bad: float) -> None:
    right, wrong = np.ones((2, 3)), np.ones((2, 3))
    wrong[1, 0] = bad
    assert not same_to_rounding(wrong, right, -1)
    assert not same_to_rounding(right, wrong, -1)
    assert not same_to_rounding(wrong, wrong, -1)


def test_another_shape_or_dtype_is_a_difference() -> None:
    expected = np.ones((2, 2))
    assert not same_to_rounding(expected.ravel(), expected, -1)
    assert not same_to_rounding(np.ones((1, 2)), expected, -1), "nothing is broadcast"
    assert not same_to_rounding(expected.astype(np.float32), expected, -1)


@pytest.mark.parametrize("shape", [(), (3,), (0,), (2, 0), (0, 2), (2, 3, 4)])
@pytest.mark.parametrize("axis", [-1, 0])
def test_any_number_of_dimensions(shape: tuple[int, ...], axis: int) -> None:
    expected = np.full(shape, 2.0)
    assert same_to_rounding(expected, expected, axis)
    assert same_to_rounding(expected + 0.1, expected, axis) is (expected.size == 0)


# -- half of the digits -------------------------------------------------------------------------------

LONG = 2 * BLOCK + 3


@pytest.mark.parametrize("at", [0, BLOCK - 1, BLOCK, LONG - 1])
@pytest.mark.parametrize("bad", [0.1, np.nan, np.inf])
def test_one_number_of_many_that_differs_is_seen(at: int, bad: float) -> None:
    expected = np.ones(LONG)
    received = expected + 1e-9
    assert same_in_half_of_the_digits(received, expected)
    received[at] += bad
    assert not same_in_half_of_the_digits(received, expected)
    assert not same_in_half_of_the_digits(expected, received)


def test_it_is_relative_to_the_largest_finite_number_of_all() -> None:
    expected = np.ones(LONG)
    expected[0], expected[-1] = 1e6, np.inf
    received = expected.copy()
    received[BLOCK] += 1e-3  # 1e-9 of the largest, which is in another block
    assert same_in_half_of_the_digits(received, expected)
    received[BLOCK] += 1.0
    assert not same_in_half_of_the_digits(received, expected)


def test_numbers_that_are_not_finite_are_alike() -> None:
    assert same_in_half_of_the_digits(np.asarray([np.nan, 1.0]), np.asarray([np.inf, 1.0]))
    assert not same_in_half_of_the_digits(np.asarray([1.0, np.nan]), np.asarray([np.nan, 1.0]))


@pytest.mark.parametrize("shape", [(), (0,), (2, 0), (2, 3)])
def test_half_of_the_digits_in_any_number_of_dimensions(shape: tuple[int, ...]) -> None:
    expected = np.full(shape, 2.0)
    assert same_in_half_of_the_digits(expected.T, expected.T)
    assert same_in_half_of_the_digits(expected + 0.1, expected) is (expected.size == 0)
    assert not same_in_half_of_the_digits(expected[None], expected), "nothing is broadcast"


# -- what rounding is relative to ---------------------------------------------------------------------


def test_the_size_of_rounding() -> None:
    x = np.asarray([[0.5, -4.0, 2.0], [0.25, 1.0, np.inf]])
    y = np.asarray([[3.0, 8.0, np.nan], [-6.0, 1.0, 10.0]])
    # the largest output over the largest finite input, which counts as one at least
    np.testing.assert_array_equal(size_of_rounding(np, x, y, axis=0), [[6.0 / 1.0, 8.0 / 4.0, 10.0 / 2.0]])
    np.testing.assert_array_equal(size_of_rounding(np, x, y, axis=1), [[8.0 / 4.0], [10.0 / 1.0]])


def test_nothing_finite_has_no_size() -> None:
    x, y = np.asarray([[np.nan], [np.inf]]), np.asarray([[np.inf], [np.nan]])
    np.testing.assert_array_equal(size_of_rounding(np, x, y, axis=0), [[0.0]])


def test_complex_numbers_have_the_size_of_their_modulus() -> None:
    x, y = np.asarray([[3.0 + 4.0j]]), np.asarray([[6.0 - 8.0j]])
    np.testing.assert_allclose(size_of_rounding(np, x, y, axis=0), [[2.0]])
