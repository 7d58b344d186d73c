"""Solutions of linear systems whose matrix is a derivative: they are differentiated by the point and the right side."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from adhelpers import (
    ADBackend,
    ArgumentError,
    ShapeMismatchError,
    StructureMismatchError,
    array_namespace,
    hessian,
    jacobian_vector_product,
    vector_jacobian_product,
)
from adhelpers.plugins.rule import run_for, runs_for
from adhelpers.rules.linear_systems import Derivative, systems
from conftest import MODES, assert_close, lifted

X = np.array([0.7, -1.2])
Y = np.array([1.5, 0.4])
B = np.array([0.3, -0.8])
DX, DY, DB = np.array([[1.0, 0.5], [-0.4, 2.0], [0.6, -1.0]])


def conditions(x: Any, y: Any, k: float) -> Any:
    """The derivative by y is that of ``k x y**2``, and of the sum of y: [[2 k x0 y0 + 1, 1], [1, 2 k x1 y1 + 1]]."""
    return k * x * y**2 + y.sum()


def matrix(x: np.ndarray, y: np.ndarray, k: float) -> np.ndarray:
    return np.diag(2.0 * k * x * y) + np.ones((2, 2))


def by_elimination(matvec: Any, b: Any) -> Any:
    """A solver by products alone, of which no derivative is taken."""
    backend: ADBackend = runs_for()
    xp = array_namespace(b)
    e, f = lifted(backend, (np.array([1.0, 0.0]), np.array([0.0, 1.0])))
    (a, c), (g, d) = matvec(e), matvec(f)
    determinant = a * d - c * g
    return xp.stack([d * b[0] - g * b[1], a * b[1] - c * b[0]]) / determinant


SOLVES: dict[str, Any] = {"dense": None, "products": by_elimination}


@pytest.fixture(params=SOLVES)
def pair(request: pytest.FixtureRequest) -> Any:
    return systems("root", Derivative(conditions), SOLVES[request.param])


def test_solutions(backend: ADBackend, pair: Any) -> None:
    x, y, b = lifted(backend, (X, Y, B))
    for solve, expected in zip(pair, (matrix(X, Y, 3.0), matrix(X, Y, 3.0).T), strict=True):
        with backend.scope():
            received = solve.on(backend, ((x, y), b), 3.0)
        assert_close(backend, received, np.linalg.solve(expected, B))


@pytest.mark.parametrize("which", [0, 1], ids=["straight", "transposed"])
def test_derivatives_of_solutions(framework: ADBackend, pair: Any, which: int) -> None:
    """From M v = b follows M dv = db - dM v."""
    x, u = lifted(framework, (((X, Y), B), ((DX, DY), DB)))
    M, dM = matrix(X, Y, 3.0), np.diag(6.0 * (DX * Y + X * DY))
    v = np.linalg.solve(M, B)
    f = lambda inputs: pair[which].on(framework, inputs, 3.0)  # noqa: E731
    assert_close(framework, jacobian_vector_product(f, framework, x, u), np.linalg.solve(M, DB - dM @ v))
    w = np.linalg.solve(M.T, DB)
    expected = ((-6.0 * Y * v * w, -6.0 * X * v * w), w)
    assert_close(framework, vector_jacobian_product(f, framework, x, u[1]), expected)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("which", [0, 1], ids=["straight", "transposed"])
def test_second_derivatives_of_solutions(framework: ADBackend, pair: Any, which: int, mode: Any) -> None:
    """By x: with N the inverse of M, and E = diag(6 y e), d2v = N E N E v, both ways round."""
    x, y, b, c = lifted(framework, (X, Y, B, DB))
    f = lambda x: (c * pair[which].on(framework, ((x, y), b), 3.0)).sum()  # noqa: E731
    N = np.linalg.inv(matrix(X, Y, 3.0))
    E = [np.diag(6.0 * Y * e) for e in np.eye(2)]
    v = N @ B
    expected = np.array([[DB @ (N @ E[i] @ N @ E[j] @ v + N @ E[j] @ N @ E[i] @ v) for j in (0, 1)] for i in (0, 1)])
    assert_close(framework, hessian(f, framework, x, mode=mode), expected, depth=2)


def test_structures_of_conditions_that_are_not_those_of_y(backend: ADBackend) -> None:
    """The matrix is [[0, 2 x0], [x1, 0]], with the rows in a list and the columns in a dict."""
    solve, solve_transposed = systems(
        "root", Derivative(lambda x, y: [2.0 * x[0] * y["b"], x[1] * y["a"]]), linear_solve=None
    )
    x, zero = lifted(backend, ((X[0], X[1]), np.asarray(0.0)))
    one, two = lifted(backend, (np.asarray(1.0), np.asarray(2.0)))
    point = (x, {"a": zero, "b": zero})
    with backend.scope():
        straight = solve.on(backend, (point, [one, two]))
        turned = solve_transposed.on(backend, (point, {"a": one, "b": two}))
    assert_close(backend, straight, {"a": np.asarray(2.0 / X[1]), "b": np.asarray(0.5 / X[0])})
    assert_close(backend, turned, [np.asarray(1.0 / X[0]), np.asarray(1.0 / X[1])])


def test_complex_systems_are_transposed_without_conjugates(backend: ADBackend) -> None:
    """Of (c conj(y) + y) it is conj(c w) + w, under Re(sum(a * b))."""
    c = 2.0 + 3.0j
    solve, solve_transposed = systems(
        "root", Derivative(lambda x, y: c * array_namespace(y).conj(y) + y * x), linear_solve=None
    )
    v = np.array([1.0 - 0.5j, 0.3 + 2.0j])
    x, b, w = lifted(backend, (np.ones(2), c * v.conj() + v, (c * v).conj() + v))
    with backend.scope():
        received = solve.on(backend, ((x, b), b)), solve_transposed.on(backend, ((x, b), w))
    assert_close(backend, received, (v, v))


def test_a_matrix_that_is_not_square(backend: ADBackend) -> None:
    solve, _ = systems("root", Derivative(lambda x, y: y[:1]), linear_solve=None)
    x, y, b = lifted(backend, (X, Y, B[:1]))
    with pytest.raises(
        ArgumentError, match="conditions of an implicit function return 1 numbers, but its solver returns 2"
    ):
        run_for(backend, solve.on, backend, ((x, y), b))


@pytest.mark.parametrize("which", [0, 1], ids=["straight", "transposed"])
@pytest.mark.parametrize(
    ("linear_solve", "error"),
    [(lambda matvec, b: b[:1], ShapeMismatchError), (lambda matvec, b: (b, "converged"), StructureMismatchError)],
    ids=["shape", "structure"],
)
def test_a_solution_that_is_not_like_the_right_side(
    backend: ADBackend, linear_solve: Any, error: type[Exception], which: int
) -> None:
    solve = systems("root", Derivative(conditions), linear_solve)[which]
    x, y, b = lifted(backend, (X, Y, B))
    with pytest.raises(error, match="the result of linear_solve of root .*, but b "):
        solve.on(backend, ((x, y), b), 3.0)
