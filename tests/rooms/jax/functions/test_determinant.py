"""The determinant in JAX, where it is zero: by minors, in NumPy."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import adhelpers
from conftest import MODES

pytest.importorskip("jax")
import jax
import jax.numpy as jnp
from jax import lax

from adhelpers_plugins.jax.functions import determinant

BACKEND = adhelpers.backend("jax", x64=True)
det = jnp.linalg.det

WAYS: dict[str, Callable[[Any], Any]] = {
    "as it is": det,
    "of the namespace": lambda x: adhelpers.array_namespace(x).linalg.det(x),
    "of SciPy's names": jax.scipy.linalg.det,
    "jitted": jax.jit(det),
    "mapped": lambda x: jax.vmap(det)(x[None])[0],
    "jitted and mapped": jax.jit(lambda x: jax.vmap(jax.jit(det), in_axes=1)(x[:, None])[0]),
    "in a loop": lambda x: lax.map(det, x[None])[0],
}


def minor(x: Any, rows: Any, columns: Any) -> Any:
    """Without these rows and columns."""
    return np.linalg.det(np.delete(np.delete(x, rows, -2), columns, -1))


def cofactors(x: Any) -> Any:
    n = x.shape[-1]
    return np.stack([np.stack([(-1) ** (i + j) * minor(x, i, j) for j in range(n)], -1) for i in range(n)], -2)


def second_derivatives(x: Any) -> Any:
    """The determinant is linear in each row and each column."""
    n = x.shape[-1]
    H = np.zeros((n, n, n, n))
    for i, j, k, l in np.ndindex(n, n, n, n):
        if i != k and j != l:
            order = 1 if (i < k) == (j < l) else -1
            H[i, j, k, l] = order * (-1) ** (i + j + k + l) * minor(x, [i, k], [j, l])
    return H


def of_rank(rank: int, n: int = 4) -> Any:
    """Of whole numbers, so that pivots are zero and not only small."""
    rng = np.random.default_rng(0)
    return (rng.integers(-3, 4, (n, rank)) @ rng.integers(-3, 4, (rank, n))).astype(float)


SINGULAR = {
    "a pivot that is not the last": np.diag([1.0, 0.0, 3.0, 1.0]),
    "columns that are multiples": np.array([[1.0, 2, 3, 4], [2, 4, 1, 0], [0, 0, 5, 6], [1, 2, 7, 1]]),
    "rank 2": np.diag([1.0, 1.0, 0.0, 0.0]),
    **{f"rank {rank} of 5": of_rank(rank, 5) for rank in (0, 3)},
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", SINGULAR)
def test_gradients_of_singular_matrices(name: str, way: str) -> None:
    f, x = WAYS[way], SINGULAR[name]
    y, G = adhelpers.value_and_gradient(f, BACKEND, x)
    expected = cofactors(x)
    np.testing.assert_allclose(y, 0.0, atol=1e-12)
    np.testing.assert_allclose(G, expected, rtol=1e-9, atol=1e-12)
    t = np.random.default_rng(1).standard_normal(x.shape)
    pushed = adhelpers.jacobian_vector_product(f, BACKEND, x, t)
    np.testing.assert_allclose(pushed, np.sum(expected * t), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("rank", range(5))
def test_hessians_of_every_rank(rank: int, mode: str) -> None:
    x = of_rank(rank)
    H = adhelpers.hessian(WAYS["jitted and mapped"] if rank == 2 else det, BACKEND, x, mode=mode)
    np.testing.assert_allclose(H, second_derivatives(x), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize(("outer", "inner"), [(0, 0), (1, 2), (2, 0), (3, 1)])
def test_mapped_over_any_axes(outer: int, inner: int) -> None:
    """All of one length, so that no shape shows which axes are those of the matrices."""
    x, weights = np.random.default_rng(0).standard_normal((4, 4, 4, 4)), np.arange(16.0).reshape(4, 4)
    matrices = np.moveaxis(np.moveaxis(x, outer, 0), inner + 1, 1)
    matrices[0, 1, :, 2] = 0.0  # x is changed, too
    f = jax.vmap(jax.vmap(det, in_axes=inner), in_axes=outer)
    for mapped in (f, jax.jit(f)):
        y, G = adhelpers.value_and_gradient(lambda x, f=mapped: jnp.sum(weights * f(x)), BACKEND, x)
        np.testing.assert_allclose(y, np.sum(weights * np.linalg.det(matrices)))
        received = np.moveaxis(np.moveaxis(np.asarray(G), outer, 0), inner + 1, 1)
        np.testing.assert_allclose(received, weights[..., None, None] * cofactors(matrices), rtol=1e-9, atol=1e-12)


def test_mapped_around_the_derivative() -> None:
    """There JAX takes both branches of all matrices."""
    x = np.stack([of_rank(rank) for rank in (2, 3, 4)])
    with BACKEND.scope():
        G = jax.vmap(lambda x: adhelpers.gradient(det, BACKEND, x))(jnp.asarray(x))
        H = jax.vmap(lambda x: adhelpers.hessian(det, BACKEND, x))(jnp.asarray(x))
    np.testing.assert_allclose(G, cofactors(x), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(H, [second_derivatives(m) for m in x], rtol=1e-9, atol=1e-10)


def test_complex_numbers() -> None:
    x = of_rank(2) + 1j * of_rank(3)[::-1]
    x[:, 1] = (2.0 - 1.0j) * x[:, 0]
    t = of_rank(4) * (1.0 + 2.0j)
    pushed = adhelpers.jacobian_vector_product(det, BACKEND, x, t)
    np.testing.assert_allclose(pushed, np.sum(cofactors(x) * t), rtol=1e-9)


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_small_matrices(n: int) -> None:
    x = np.zeros((2, n, n))
    for f in (det, jax.jit(det), jax.vmap(det)):
        y, G = adhelpers.value_and_gradient(lambda x, f=f: jnp.sum(f(x)), BACKEND, x)
        np.testing.assert_array_equal(y, 2.0 if n == 0 else 0.0)
        np.testing.assert_array_equal(G, np.full_like(x, n == 1))


@pytest.mark.parametrize("nullity", [2, 3, 4])
def test_higher_derivatives(nullity: int) -> None:
    """Of t**nullity: right, or nan for the fourth one of the zero matrix, which is not known."""
    signs = np.diag([1.0] * (4 - nullity) + [0.0] * nullity)

    def f(t: Any) -> Any:
        return det(signs + t * (np.eye(4) - signs))

    received = []
    for _ in range(4):
        f = functools.partial(adhelpers.derivative, f, BACKEND)
        received.append(float(f(0.0)))
    expected = [0.0] * 4
    expected[nullity - 1] = {2: 2.0, 3: 6.0, 4: np.nan}[nullity]
    np.testing.assert_allclose(received, expected, atol=1e-12)


def test_single_precision() -> None:
    x = SINGULAR["columns that are multiples"].astype(np.float32)
    np.testing.assert_allclose(adhelpers.gradient(det, "jax", x), cofactors(x.astype(float)), rtol=1e-4, atol=1e-3)


def test_many_rows() -> None:
    x = np.random.default_rng(0).standard_normal((200, 200))
    G = adhelpers.gradient(lambda x: jnp.log(jnp.abs(det(x / 200**0.5))), BACKEND, x)
    np.testing.assert_allclose(G, np.linalg.inv(x).T, rtol=1e-6, atol=1e-8)


def test_it_may_go_when_jax_has_mended_its_own() -> None:
    with BACKEND.scope():
        G = jax.grad(det)(jnp.asarray(SINGULAR["a pivot that is not the last"]))
    assert abs(float(G[1, 1]) - 3.0) > 1e-3, f"{determinant.__name__} may go"
