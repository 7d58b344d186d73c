"""Linear maps in SciPy's solvers."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from adhelpers import ADBackend, ArgumentError, DTypeError, array_namespace, linearize, linearize_gradient
from conftest import lifted

linalg = pytest.importorskip("scipy.sparse.linalg")

RANDOM = np.random.default_rng(3)
M = RANDOM.standard_normal((5, 4))
S = M.T @ M + 0.5 * np.eye(4)
POINT = {"a": np.array([0.3, -0.2]), "b": np.array([[0.5, 0.1]])}
X = np.array([0.3, -0.2, 0.5, 0.1])
JACOBIAN = M * np.cos(X)
"""By hand, in the order of the leaves."""
DIGITS = {"rtol": 2e-6, "atol": 2e-6}


def residuals(x: Any) -> Any:
    xp = array_namespace(x["a"])
    flat = xp.concat([x["a"], xp.reshape(x["b"], (-1,))])
    y = xp.asarray(M) @ xp.sin(flat)
    return (y[:2], xp.reshape(y[2:], (3, 1)))


def energy(x: Any) -> Any:
    xp = array_namespace(x["a"])
    flat = xp.concat([x["a"], xp.reshape(x["b"], (-1,))])
    return 0.5 * xp.sum(flat * (xp.asarray(S) @ flat)) + xp.sum(flat**4)


HESSIAN = S + np.diag(12.0 * X**2)


def derivative(backend: ADBackend) -> Any:
    return linearize(residuals, backend, lifted(backend, POINT)).operator()


def test_products(backend: ADBackend) -> None:
    A = derivative(backend)
    assert A.shape == (5, 4)
    assert A.dtype == np.float64
    u, v = RANDOM.standard_normal(4), RANDOM.standard_normal(5)
    U, V = RANDOM.standard_normal((4, 3)), RANDOM.standard_normal((5, 3))
    for received, expected in (
        (A @ u, JACOBIAN @ u),
        (A.H @ v, JACOBIAN.T @ v),
        (A.T @ v, JACOBIAN.T @ v),
        (A @ U, JACOBIAN @ U),
        (A.H @ V, JACOBIAN.T @ V),
        (A @ u[:, None], (JACOBIAN @ u)[:, None]),
        (A @ (u + 1j * u[::-1]), JACOBIAN @ (u + 1j * u[::-1])),
        ((A.H @ A) @ u, JACOBIAN.T @ (JACOBIAN @ u)),
    ):
        assert type(received) is np.ndarray
        assert received.dtype == expected.dtype
        np.testing.assert_allclose(received, expected, **DIGITS)


def test_a_matrix_is_one_sweep(framework: ADBackend) -> None:
    calls: list[int] = []

    def f(x: Any) -> Any:
        calls.append(1)
        return residuals(x)

    A = linearize(f, framework, lifted(framework, POINT)).operator()
    A @ np.eye(4)
    before = len(calls)
    np.testing.assert_allclose(A @ np.eye(4), JACOBIAN, **DIGITS)
    np.testing.assert_allclose((A.H @ np.eye(5)).T, JACOBIAN, **DIGITS)
    assert len(calls) - before <= 1


def test_solvers(backend: ADBackend) -> None:
    A = derivative(backend)
    b = RANDOM.standard_normal(5)
    expected = np.linalg.lstsq(JACOBIAN, b, rcond=None)[0]
    np.testing.assert_allclose(linalg.lsmr(A, b, atol=1e-12, btol=1e-12)[0], expected, rtol=1e-4, atol=1e-5)
    singular = linalg.svds(A, k=2, random_state=0)[1]
    np.testing.assert_allclose(np.sort(singular), np.sort(np.linalg.svd(JACOBIAN)[1])[-2:], rtol=1e-5)
    H = linearize_gradient(energy, backend, lifted(backend, POINT)).operator()
    c, digits = RANDOM.standard_normal(4), 1e-8 if backend.has_reverse else 1e-3
    for solve in (linalg.cg, linalg.gmres):
        solution, failed = solve(H, c, rtol=digits)
        assert failed == 0
        np.testing.assert_allclose(solution, np.linalg.solve(HESSIAN, c), rtol=10.0 * digits, atol=10.0 * digits)
    largest = linalg.eigsh(H, k=1, return_eigenvectors=False)
    np.testing.assert_allclose(largest, np.linalg.eigvalsh(HESSIAN)[-1:], rtol=1e-4)
    np.testing.assert_allclose(H @ np.eye(4), HESSIAN, rtol=1e-3, atol=1e-3)


def test_complex_numbers_and_the_adjoint(backend: ADBackend) -> None:
    matrix = M[:4] + 1j * M[1:]
    z = X + 1j * X[::-1]

    def f(z: Any) -> Any:
        xp = array_namespace(z)
        return xp.asarray(matrix) @ z**2

    A = linearize(f, backend, lifted(backend, z)).operator()
    expected = matrix * (2.0 * z)
    assert A.dtype == np.complex128
    v = RANDOM.standard_normal(4) + 1j * RANDOM.standard_normal(4)
    np.testing.assert_allclose(A @ v, expected @ v, **DIGITS)
    np.testing.assert_allclose(A.H @ v, expected.conj().T @ v, **DIGITS)
    np.testing.assert_allclose(A.T @ v, expected.T @ v, **DIGITS)
    np.testing.assert_allclose(A.H @ np.stack([v, 1j * v]).T, expected.conj().T @ np.stack([v, 1j * v]).T, **DIGITS)
    solution, failed = linalg.gmres(A, v, rtol=1e-8)
    assert failed == 0
    np.testing.assert_allclose(solution, np.linalg.solve(expected, v), rtol=1e-3, atol=1e-4)


def test_real_numbers_to_complex_ones(backend: ADBackend) -> None:
    matrix = M[:4] + 1j * M[1:]

    def f(x: Any) -> Any:
        xp = array_namespace(x)
        return xp.asarray(matrix) @ xp.astype(x**2, xp.complex128)

    A = linearize(f, backend, lifted(backend, X)).operator()
    expected = matrix * (2.0 * X)
    v = RANDOM.standard_normal(4) + 1j * RANDOM.standard_normal(4)
    np.testing.assert_allclose(A @ v, expected @ v, **DIGITS)
    np.testing.assert_allclose(A.H @ v, expected.conj().T @ v, **DIGITS)


@pytest.mark.parametrize("name", ["conj", "abs"])
def test_what_is_no_matrix_is_refused(backend: ADBackend, name: str) -> None:
    def f(z: Any) -> Any:
        return getattr(array_namespace(z), name)(z)

    lin = linearize(f, backend, lifted(backend, X + 1j * X))
    with pytest.raises(DTypeError, match="real and its imaginary part"):
        lin.operator()


def test_single_precision(backend: ADBackend) -> None:
    x = X.astype(np.float32)
    A = linearize(lambda x: array_namespace(x).sin(x), backend, lifted(backend, x)).operator()
    assert A.dtype == np.float32
    received = A @ np.ones(4)  # in float64, as some solvers give it
    assert received.dtype == np.float32
    np.testing.assert_allclose(received, np.cos(x), rtol=1e-2 if backend.name == "finite-difference" else 1e-6)


def test_numbers_and_no_vector(backend: ADBackend) -> None:
    """Leaves without dimensions, matrices without columns, and points without leaves."""

    def f(x: Any) -> Any:
        return {"line": x["scale"] * x["at"], "square": x["scale"] ** 2}

    x = lifted(backend, {"at": np.array([1.0, 3.0]), "scale": np.asarray(2.0)})
    A = linearize(f, backend, x).operator()
    expected = np.array([[2.0, 0.0, 1.0], [0.0, 2.0, 3.0], [0.0, 0.0, 4.0]])
    np.testing.assert_allclose(A @ np.eye(3), expected, **DIGITS)
    np.testing.assert_allclose(A.H @ np.eye(3), expected.T, **DIGITS)
    np.testing.assert_allclose(A @ np.ones(3), expected.sum(axis=1), **DIGITS)
    assert (A @ np.zeros((3, 0))).shape == (3, 0)
    assert (A.H @ np.zeros((3, 0))).shape == (3, 0)
    none = linearize(lambda x: np.ones(3), backend, {}).operator()
    np.testing.assert_array_equal(none @ np.zeros((0, 2)), np.zeros((3, 2)))
    np.testing.assert_array_equal(none.H @ np.ones((3, 2)), np.zeros((0, 2)))
    assert linearize(lambda x: (), backend, lifted(backend, X + 1j * X)).operator().shape == (0, 4)


def test_real_leaves_beside_complex_ones(backend: ADBackend) -> None:
    def f(x: Any) -> Any:
        xp = array_namespace(x)
        return (2.0 * x, (1.0 + 1.0j) * xp.astype(x, xp.complex128))

    A = linearize(f, backend, lifted(backend, X[:2])).operator()
    expected = np.vstack([2.0 * np.eye(2), (1.0 + 1.0j) * np.eye(2)])
    v = RANDOM.standard_normal(4) + 1j * RANDOM.standard_normal(4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # NumPy's, about imaginary parts
        np.testing.assert_allclose(A.H @ v, expected.conj().T @ v, **DIGITS)
        np.testing.assert_allclose(A.H @ np.eye(4), expected.conj().T, **DIGITS)
        lin = linearize(lambda x: x, backend, lifted(backend, (X, X + 1j * X)))
        with pytest.raises(DTypeError, match="real and its imaginary part"):
            lin.operator()


def test_a_small_leaf_that_is_conjugated_is_seen_beside_a_large_one(backend: ADBackend) -> None:
    def f(z: Any) -> Any:
        return [1e6 * z[0], array_namespace(z[1]).conj(z[1])]

    lin = linearize(f, backend, lifted(backend, [X + 1j * X, X - 1j * X]))
    with pytest.raises(DTypeError, match="real and its imaginary part"):
        lin.operator()


@pytest.mark.parametrize("name", ["torch", "jax"])
def test_dtypes_that_scipy_does_not_know_are_refused(name: str) -> None:
    xp = pytest.importorskip({"torch": "torch", "jax": "jax.numpy"}[name])
    lin = linearize(lambda x: x * x, name, xp.ones(2, dtype=xp.bfloat16))
    with pytest.raises(DTypeError, match="x has dtype .*bfloat16, which SciPy's solvers do not know"):
        lin.operator()


def test_where_there_are_no_values_there_is_no_operator() -> None:
    jax = pytest.importorskip("jax")

    def product(x: Any) -> Any:
        return linearize(lambda x: x * x, "jax", x).operator() @ np.ones(2)

    with pytest.raises(ArgumentError, match="outside of it, or use push and pull"):
        jax.jit(product)(jax.numpy.ones(2))
