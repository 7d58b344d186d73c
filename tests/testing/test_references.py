"""Complex steps: against derivatives by hand."""

from __future__ import annotations

import numpy as np
import pytest

from adhelpers.testing import references

X = np.array([0.3, -1.2, 2.0])
U = np.array([1.5, 0.5, -1.0])


def close(received: object, expected: object) -> None:
    """To rounding: a complex step has no other error."""
    np.testing.assert_allclose(received, expected, rtol=4e-15, atol=1e-15)


@pytest.mark.parametrize(
    ("f", "slope"),
    [
        (np.sin, np.cos(X)),
        (np.exp, np.exp(X)),
        (np.tanh, 1.0 / np.cosh(X) ** 2),
        (lambda x: x**3, 3.0 * X**2),
        (lambda x: 1.0 / (2.0 + x**2), -2.0 * X / (2.0 + X**2) ** 2),
    ],
)
def test_elementwise_functions_have_their_slopes_both_ways(f: object, slope: np.ndarray) -> None:
    close(references.pushforward(f, X, U), slope * U)
    close(references.pullback(f, X, U), slope * U)


def test_a_matrix_is_pushed_through_and_its_transpose_is_pulled() -> None:
    A = np.arange(6.0).reshape(2, 3)
    c = np.array([2.0, -1.0])
    close(references.pushforward(lambda x: A @ x, X, U), A @ U)
    close(references.pullback(lambda x: A @ x, X, c), A.T @ c)


def test_structures_are_kept() -> None:
    x = {"a": X, "b": (np.asarray(2.0), None)}
    u = {"a": U, "b": (np.asarray(-0.5), None)}

    def f(x: dict) -> list:
        return [x["a"] * x["b"][0], {"sum": np.sum(x["a"])}]

    pushed = references.pushforward(f, x, u)
    close(pushed[0], U * 2.0 + X * -0.5)
    close(pushed[1]["sum"], np.sum(U))
    pulled = references.pullback(f, x, [U, {"sum": np.asarray(3.0)}])
    close(pulled["a"], 2.0 * U + 3.0)
    close(pulled["b"][0], np.sum(U * X))
    assert pulled["b"][1] is None
    assert pulled["b"][0].shape == ()


def test_a_jacobian_has_the_axes_of_f_and_then_those_of_x() -> None:
    x = np.arange(1.0, 7.0).reshape(2, 3)
    received = references.jacobian(lambda x: np.stack([x[0] * x[1]] * 4), x)
    expected = np.zeros((4, 3, 2, 3))
    for k in range(3):
        expected[:, k, 0, k] = x[1, k]
        expected[:, k, 1, k] = x[0, k]
    close(received, expected)


def test_a_jacobian_of_numbers_has_no_axes() -> None:
    received = references.jacobian(np.exp, np.asarray(0.5))
    assert received.shape == ()
    close(received, np.exp(0.5))


def test_a_batched_jacobian_has_the_blocks_of_the_batch_elements() -> None:
    x = np.array([[0.5, 1.0, -1.0, 2.0], [2.0, 0.25, 3.0, -0.5]])
    received = references.batched_jacobian(lambda x: np.stack([x[0] * x[1], x[0] ** 2, np.sin(x[1])]), x)
    zero = np.zeros(4)
    close(received, np.array([[x[1], x[0]], [2.0 * x[0], zero], [zero, np.cos(x[1])]]))


def test_a_batched_jacobian_is_in_row_major_order() -> None:
    x = np.arange(1.0, 13.0).reshape(2, 3, 2)
    received = references.batched_jacobian(lambda x: x**2, x)
    assert received.shape == (6, 6, 2)
    for b in range(2):
        close(received[:, :, b], np.diag(2.0 * x[:, :, b].ravel()))
