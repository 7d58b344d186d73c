"""Derivatives of structures, of arrays without elements, and of complex numbers, against closed forms."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from collections.abc import Callable
from typing import Any

import numpy as np
import optree
import pytest

import adhelpers
from adhelpers import (
    array_namespace,
    batched_gradient,
    batched_hessian,
    derivative,
    gauss_newton_product,
    gradient,
    hessian,
    hessian_vector_product,
    jacobian,
    laplacian,
    second_derivative,
    value_and_gradient,
    value_and_hessian_vector_product,
    value_and_jacobian,
    value_and_laplacian,
)
from conftest import MODES, assert_close, to_numpy

Backend = adhelpers.ADBackend
Pair = namedtuple("Pair", ["first", "second"])  # noqa: PYI024  # the plain kind, as users write it
X, U = np.array([1.0, 2.0, -0.5]), np.array([0.5, -1.0, 2.0])
BATCH = np.array([[1.0, 2.0], [-0.5, 0.25], [3.0, 1.5]])


# -- structures (R1, R2, R4) -------------------------------------------------------------------------------

# A quadratic form z Q z / 2 of all leaves in a row. Two leaves have one shape, so that blocks in the wrong order differ
# in nothing but their numbers.
TREE = {
    "d": Pair(np.array([1.0, -2.0]), [np.array([[0.5, 3.0], [-1.0, 2.0]]), None]),
    "a": OrderedDict(z=np.array([0.25, -0.75]), e=(), b=np.asarray(1.5)),
}
LEAVES, TREEDEF = optree.tree_flatten(TREE)
SIZES = [leaf.size for leaf in LEAVES]
STARTS = np.cumsum([0, *SIZES])
N = sum(SIZES)
M = np.random.default_rng(3).standard_normal((N, N))
Q = M + M.T + 4.0 * np.eye(N)  # so that its trace does not cancel


def block(matrix: np.ndarray, i: int, j: int) -> np.ndarray:
    rows, cols = slice(STARTS[i], STARTS[i + 1]), slice(STARTS[j], STARTS[j + 1])
    return matrix[rows, cols].reshape(LEAVES[i].shape + LEAVES[j].shape)


def blocks(matrix: np.ndarray) -> Any:
    """The structure of x with that of x inside."""
    k = range(len(LEAVES))
    return TREEDEF.unflatten([TREEDEF.unflatten([block(matrix, i, j) for j in k]) for i in k])


def parts(vector: np.ndarray) -> Any:
    return TREEDEF.unflatten(
        [p.reshape(leaf.shape) for p, leaf in zip(np.split(vector, STARTS[1:-1]), LEAVES, strict=True)]
    )


def in_a_row(backend: Backend, tree: Any) -> Any:
    leaves, _ = backend.flatten(tree)
    xp = backend.array_namespace(*leaves)
    return xp.concat([xp.reshape(leaf, (-1,)) for leaf in leaves])


def form(backend: Backend) -> Callable[[Any], Any]:
    def f(x: Any) -> Any:
        z = in_a_row(backend, x)
        return (z * (array_namespace(z).asarray(Q) @ z)).sum() / 2.0

    return f


Z = np.concatenate([leaf.ravel() for leaf in LEAVES])
T = np.random.default_rng(4).standard_normal(N)


@pytest.mark.parametrize("mode", ["auto", *MODES])
def test_second_derivatives_of_structures(backend: Backend, mode: Any) -> None:
    if backend.name == "jax" and mode in MODES[1:]:
        pytest.skip("JAX compiles for each mode; two suffice")
    f = form(backend)
    y, v = value_and_hessian_vector_product(f, backend, TREE, parts(T), mode=mode)
    assert_close(backend, v, parts(Q @ T), depth=2)
    assert_close(backend, y, np.asarray(Z @ Q @ Z / 2.0))
    for chunk_size in (None, 1, 4) if backend.name != "jax" else (None,) if mode == "auto" else (4,):
        H = hessian(f, backend, TREE, mode=mode, chunk_size=chunk_size)
        assert_close(backend, H, blocks(Q), depth=2)
        assert list(H["a"]) == ["z", "e", "b"]
        assert type(H["d"].second[0]["d"]) is Pair
        v = laplacian(f, backend, TREE, mode=mode, chunk_size=chunk_size)
        assert_close(backend, v, np.asarray(np.trace(Q)), depth=2)


@pytest.mark.parametrize("mode", ["auto", "forward", "reverse"])
def test_first_derivatives_of_structures(backend: Backend, mode: Any) -> None:
    def f(x: Any) -> Any:
        z = in_a_row(backend, x)
        y = array_namespace(z).asarray(M) @ z**2
        return {"z": [y[:4].reshape((2, 2)), y[4]], "a": Pair(y[5:], ()), "n": None}

    J = 2.0 * M * Z
    rows = {"z": [J[:4].reshape((2, 2, N)), J[4]], "a": Pair(J[5:], ()), "n": None}

    def inside(row: np.ndarray) -> Any:
        cut = np.split(row, STARTS[1:-1], axis=-1)
        return TREEDEF.unflatten([c.reshape(row.shape[:-1] + leaf.shape) for c, leaf in zip(cut, LEAVES, strict=True)])

    expected = optree.tree_map(inside, rows)
    for chunk_size in (None, 2, 5) if backend.name != "jax" else (4,):
        y, received = value_and_jacobian(f, backend, TREE, mode=mode, chunk_size=chunk_size)
        assert_close(backend, received, expected)
    y_row = M @ Z**2
    assert_close(backend, y, {"z": [y_row[:4].reshape((2, 2)), y_row[4]], "a": Pair(y_row[5:], ()), "n": None})
    assert_close(backend, gradient(form(backend), backend, TREE), parts(Q @ Z))
    v = gauss_newton_product(f, backend, TREE, parts(T))
    assert_close(backend, v, parts(J.T @ (J @ T)))


def test_a_loss_gets_the_structure_of_f(backend: Backend) -> None:
    def f(x: Any) -> Any:
        return {"b": x["w"] ** 2, "a": [x["v"] * x["w"][0]]}

    def loss(y: Any) -> Any:
        return (y["b"] ** 2).sum() + 3.0 * y["a"][0] * y["b"][1]

    w, v, tw, tv = np.array([1.0, 2.0]), np.asarray(-0.5), np.array([0.5, -1.0]), np.asarray(2.0)
    J = np.array([[2.0 * w[0], 0.0, 0.0], [0.0, 2.0 * w[1], 0.0], [v, 0.0, w[0]]])  # rows b0, b1, a; columns w0, w1, v
    H = np.array([[2.0, 0.0, 0.0], [0.0, 2.0, 3.0], [0.0, 3.0, 0.0]])
    expected = J.T @ H @ J @ np.array([*tw, tv])
    x, u = {"w": w, "v": v}, {"v": tv, "w": tw}
    received = gauss_newton_product(f, backend, x, u, loss=loss)
    assert_close(backend, received, {"w": expected[:2], "v": expected[2]}, depth=2)


def test_dtypes_of_blocks(backend: Backend) -> None:
    """A Jacobian's block has the dtype of its output, a Hessian's that of its row, a product's that of its leaf."""
    w, s = np.array([1.0, 2.0]), np.array([0.5, -3.0], dtype=np.float32)
    x = {"w": w, "s": s}

    def f(x: Any) -> Any:
        wide = array_namespace(x["s"]).astype(x["s"], x["w"].dtype)
        return {"wide": x["w"] * wide, "narrow": x["s"] ** 2}

    def dtypes(tree: Any) -> Any:
        return optree.tree_map(lambda leaf: leaf.dtype, to_numpy(backend, tree))

    wide, narrow = np.dtype(np.float64), np.dtype(np.float32)
    for mode in ("forward", "reverse"):
        J = jacobian(f, backend, x, mode=mode)
        assert dtypes(J) == {"wide": {"w": wide, "s": wide}, "narrow": {"w": narrow, "s": narrow}}
        np.testing.assert_allclose(backend.to_numpy(J["wide"]["s"]), np.diag(w), rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(backend.to_numpy(J["wide"]["w"]), np.diag(s), rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(backend.to_numpy(J["narrow"]["s"]), np.diag(2.0 * s), rtol=1e-2, atol=1e-2)
    sum_of = lambda x: f(x)["wide"].sum()  # noqa: E731
    assert dtypes(gradient(sum_of, backend, x)) == {"w": wide, "s": narrow}
    for mode in MODES:
        assert dtypes(hessian_vector_product(sum_of, backend, x, x, mode=mode)) == {"w": wide, "s": narrow}
        H = hessian(sum_of, backend, x, mode=mode)
        assert dtypes(H) == {"w": {"w": wide, "s": wide}, "s": {"w": narrow, "s": narrow}}
        if backend.name == "finite-difference":
            continue  # which of float32 leave no digit
        np.testing.assert_allclose(backend.to_numpy(H["w"]["s"]), np.eye(2))
        np.testing.assert_allclose(backend.to_numpy(H["s"]["s"]), np.zeros((2, 2)))
    y, v = value_and_laplacian(sum_of, backend, x)
    assert dtypes((y, v)) == (wide, wide)
    assert dtypes(value_and_laplacian(lambda x: f(x)["narrow"].sum(), backend, x)) == (narrow, narrow)


# -- sizes (R17) --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["auto", *MODES])
def test_no_elements_and_no_dimensions(backend: Backend, mode: Any) -> None:
    empty, one = np.zeros((0, 2)), np.asarray(2.0)
    f = lambda x: (x**3).sum() + 1.0  # noqa: E731
    y, v = value_and_hessian_vector_product(f, backend, empty, empty, mode=mode)
    assert_close(backend, (y, v), (np.asarray(1.0), empty))
    assert_close(backend, hessian(f, backend, empty, mode=mode), np.zeros((0, 2, 0, 2)))
    assert_close(backend, value_and_laplacian(f, backend, empty, mode=mode), (np.asarray(1.0), np.asarray(0.0)))
    assert_close(backend, hessian(lambda x: x**3, backend, one, mode=mode), np.asarray(12.0), depth=2)
    assert_close(backend, laplacian(lambda x: x**3, backend, one, mode=mode), np.asarray(12.0), depth=2)
    both = {"none": empty, "one": one}
    H = hessian(lambda x: x["one"] ** 3 + x["none"].sum(), backend, both, mode=mode)
    expected = {
        "none": {"none": np.zeros((0, 2, 0, 2)), "one": np.zeros((0, 2))},
        "one": {"none": np.zeros((0, 2)), "one": np.asarray(12.0)},
    }
    assert_close(backend, H, expected, depth=2)


@pytest.mark.parametrize("mode", ["auto", "forward", "reverse"])
def test_jacobians_without_rows_or_columns(backend: Backend, mode: Any) -> None:
    empty = np.zeros((0, 2))
    received = jacobian(lambda x: array_namespace(x).sum(x**2, axis=0), backend, empty, mode=mode)
    assert_close(backend, received, np.zeros((2, 0, 2)))
    assert_close(backend, jacobian(lambda x: x[:0], backend, X, mode=mode), np.zeros((0, 3)))
    assert jacobian(lambda x: {"nothing": [None]}, backend, X, mode=mode) == {"nothing": [None]}
    for x in ({}, None, [()]):
        assert jacobian(lambda x: (), backend, x, mode=mode) == ()
        assert jacobian(lambda x: 2.0, backend, x, mode=mode) == x


@pytest.mark.parametrize("x", [{}, [], None, {"a": ()}])
def test_empty_structures(backend: Backend, x: Any) -> None:
    two = np.asarray(2.0)
    f = lambda x: 2.0  # noqa: E731
    y, v = value_and_gradient(f, backend, x)
    assert v == x
    assert_close(backend, y, two)
    for mode in ("auto", *MODES):
        assert hessian_vector_product(f, backend, x, x, mode=mode) == x
        assert hessian(f, backend, x, mode=mode) == x
        assert_close(backend, value_and_laplacian(f, backend, x, mode=mode), (two, np.asarray(0.0)))
    assert gauss_newton_product(f, backend, x, x) == x


@pytest.mark.parametrize("batch", [0, 1])
@pytest.mark.parametrize("axis", [-1, 0])
def test_batches_of_none_and_one(backend: Backend, batch: int, axis: Any) -> None:
    if backend.name == "jax" and axis == 0:
        pytest.skip("JAX compiles for each shape; the batch last suffices")
    x = BATCH[:, :batch]
    gradients, hessians = 3.0 * x**2, 6.0 * x * np.eye(3)[:, :, None]
    f = lambda x: array_namespace(x).sum(x**3, axis=0 if axis == -1 else 1)  # noqa: E731
    x, gradients, hessians = (np.moveaxis(array, -1, axis) for array in (x, gradients, hessians))
    assert_close(backend, batched_gradient(f, backend, x, batch_axis=axis), gradients)
    assert_close(backend, batched_hessian(f, backend, x, batch_axis=axis), hessians, depth=2)


def test_batches_of_arrays_and_repeated_calls(backend: Backend) -> None:
    """N counts elements in row-major order; what is found of a function when it is seen again changes nothing."""
    x = np.random.default_rng(5).standard_normal((2, 3, 4))
    weights = np.random.default_rng(6).standard_normal((6, 6))

    def f(x: Any) -> Any:
        xp = array_namespace(x)
        z = xp.reshape(x, (6, x.shape[-1]))
        return xp.sum(z * (xp.asarray(weights) @ z), axis=0) + xp.sum(z**3, axis=0)

    z = x.reshape(6, 4)
    symmetric = weights + weights.T
    H = symmetric[:, :, None] + 6.0 * z * np.eye(6)[:, :, None]
    for _ in range(1 if backend.name == "jax" else 4):
        assert_close(backend, batched_gradient(f, backend, x), symmetric @ z + 3.0 * z**2)
        assert_close(backend, batched_hessian(f, backend, x), H, depth=2)


# -- complex numbers (R7) -----------------------------------------------------------------------------------

COMPLEX = np.array([1.0 + 2.0j, -0.5 + 0.25j, 0.75 - 1.0j])
TURNED = np.array([0.5 - 1.0j, 2.0j, -1.0 + 0.5j])


def quartic(z: Any) -> Any:
    """Re(z**3) + abs(z)**4, whose gradient by the pairing is 3 z**2 + 4 abs(z)**2 conj(z)."""
    xp = array_namespace(z)
    return xp.sum(xp.real(z**3) + (xp.real(z) ** 2 + xp.imag(z) ** 2) ** 2)


def test_complex_gradients_follow_the_pairing(backend: Backend) -> None:
    z = COMPLEX
    y, v = value_and_gradient(quartic, backend, z)
    assert_close(backend, v, 3.0 * z**2 + 4.0 * abs(z) ** 2 * np.conj(z))
    assert_close(backend, y, np.asarray(quartic(z)))


@pytest.mark.parametrize("mode", ["auto", *MODES])
def test_complex_hessian_vector_products(backend: Backend, mode: Any) -> None:
    if backend.name == "torch" and mode == "forward-over-forward":
        pytest.skip("PyTorch's own forward mode, twice, fails at views of complex numbers")
    z, u = COMPLEX, TURNED
    received = hessian_vector_product(quartic, backend, z, u, mode=mode)
    expected = 6.0 * z * u + 4.0 * (np.conj(z) ** 2 * u + 2.0 * abs(z) ** 2 * np.conj(u))
    assert_close(backend, received, expected, depth=2)


def test_complex_gauss_newton_products(backend: Backend) -> None:
    z, u = COMPLEX, TURNED
    expected = 2.0 * z * np.conj(2.0 * z * u)
    half = lambda y: (array_namespace(y).abs(y) ** 2).sum() / 2.0  # noqa: E731
    assert_close(backend, gauss_newton_product(lambda z: z**2, backend, z, u), expected)
    assert_close(backend, gauss_newton_product(lambda z: z**2, backend, z, u, loss=half), expected, depth=2)


@pytest.mark.parametrize("mode", ["auto", "forward", "reverse"])
def test_complex_jacobians(backend: Backend, mode: Any) -> None:
    z, c = COMPLEX, np.array([[1.0, 2.0j, 0.5], [1.0 - 1.0j, 3.0, 1.0j]])
    f = lambda z: array_namespace(z).asarray(c) @ (z**2 * 1j)  # noqa: E731
    assert_close(backend, jacobian(f, backend, z, mode=mode, holomorphic=True), 2.0j * c * z)
    both = lambda x: {"c": array_namespace(x).asarray(c) @ (x * x + 0j), "r": x**2}  # noqa: E731
    assert_close(backend, jacobian(both, backend, X, mode=mode), {"c": 2.0 * c * X, "r": np.diag(2.0 * X)})


def test_complex_functions_of_one_number(backend: Backend) -> None:
    z = np.asarray(0.5 + 1.0j)
    assert_close(backend, derivative(lambda z: z**3, backend, z), 3.0 * z**2)
    assert_close(backend, second_derivative(lambda z: z**3, backend, z), 6.0 * z, depth=2)
    y = derivative(lambda x: {"c": (1.0 + 2.0j) * x**2, "r": [x, 3.0]}, backend, np.asarray(0.5))
    assert_close(backend, y, {"c": np.asarray(1.0 + 2.0j), "r": [np.asarray(1.0), np.asarray(0.0)]})
