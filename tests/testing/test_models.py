"""The small models, against NumPy written otherwise."""

from __future__ import annotations

import math

import array_api_compat.numpy as numpy_namespace
import numpy as np
import pytest

from adhelpers.testing import models


def test_numbers_are_the_same_at_every_call_and_differ_by_seed() -> None:
    assert np.array_equal(models.numbers(3, 2), models.numbers(3, 2))
    assert not np.any(models.numbers(3, 2) == models.numbers(3, 2, seed=1))
    assert models.numbers().shape == ()


def test_complex_numbers_have_parts_that_are_not_the_same() -> None:
    z = models.complex_numbers(4)
    assert z.dtype == np.complex128
    assert not np.any(z.real == z.imag)


def test_weights_keep_the_size_of_what_they_sum() -> None:
    assert np.var(models.weights(400, 25)) == pytest.approx(1 / 25, rel=0.1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_constants_take_the_dtype_of_x(dtype: type) -> None:
    assert models.like(numpy_namespace, models.numbers(2), np.ones(3, dtype)).dtype == dtype


@pytest.mark.parametrize("x", [-3.0, -0.5, 0.0, 1.0, 2.5])
def test_gelu_is_close_to_the_gaussian_error_linear_unit(x: float) -> None:
    exact = 0.5 * x * (1.0 + math.erf(x / math.sqrt(2.0)))
    assert models.gelu(numpy_namespace, np.asarray(x)) == pytest.approx(exact, abs=1e-3)


def test_a_dense_layer_is_affine_for_each_batch_element() -> None:
    x = models.numbers(3, 5)
    y = models.dense(numpy_namespace, x, 2)
    W, b = models.weights(2, 3), models.weights(2, 1, seed=1)
    for k in range(5):
        np.testing.assert_allclose(y[:, k], [sum(W[i, j] * x[j, k] for j in range(3)) + b[i, 0] for i in range(2)])


def test_a_convolution_is_a_sum_over_neighbours() -> None:
    x, kernel = models.numbers(3, 4, 2, 5), models.numbers(3, 3, 6, 2, seed=1)
    y = models.convolve_with(numpy_namespace, kernel, x)
    assert y.shape == (3, 4, 6, 5)
    expected = np.zeros(y.shape)
    for row, column, i, j in np.ndindex(3, 4, 3, 3):
        near, beside = row + i - 1, column + j - 1
        if 0 <= near < 3 and 0 <= beside < 4:
            expected[row, column] += np.einsum("oc,cb->ob", kernel[i, j], x[near, beside])
    np.testing.assert_allclose(y, expected, rtol=1e-12)


def test_a_convolution_has_fixed_weights() -> None:
    x = models.numbers(3, 3, 2, 4)
    kernel = models.weights(3, 3, 4, 2, seed=3) / 3.0
    expected = models.convolve_with(numpy_namespace, kernel, x)
    assert np.array_equal(models.convolve(numpy_namespace, x, 4, seed=3), expected)


@pytest.mark.parametrize(
    ("model", "shape"),
    [(models.perceptron, (2, 4)), (models.image_network, (3, 3, 2, 4))],
    ids=["perceptron", "image network"],
)
def test_networks_give_two_numbers_for_each_batch_element_alone(model: object, shape: tuple[int, ...]) -> None:
    x = models.numbers(*shape)
    y = model(numpy_namespace, x)
    assert y.shape == (2, 4)
    for k in range(4):
        np.testing.assert_allclose(model(numpy_namespace, x[..., k : k + 1]), y[:, k : k + 1], rtol=1e-12)
