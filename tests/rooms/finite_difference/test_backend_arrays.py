"""The arrays of every framework, in every precision."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from finite_differences import POINT, TANGENT, accuracy

import adhelpers
from adhelpers import jacobian_vector_product, vector_jacobian_product

PRODUCTS = pytest.mark.parametrize("product", [jacobian_vector_product, vector_jacobian_product])


def softened(x: Any) -> Any:
    xp = adhelpers.array_namespace(x)
    return xp.sin(x) * x


def slope(x: np.ndarray) -> np.ndarray:
    return np.cos(x) * x + np.sin(x)


@PRODUCTS
def test_torch_tensors(central, order, dtype, product):
    torch = pytest.importorskip("torch")
    x, u = (torch.asarray(array.astype(dtype)) for array in (POINT, TANGENT))
    result = product(softened, central, x, u)
    assert isinstance(result, torch.Tensor)
    assert (result.dtype, result.device) == (x.dtype, x.device)
    np.testing.assert_allclose(result.numpy(), slope(POINT) * TANGENT, atol=10 * accuracy(dtype, order))


def test_torch_functions_that_work_in_place(central):
    torch = pytest.importorskip("torch")
    x = torch.asarray(POINT.copy())
    value, pushed = adhelpers.value_and_jacobian_vector_product(lambda x: x.mul_(x), central, x, x)
    assert not {value.data_ptr(), pushed.data_ptr()} & {x.data_ptr()}
    np.testing.assert_array_equal(x.numpy(), POINT)
    np.testing.assert_allclose(pushed.numpy(), 2 * POINT**2, rtol=1e-9)


def test_torch_half_precision(central):
    torch = pytest.importorskip("torch")
    x = torch.asarray(POINT).to(torch.bfloat16)
    pushed = jacobian_vector_product(lambda x: x**2, central, x, torch.ones_like(x))
    assert pushed.dtype == torch.bfloat16
    np.testing.assert_allclose(pushed.float().numpy(), 2 * POINT, rtol=0.1)


@PRODUCTS
def test_jax_arrays(central, order, dtype, product):
    jax = pytest.importorskip("jax")
    with adhelpers.backend("jax", x64=dtype == np.float64).scope():
        x, u = (jax.numpy.asarray(array.astype(dtype)) for array in (POINT, TANGENT))
        result = product(softened, central, x, u)
        assert isinstance(result, jax.Array)
        assert result.dtype == x.dtype
        np.testing.assert_allclose(result, slope(POINT) * TANGENT, atol=10 * accuracy(dtype, order))


@PRODUCTS
@pytest.mark.parametrize("magnitude", [1e-6, 1.0, 1e6])
def test_under_jit(central, order, dtype, product, magnitude):
    """The step follows from the values at run time, as it does outside."""
    jax = pytest.importorskip("jax")
    with adhelpers.backend("jax", x64=dtype == np.float64).scope():
        x, u = jax.numpy.asarray(POINT.astype(dtype)), jax.numpy.asarray((magnitude * TANGENT).astype(dtype))
        result = jax.jit(lambda x, u: product(softened, central, x, u))(x, u)
        assert result.dtype == x.dtype
        expected = magnitude * slope(POINT) * TANGENT
        np.testing.assert_allclose(result, expected, atol=10 * accuracy(dtype, order) * magnitude)


def test_under_vmap(central, order):
    """Each row has a step of its own."""
    torch = pytest.importorskip("torch")
    x = torch.asarray(np.stack([POINT, POINT / 2]))
    u = torch.asarray(np.stack([TANGENT, 1e6 * TANGENT]))
    pushed = torch.func.vmap(lambda x, u: jacobian_vector_product(softened, central, x, u))(x, u)
    expected = slope(x.numpy()) * u.numpy()
    assert np.all(np.abs(pushed.numpy() - expected).max(axis=1) < 10 * accuracy(float, order) * np.array([1.0, 1e6]))


def test_differences_are_differentiable_by_the_owner_of_the_arrays(central):
    """The step is a constant to it."""
    jax, torch = pytest.importorskip("jax"), pytest.importorskip("torch")
    autograd = pytest.importorskip("autograd")

    def total(x: Any) -> Any:
        return jacobian_vector_product(lambda x: x**3, central, x, u).sum()

    expected = 6 * POINT * TANGENT
    with adhelpers.backend("jax", x64=True).scope():
        u: Any = jax.numpy.asarray(TANGENT)
        np.testing.assert_allclose(jax.grad(total)(jax.numpy.asarray(POINT)), expected, rtol=1e-7)
    u = TANGENT
    np.testing.assert_allclose(autograd.grad(total)(POINT), expected, rtol=1e-7)
    x, u = torch.asarray(POINT).requires_grad_(), torch.asarray(TANGENT)
    total(x).backward()
    np.testing.assert_allclose(x.grad.numpy(), expected, rtol=1e-7)


def test_half_precision_far_from_one():
    v = adhelpers.vector_jacobian_product(lambda x: 0.5 * x, "finite-difference", np.float16(20000), np.float16(1))
    assert (float(v), v.dtype) == (0.5, np.float16)
    small = np.float16(1e-5)
    v = adhelpers.jacobian_vector_product(lambda x: x * x, "finite-difference", np.float16(1), small)
    assert float(v) == pytest.approx(2e-5, rel=0.05)


def test_numbers_and_numpy_arrays_beside_tensors_are_lifted():
    torch = pytest.importorskip("torch")
    x = torch.ones(2, dtype=torch.float64)
    y, v = adhelpers.value_and_jacobian_vector_product(
        lambda x: (3.0 * x[0] * x[1], 2.0, np.ones(1)), "finite-difference", (x, 2.0 * np.ones(2)), (np.ones(2), x)
    )
    assert all(isinstance(leaf, torch.Tensor) and leaf.dtype == torch.float64 for leaf in (*y, *v))
    np.testing.assert_allclose(v[0], [9.0, 9.0], rtol=1e-9)
    assert (float(v[1]), float(v[2])) == (0.0, 0.0)


@pytest.mark.parametrize("framework", ["torch", "jax.numpy"])
def test_arrays_of_another_framework_beside_numpy_are_refused(framework):
    u = pytest.importorskip(framework).ones(2)
    for dtype in (np.float32, np.float64):
        with pytest.raises(TypeError, match=r"u is a .*, but x is a numpy.ndarray; .* convert u with numpy.asarray"):
            adhelpers.jacobian_vector_product(lambda x: x, "finite-difference", np.ones(2, dtype), u)


def test_copies_are_those_of_the_owner(central):
    """Truth values, which differences only carry along, stay what they are."""
    torch, jnp = pytest.importorskip("torch"), pytest.importorskip("jax.numpy")
    tensor = torch.asarray(POINT.copy())
    for leaf in (tensor, tensor > 0.0, POINT, POINT > 0.0):
        copy = central.copy(leaf)
        assert (type(copy), copy.dtype) == (type(leaf), leaf.dtype)
        assert not np.shares_memory(np.asarray(copy), np.asarray(leaf))
        np.testing.assert_array_equal(np.asarray(copy), np.asarray(leaf))
    array = jnp.asarray([1.0, 2.0])
    assert central.copy(array) is array
