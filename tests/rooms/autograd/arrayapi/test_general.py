"""Eigenvalues and eigenvectors of any square matrices, against closed forms and differences of NumPy's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from namespace_cases.case import complexes, real
from namespace_cases.matrices import rotating, tall, tall_complex
from reference_jacobians import as_dual, as_real, close, jacobian, random_like

import adhelpers

pytest.importorskip("autograd")
import autograd.numpy as anp
from autograd.tracer import getval

from adhelpers_plugins.autograd import linalg
from adhelpers_plugins.autograd.backend import AutogradBackend

STRICT = AutogradBackend(fallback=False)
PRODUCTS = pytest.mark.parametrize(
    "product", [adhelpers.jacobian_vector_product, adhelpers.vector_jacobian_product], ids=["jvp", "vjp"]
)


@pytest.mark.parametrize(
    "x",
    [rotating(3, 3), rotating(4, 4), rotating(2, 3, 3), tall(3, 3), tall_complex(3, 3), complexes(2, 2, 2), real(1, 1)],
    ids=["complex pair", "two pairs", "batch", "real", "of complex", "batch of complex", "one"],
)
def test_the_vectors_are_as_long_and_turned_as_lapack_leaves_them(x: np.ndarray) -> None:
    """So that derivatives are those of what is returned, and not of some multiple; the sign alone may change."""
    before = np.linalg.eig(x).eigenvectors

    def joined(found: Any) -> Any:
        values, vectors = found
        signs = np.sign(np.sum(np.conj(before) * getval(vectors), axis=-2, keepdims=True).real)
        return anp.concatenate([anp.ravel(values), anp.ravel(vectors * signs)]) + 0j

    def f(x: Any) -> Any:
        return joined(linalg.eig(x))

    reference, y = jacobian(lambda z: joined(np.linalg.eig(z[0])), (x,)), joined(np.linalg.eig(x))
    t, u, s = random_like(x, 5), random_like(y, 6), random_like(x, 7)
    value, pushed = adhelpers.value_and_jacobian_vector_product(f, STRICT, x, t)
    pulled = adhelpers.vector_jacobian_product(f, STRICT, x, u)
    assert (value.dtype, pushed.dtype, pulled.dtype) == (y.dtype, y.dtype, x.dtype)
    np.testing.assert_allclose(value, y, rtol=1e-14, atol=1e-14)
    close(as_real(pushed), reference @ as_real(t))
    close(as_dual(pulled), as_dual(u) @ reference)

    def slope(x: Any) -> Any:
        return anp.sum(anp.real(u * adhelpers.jacobian_vector_product(f, STRICT, x, t)))

    expected = jacobian(lambda z: np.asarray(slope(z[0])), (x,))[0]
    close(as_dual(adhelpers.vector_jacobian_product(slope, STRICT, x, np.float64(1.0))), expected)
    close(as_real(adhelpers.jacobian_vector_product(slope, STRICT, x, s)), np.asarray([expected @ as_real(s)]))


@pytest.mark.parametrize("s", [np.float64(0.7), np.float64(-0.7), np.complex128(0.3 + 0.5j)])
def test_roots_as_eigenvalues(s: Any) -> None:
    """Those of [[0, 1], [s, 0]] are both roots of s: real ones or imaginary ones, where s itself is real."""

    def root(s: Any) -> Any:
        values = linalg.eigvals(anp.array([[0.0 * s, 1.0 + 0.0 * s], [s, 0.0 * s]]))
        return values[int(np.argmax(np.real(getval(values)) + np.imag(getval(values))))]

    first, second = 0.5 * (s + 0j) ** -0.5, -0.25 * (s + 0j) ** -1.5
    one = np.ones_like(s)

    def slope(s: Any) -> Any:
        return adhelpers.jacobian_vector_product(root, STRICT, s, one)

    np.testing.assert_allclose(root(s), (s + 0j) ** 0.5)
    np.testing.assert_allclose(slope(s), first)
    np.testing.assert_allclose(adhelpers.jacobian_vector_product(slope, STRICT, s, one), second)
    u = np.complex128(0.3 - 1.1j)
    for f, derivative in ((root, first), (slope, second)):
        expected = u * derivative
        pulled = adhelpers.vector_jacobian_product(f, STRICT, s, u)
        np.testing.assert_allclose(pulled, expected if np.iscomplexobj(s) else expected.real)


def test_the_sum_of_equal_eigenvalues_has_a_derivative() -> None:
    x, t = np.eye(3), real(3, 3)

    def f(x: Any) -> Any:
        return anp.sum(linalg.eigvals(x))

    np.testing.assert_allclose(adhelpers.jacobian_vector_product(f, STRICT, x, t), np.trace(t))
    np.testing.assert_allclose(adhelpers.vector_jacobian_product(f, STRICT, x, np.complex128(1.0)), x)


@PRODUCTS
def test_vectors_of_equal_eigenvalues_have_none(product: Any) -> None:
    x, ones = np.eye(2), np.ones((2, 2))
    with pytest.warns(RuntimeWarning):
        received = product(
            lambda x: linalg.eig(x).eigenvectors,
            STRICT,
            x,
            ones if product is adhelpers.jacobian_vector_product else ones + 0j,
        )
    assert not np.all(np.isfinite(received))


@PRODUCTS
@pytest.mark.parametrize("x", [[[0.0, 1.0], [0.0, 0.0]], [[2.0, 1.0, 0.0], [0.0, 2.0, 1.0], [0.0, 0.0, 2.0]]])
def test_without_a_basis_of_vectors_there_is_no_derivative(product: Any, x: Any) -> None:
    x = np.asarray(x)
    np.testing.assert_allclose(adhelpers.value(linalg.eigvals, STRICT, x), np.diag(x))
    vector = x if product is adhelpers.jacobian_vector_product else np.ones(len(x), complex)
    with pytest.raises(adhelpers.UnsupportedOperationError, match="basis of eigenvectors"):
        product(linalg.eigvals, "autograd", x, vector)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_results_are_complex_and_have_the_names_of_the_standard(dtype: Any) -> None:
    x = tall(3, 3).astype(dtype)

    def f(x: Any) -> Any:
        found = linalg.eig(x)
        assert found._fields == ("eigenvalues", "eigenvectors")
        assert {part.dtype for part in found} == {np.result_type(dtype, np.complex64)}
        return linalg.eigvals(x)

    assert f(x).dtype == adhelpers.value(f, STRICT, x).dtype
    assert adhelpers.vector_jacobian_product(f, STRICT, x, f(x)).dtype == dtype


def test_there_may_be_none() -> None:
    x = np.zeros((0, 0))
    assert adhelpers.jacobian_vector_product(linalg.eigvals, STRICT, x, x).shape == (0,)
    assert adhelpers.vector_jacobian_product(linalg.eigvals, STRICT, x, np.zeros(0, complex)).shape == (0, 0)
