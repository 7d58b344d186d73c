"""Numeric facts of the system that this project reimplements, on every backend in both precisions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from conftest import assert_close, batched_reference, complex_step_jacobian
from models import dense, gelu, image_network, perceptron

import adhelpers
from adhelpers import (
    BackendNotFoundError,
    BatchMixingError,
    DTypeError,
    ShapeMismatchError,
    array_namespace,
    batched_jacobian,
    jacobian_vector_product,
    vector_jacobian_product,
)

Backend = adhelpers.ADBackend


def numbers(*shape: int, seed: int = 0, dtype: Any = np.float64) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def squared_modulus(x: Any) -> Any:
    return array_namespace(x).abs(x) ** 2


def test_1_the_jvp_of_the_squared_modulus_is_2xu(backend: Backend, dtype: np.dtype) -> None:
    x, u = numbers(3, 3, dtype=dtype), numbers(3, 3, seed=1, dtype=dtype)
    assert_close(backend, jacobian_vector_product(squared_modulus, backend, x, u), 2 * x * u)


def test_1_a_flat_u_is_refused(backend: Backend, dtype: np.dtype) -> None:
    x = numbers(3, 3, dtype=dtype)
    with pytest.raises(ShapeMismatchError, match=r"u has shape \(9,\), but x has \(3, 3\)"):
        jacobian_vector_product(squared_modulus, backend, x, x.reshape(9))


def test_2_the_vjp_is_the_transpose_in_the_shape_of_x(backend: Backend, dtype: np.dtype) -> None:
    x, u = numbers(3, 3, dtype=dtype), numbers(3, 3, seed=1, dtype=dtype)

    def f(x: Any) -> Any:
        return array_namespace(x).concat([x[0:1, :] * x[1:2, :], x[2:3, :] ** 3])

    expected = np.stack([u[0] * x[1], u[0] * x[0], 3 * u[1] * x[2] ** 2])
    assert_close(backend, vector_jacobian_product(f, backend, x, u[:2]), expected)


def test_3_structures(backend: Backend, dtype: np.dtype) -> None:
    def structure(seed: int) -> dict[str, Any]:
        a, b, t1, t2 = numbers(4, 3, seed=seed, dtype=dtype)
        return {"functor": {"a": a, "b": b}, "tup": (t1, t2)}

    def f(x: Any) -> Any:
        return {"functor": x["functor"]["a"] * x["functor"]["b"], "tup": x["tup"][0] * x["tup"][1]}

    x, u = structure(0), structure(1)
    expected = {
        "functor": u["functor"]["a"] * x["functor"]["b"] + x["functor"]["a"] * u["functor"]["b"],
        "tup": u["tup"][0] * x["tup"][1] + x["tup"][0] * u["tup"][1],
    }
    assert_close(backend, jacobian_vector_product(f, backend, x, u), expected)
    c = f(structure(2))
    expected = {
        "functor": {"a": c["functor"] * x["functor"]["b"], "b": c["functor"] * x["functor"]["a"]},
        "tup": (c["tup"] * x["tup"][1], c["tup"] * x["tup"][0]),
    }
    assert_close(backend, vector_jacobian_product(f, backend, x, c), expected)


@pytest.mark.parametrize("mode", ["auto", "forward", "reverse"])
def test_4_batched_square(backend: Backend, dtype: np.dtype, mode: Any) -> None:
    x = np.array([[1, 3, 5], [2, 4, 6]], dtype=dtype)
    jacobian = batched_jacobian(lambda x: x**2, backend, x, mode=mode)
    expected = np.zeros((2, 2, 3))
    expected[0, 0], expected[1, 1] = [2, 6, 10], [4, 8, 12]
    assert_close(backend, jacobian, expected)


@pytest.mark.parametrize("mode", ["auto", "forward", "reverse"])
def test_5_a_lost_batch_axis_is_an_error(backend: Backend, dtype: np.dtype, mode: Any) -> None:
    with pytest.raises(adhelpers.BatchAxisError, match=r"x has shape \(2, 3\) and f\(x\) \(2,\)"):
        batched_jacobian(lambda x: x[:, 0], backend, numbers(2, 3, dtype=dtype), mode=mode)


@pytest.mark.parametrize("mode", ["auto", "forward", "reverse"])
def test_6_a_perceptron(backend: Backend, dtype: np.dtype, mode: Any) -> None:
    x = numbers(2, 4, dtype=dtype)
    expected = batched_reference(perceptron, x.astype(np.float64))
    assert expected.shape == (2, 2, 4)
    assert_close(backend, batched_jacobian(perceptron, backend, x, mode=mode), expected)


@pytest.mark.parametrize("mode", ["auto", "forward", "reverse"])
def test_7_an_image_network(backend: Backend, dtype: np.dtype, mode: Any) -> None:
    x = numbers(3, 3, 2, 4, dtype=dtype)
    expected = batched_reference(image_network, x.astype(np.float64))
    assert expected.shape == (2, 18, 4)
    assert_close(backend, batched_jacobian(image_network, backend, x, mode=mode), expected)


@pytest.mark.parametrize("n", [2, 4, 8, 11, 12, 50, 51])
@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_8_no_column_is_lost_at_a_chunk_boundary(backend: Backend, dtype: np.dtype, n: int, mode: Any) -> None:
    def f(x: Any) -> Any:
        return gelu(dense(x, n))

    x = numbers(n, 3, dtype=dtype)
    expected = batched_reference(f, x.astype(np.float64))
    assert_close(backend, batched_jacobian(f, backend, x, mode=mode, chunk_size=10), expected)


@pytest.mark.parametrize("mode", ["auto", "forward", "reverse"])
def test_9_a_gradient_through_a_batched_jacobian(backend: Backend, dtype: np.dtype, mode: Any) -> None:
    def g(x: Any) -> Any:
        jacobian = batched_jacobian(lambda z: z**2, backend, x, mode=mode)
        return array_namespace(jacobian).sum(jacobian**2)

    x = numbers(4, 2, dtype=dtype)
    one = np.ones((), dtype=dtype)
    assert_close(backend, vector_jacobian_product(g, backend, x, one), 8 * x, depth=2)


def test_14_two_output_branches(backend: Backend, dtype: np.dtype) -> None:
    def f(x: Any) -> Any:
        return (gelu(dense(x, 3)), dense(x, 4, seed=3) ** 2)

    x = numbers(2, 3, dtype=dtype)
    u = (numbers(3, 3, seed=1, dtype=dtype), numbers(4, 3, seed=2, dtype=dtype))
    expected = sum(
        np.einsum("mb,mbnc->nc", cotangent, complex_step_jacobian(lambda x, i=i: f(x)[i], x.astype(np.float64)))
        for i, cotangent in enumerate(u)
    )
    assert_close(backend, vector_jacobian_product(f, backend, x, u), expected)


def test_16_scalars(backend: Backend, dtype: np.dtype) -> None:
    x, u = np.asarray(0.42, dtype=dtype), np.asarray(3.14, dtype=dtype)
    c = np.asarray(-1 / 12, dtype=dtype)

    def f(x: Any) -> Any:
        return array_namespace(x).sin(x)

    assert_close(backend, jacobian_vector_product(f, backend, x, u), np.cos(0.42) * 3.14)
    assert_close(backend, vector_jacobian_product(f, backend, x, c), -np.cos(0.42) / 12)


def test_16_scalar_to_vector(backend: Backend, dtype: np.dtype) -> None:
    def f(x: Any) -> Any:
        xp = array_namespace(x)
        return xp.stack([xp.sin(x), 2.0 * xp.sin(x)])

    x, u = np.asarray(0.42, dtype=dtype), np.asarray(3.14, dtype=dtype)
    c = np.array([1.5, -0.5], dtype=dtype)
    assert_close(backend, jacobian_vector_product(f, backend, x, u), np.cos(0.42) * 3.14 * np.array([1.0, 2.0]))
    assert_close(backend, vector_jacobian_product(f, backend, x, c), np.cos(0.42) * 0.5)


@pytest.mark.parametrize("shape", [(6,), (2, 3)])
def test_16_a_quartic_times_a_sextic(backend: Backend, dtype: np.dtype, shape: tuple[int, ...]) -> None:
    def f(x: Any) -> Any:
        xp = array_namespace(x)
        return xp.sum(x**4) * xp.sum(x**6)

    x = np.arange(1, 7, dtype=dtype).reshape(shape)
    u = -x
    gradient = 4 * x**3 * np.sum(x**6) + 6 * x**5 * np.sum(x**4)
    assert_close(backend, jacobian_vector_product(f, backend, x, u), np.sum(gradient.astype(float) * u))
    assert_close(backend, vector_jacobian_product(f, backend, x, np.ones((), dtype=dtype)), gradient)


@pytest.mark.parametrize("shape", [(6,), (2, 3)])
def test_16_concatenated_sine_and_cosine(backend: Backend, dtype: np.dtype, shape: tuple[int, ...]) -> None:
    def f(x: Any) -> Any:
        xp = array_namespace(x)
        flat = xp.reshape(x, (-1,))
        return xp.concat([xp.sin(flat), xp.cos(flat)])

    x = np.arange(1, 7, dtype=dtype).reshape(shape)
    u, c = -x, np.linspace(-1, 1, 12, dtype=dtype)
    flat, u_flat = x.reshape(-1), u.reshape(-1)
    expected = np.concatenate([np.cos(flat) * u_flat, -np.sin(flat) * u_flat])
    assert_close(backend, jacobian_vector_product(f, backend, x, u), expected)
    expected = (np.cos(flat) * c[:6] - np.sin(flat) * c[6:]).reshape(shape)
    assert_close(backend, vector_jacobian_product(f, backend, x, c), expected)


@pytest.mark.parametrize("call", [jacobian_vector_product, vector_jacobian_product])
def test_17_empty_arrays_identity_and_sum(backend: Backend, dtype: np.dtype, call: Any) -> None:
    for shape in ((0,), (3, 0), (2, 3)):
        x, u = numbers(*shape, dtype=dtype), numbers(*shape, seed=1, dtype=dtype)
        assert_close(backend, call(lambda x: x, backend, x, u), u)
    total, one = (lambda x: array_namespace(x).sum(x)), np.asarray(1.0, dtype=dtype)
    if call is jacobian_vector_product:
        assert_close(backend, call(total, backend, x, u), np.sum(u))
        assert_close(backend, call(total, backend, x[:0], u[:0]), 0.0 * one)
    else:
        assert_close(backend, call(total, backend, x, one), np.ones_like(x))
        assert_close(backend, call(total, backend, x[:0], one), x[:0])


def test_17_complex_square_and_squared_modulus(backend: Backend) -> None:
    z, t, u = (np.asarray(value) for value in (1 + 1j, 2 - 1j, 0.5 + 3j))
    assert_close(backend, jacobian_vector_product(lambda z: z**2, backend, z, t), 2 * z * t)
    assert_close(backend, vector_jacobian_product(lambda z: z**2, backend, z, u), 2 * z * u)

    def modulus(z: Any) -> Any:
        return z * array_namespace(z).conj(z)

    # d(z conj z) = 2 Re(conj(z) t): real for every t; the pairing Re(u v) then gives 2 Re(u) conj(z).
    assert_close(backend, jacobian_vector_product(modulus, backend, z, t), 2 * np.real(np.conj(z) * t) + 0j)
    assert_close(backend, vector_jacobian_product(modulus, backend, z, u), 2 * np.real(u) * np.conj(z))


@pytest.mark.parametrize("power", [2, 3])
def test_17_powers_of_differences(backend: Backend, dtype: np.dtype, power: int) -> None:
    x, t, u = numbers(5, dtype=dtype), numbers(5, seed=1, dtype=dtype), numbers(4, seed=2, dtype=dtype)
    jacobian = power * np.diff(x)[:, None] ** (power - 1) * (np.eye(5)[1:] - np.eye(5)[:-1])

    def f(x: Any) -> Any:
        return (x[1:] - x[:-1]) ** power

    assert_close(backend, jacobian_vector_product(f, backend, x, t), jacobian @ t)
    assert_close(backend, vector_jacobian_product(f, backend, x, u), u @ jacobian)


@pytest.mark.parametrize("mode", ["auto", "forward", "reverse"])
def test_18_what_the_others_do_not_test(backend: Backend, mode: Any) -> None:
    for batch in (0, 1):
        x = numbers(2, batch)
        expected = 2.0 * np.eye(2)[:, :, None] * x
        assert_close(backend, batched_jacobian(lambda x: x**2, backend, x, mode=mode), expected)
    constant = numbers(3, 4)
    independent = batched_jacobian(lambda x: array_namespace(x).asarray(constant), backend, numbers(2, 4), mode=mode)
    assert_close(backend, independent, np.zeros((3, 2, 4)))
    with pytest.raises(BatchMixingError):
        batched_jacobian(lambda x: x - array_namespace(x).mean(x, axis=-1, keepdims=True), backend, constant, mode=mode)


def test_18_what_does_not_fit_is_refused(backend: Backend) -> None:
    x = numbers(3)
    for call in (jacobian_vector_product, vector_jacobian_product):
        for u in (x[:2], x[None], x[0]):
            with pytest.raises(ShapeMismatchError):
                call(lambda x: x, backend, x, u)
        with pytest.raises(DTypeError):
            call(lambda x: x, backend, x, x.astype(np.float32))
        with pytest.raises(BackendNotFoundError):
            call(lambda x: x, "theano", x, x)
