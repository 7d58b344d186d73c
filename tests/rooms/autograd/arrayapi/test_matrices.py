"""Matrices that are singular, or whose factors are not unique; results with names."""

from __future__ import annotations

import numpy as np
import pytest
from namespace_cases.case import real
from namespace_cases.matrices import tall
from reference_jacobians import random_like

import adhelpers

pytest.importorskip("autograd")
from autograd.tracer import getval
from namespace_values import values_in_trace

from adhelpers_plugins.autograd import linalg
from adhelpers_plugins.autograd.backend import AutogradBackend

STRICT = AutogradBackend(fallback=False)


def test_the_rank_is_a_constant():
    x = np.ones((2, 2))
    pushed = adhelpers.jacobian_vector_product(lambda x: x * linalg.matrix_rank(x), STRICT, x, x)
    np.testing.assert_array_equal(pushed, x)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: linalg.svd(x).U,
        lambda x: linalg.svd(x.T).Vh,
        lambda x: linalg.qr(x, mode="complete").Q,
    ],
)
@pytest.mark.parametrize("operation", [adhelpers.jacobian_vector_product, adhelpers.vector_jacobian_product])
def test_vectors_that_complete_a_basis_have_no_derivative(f, operation):
    x = tall(4, 2)
    with pytest.raises(adhelpers.UnsupportedOperationError, match="not determined"):
        operation(f, "autograd", x, x if operation is adhelpers.jacobian_vector_product else f(x))


@pytest.mark.parametrize("f", [lambda x: linalg.slogdet(x).logabsdet, linalg.inv])
@pytest.mark.parametrize("operation", [adhelpers.jacobian_vector_product, adhelpers.vector_jacobian_product])
def test_singular_matrices_raise(f, operation):
    x = np.ones((2, 2))
    u = x if operation is adhelpers.jacobian_vector_product or f is linalg.inv else np.float64(1.0)
    with pytest.raises(np.linalg.LinAlgError), np.errstate(all="ignore"):
        operation(f, STRICT, x, u)


@pytest.mark.parametrize(
    ("x", "cofactors"),
    [
        ([[1.0, 2.0], [2.0, 4.0]], [[4.0, -2.0], [-2.0, 1.0]]),
        ([[1.0, 2.0j], [0.5j, -1.0]], [[-1.0, -0.5j], [-2.0j, 1.0]]),
        (np.zeros((2, 2)), np.zeros((2, 2))),
        (np.diag([2.0, 3.0, 0.0]), np.diag([0.0, 0.0, 6.0])),
        ([[5.0]], [[1.0]]),
        ([[0.0]], [[1.0]]),
    ],
)
def test_the_slope_of_determinants_of_singular_matrices(x, cofactors):
    x, cofactors = np.asarray(x), np.asarray(cofactors)
    t = random_like(x, 5)
    pulled = adhelpers.vector_jacobian_product(linalg.det, STRICT, x, np.ones((), x.dtype))
    np.testing.assert_allclose(pulled, cofactors, atol=1e-14)
    pushed = adhelpers.jacobian_vector_product(linalg.det, STRICT, x, t)
    np.testing.assert_allclose(pushed, np.sum(cofactors * t), atol=1e-14)


def test_the_sum_of_equal_eigenvalues_has_a_derivative():
    """One by one they have none, nor have their vectors, by way of which their sum must not go."""
    x, t = np.eye(3), real(3, 3)

    def f(x):
        return linalg.eigh(x).eigenvalues.sum() + linalg.svdvals(x).sum()

    assert adhelpers.jacobian_vector_product(f, STRICT, x, t) == pytest.approx(2.0 * np.trace(t))
    np.testing.assert_allclose(adhelpers.vector_jacobian_product(f, STRICT, x, np.float64(1.0)), 2.0 * x, atol=1e-14)


def test_results_have_the_names_of_the_standard():
    def f(x):
        eigh, qr, svd, slogdet = (getattr(linalg, name)(x) for name in ("eigh", "qr", "svd", "slogdet"))
        assert (eigh._fields, qr._fields) == (("eigenvalues", "eigenvectors"), ("Q", "R"))
        assert (svd._fields, slogdet._fields) == (("U", "S", "Vh"), ("sign", "logabsdet"))
        return eigh.eigenvalues + svd.S + qr.R[0] + slogdet.logabsdet

    x = tall(3, 3)
    assert adhelpers.jacobian_vector_product(f, STRICT, x, x).shape == (3,)


def test_powers_are_of_square_matrices():
    for n in (-1, 0, 1, 2):
        for shape in ((2, 3), (3,), ()):
            x = np.ones(shape)
            with pytest.raises(np.linalg.LinAlgError):
                values_in_trace(lambda x, n=n: linalg.matrix_power(x, n), x)


def test_the_tolerance_of_a_rank_may_be_traced():
    x = np.diag([1.0, 2.0, 1e-3])
    result = values_in_trace(lambda x, rtol: linalg.pinv(x, rtol=rtol), x, np.array(1e-2))
    np.testing.assert_allclose(getval(result), np.diag([1.0, 0.5, 0.0]))
