"""Whole Jacobians, leaf by leaf, and traces, against complex steps and closed forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from toys import ForwardToy, NumpyBackend, ReverseToy

from adhelpers import DTypeError
from adhelpers.engine import dense
from adhelpers.engine.sweeps import Sweep
from conftest import assert_close, lifted, to_numpy

A, B, C = np.asarray([0.5, -1.5]), np.asarray([[1.0, 2.0, 3.0], [-1.0, 0.5, 0.25]]), np.asarray(2.0)
every_mode = pytest.mark.parametrize("mode", ["forward", "reverse", "auto"])


class Leafwise:
    """A function between leaves."""

    def __init__(self, function: Any) -> None:
        self.function = function
        self.signature: tuple[Any, ...] = ()
        self.kind = "values"

    def __call__(self, *leaves: Any) -> Any:
        return self.function(*leaves), ()


def quadratic(a: Any, b: Any, c: Any) -> Any:
    """Of degree two, so that the toy's differences are exact: outputs of shapes (3,), () and (2, 3)."""
    return a @ b, (a * a).sum() * 1.0 + c * c, b * c


def expected_blocks() -> list[list[np.ndarray]]:
    """By complex steps in one element at a time."""
    leaves = [A, B, C]
    blocks = [[np.zeros(np.shape(y) + leaf.shape) for leaf in leaves] for y in quadratic(*leaves)]
    for j, leaf in enumerate(leaves):
        for index in np.ndindex(leaf.shape):
            moved = [other.astype(complex) for other in leaves]
            moved[j][index] += 1e-100j
            for i, y in enumerate(quadratic(*moved)):
                blocks[i][j][(..., *index)] = np.imag(y) / 1e-100
    return blocks


@every_mode
@pytest.mark.parametrize("chunk_size", [None, 1, 2, 5])
@pytest.mark.parametrize("toy", [ForwardToy, ReverseToy])
def test_blocks_of_several_leaves(toy: Any, mode: Any, chunk_size: Any) -> None:
    outputs, blocks, aux = dense.jacobian(toy(), Leafwise(quadratic), (A, B, C), mode, chunk_size)
    assert aux == ()
    for received, expected in zip(outputs, quadratic(A, B, C), strict=True):
        np.testing.assert_allclose(received, expected)
    for row, expected_row in zip(blocks, expected_blocks(), strict=True):
        for block, expected in zip(row, expected_row, strict=True):
            assert block.shape == expected.shape
            np.testing.assert_allclose(block, expected, atol=1e-14)


@every_mode
def test_blocks_on_every_backend(backend: Any, mode: Any) -> None:
    with backend.scope():
        leaves = tuple(lifted(backend, [A, B, C]))
        _, blocks, _ = dense.jacobian(backend, Leafwise(quadratic), leaves, mode)
    for row, expected_row in zip(blocks, expected_blocks(), strict=True):
        assert_close(backend, row, expected_row)


@every_mode
def test_blocks_are_in_memory_of_their_own(mode: Any) -> None:
    _, blocks, _ = dense.jacobian(ForwardToy(), Leafwise(quadratic), (A, B, C), mode)
    arrays = [block for row in blocks for block in row]
    for i, array in enumerate(arrays):
        assert not any(np.shares_memory(array, other) for other in arrays[:i])


@every_mode
def test_a_block_has_the_dtype_of_its_output(mode: Any) -> None:
    single = np.asarray([1.0, 2.0], np.float32)
    f = Leafwise(lambda a, b: (a * np.float32(3.0), b * 2.0, a.astype(float) * b))
    _, blocks, _ = dense.jacobian(ForwardToy(), f, (single, A), mode)
    expected = [
        [3.0 * np.eye(2), np.zeros((2, 2))],
        [np.zeros((2, 2)), 2.0 * np.eye(2)],
        [np.diag(A), np.diag(single)],
    ]
    for row, expected_row, dtype in zip(blocks, expected, (np.float32, float, float), strict=True):
        for block, values in zip(row, expected_row, strict=True):
            assert block.dtype == dtype
            np.testing.assert_allclose(block, values, rtol=1e-6)


@every_mode
def test_real_and_complex_outputs_of_real_leaves(backend: Any, mode: Any) -> None:
    """Pulled back, these come from two halves; the real ones must get no imaginary part of the others'."""
    f = Leafwise(lambda a: ((2.0 + 3.0j) * a, a * a))
    with backend.scope():
        _, blocks, _ = dense.jacobian(backend, f, (lifted(backend, A),), mode)
    assert_close(backend, blocks, [[(2.0 + 3.0j) * np.eye(2)], [np.diag(2.0 * A)]])
    assert np.asarray(to_numpy(backend, blocks)[1][0]).dtype == np.float64


def test_a_holomorphic_function_has_complex_outputs() -> None:
    with pytest.raises(DTypeError, match=r"holomorphic=True needs a complex f\(x\), but f\(x\) has .*float64"):
        dense.jacobian(ForwardToy(), Leafwise(lambda z: (z, z.real)), (A + 0j,), "forward", holomorphic=True)


@every_mode
@pytest.mark.parametrize(
    ("leaves", "shapes"),
    [
        ((), [[], []]),
        ((np.zeros(0),), [[(3, 0)], [(0, 0)]]),
        ((np.zeros(0), np.ones(2)), [[(3, 0), (3, 2)], [(0, 0), (0, 2)]]),
    ],
)
def test_empties(leaves: Any, shapes: Any, mode: Any) -> None:
    f = Leafwise(lambda *leaves: (np.full(3, 2.0), np.zeros(0)))
    outputs, blocks, _ = dense.jacobian(ForwardToy(), f, leaves, mode)
    np.testing.assert_array_equal(outputs[0], np.full(3, 2.0))
    assert [[block.shape for block in row] for row in blocks] == shapes
    assert not any(block.any() for row in blocks for block in row)


# -- the trace ----------------------------------------------------------------------------------------

M = np.asarray([[1.0, 10.0, 100.0], [20.0, 2.0, 200.0], [300.0, 30.0, 3.0]])


@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.parametrize("chunk_size", [None, 1, 2])
def test_the_trace_of_a_matrix(backend: Any, mode: Any, chunk_size: Any) -> None:
    with backend.scope():
        matrix, x = lifted(backend, [M, np.ones(3)])
        aux, trace = dense.trace(backend, Leafwise(lambda x: (matrix @ x,)), (x,), mode, chunk_size)
    assert aux == ()
    assert_close(backend, trace, np.asarray(6.0))


@pytest.mark.parametrize("chunk_size", [None, 1, 2])
def test_the_trace_over_several_leaves(chunk_size: Any) -> None:
    """Only what each leaf gives in its own place: 2 of each of two elements, 3 of one, and cross terms do not count."""
    f = Leafwise(lambda a, c: (2.0 * a + 5.0 * c, 3.0 * c + 7.0 * a.sum()))
    _, trace = dense.trace(ForwardToy(), f, (A, C), "forward", chunk_size)
    assert trace == 7.0


@pytest.mark.parametrize("bad", [np.inf, np.nan])
@pytest.mark.parametrize("chunk_size", [None, 1, 2])
def test_what_is_beside_the_diagonal_may_be_infinite(bad: float, chunk_size: Any) -> None:
    """It is none of the trace's; a sum of products with zeros would be NaN."""
    matrix = M.copy()
    matrix[0, 1] = matrix[2, 0] = bad

    class Holding(NumpyBackend):
        def vjp(self, f: Any, x: Any) -> Any:
            return (np.zeros(3),), lambda u: (matrix[np.flatnonzero(u[0])[0]],), ()

    Holding.name = "holding"
    _, trace = dense.trace(Holding(), Leafwise(lambda x: (x,)), (np.ones(3),), "reverse", chunk_size)
    assert trace == 6.0


def test_a_diagonal_that_is_infinite_is_not_hidden() -> None:
    matrix = M.copy()
    matrix[1, 1] = np.inf

    class Holding(NumpyBackend):
        def vjp(self, f: Any, x: Any) -> Any:
            return (np.zeros(3),), lambda u: (matrix[int(np.argmax(u[0]))],), ()

    Holding.name = "holding"
    assert dense.trace(Holding(), Leafwise(lambda x: (x,)), (np.ones(3),), "reverse")[1] == np.inf


@pytest.mark.parametrize("leaves", [(), (np.zeros(0),)])
def test_without_elements_there_is_no_trace(leaves: Any) -> None:
    assert dense.trace(ForwardToy(), Leafwise(lambda *leaves: leaves), leaves, "forward")[1] is None


# -- what is remembered -------------------------------------------------------------------------------


def test_the_number_of_outputs_is_remembered_for_each_kind_of_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same function at other shapes, or between other leaves, is learnt anew."""
    learnt = []
    monkeypatch.setattr(Sweep, "_learn", lambda self: learnt.append(self.x[0].shape) or self.forward())

    class Both(ReverseToy):
        def jvp(self, f: Any, x: Any, u: Any) -> Any:
            return ForwardToy().jvp(f, x, u)

    f = Leafwise(lambda x: (x * x,))
    for size in (2, 2, 3, 3, 2):
        dense.jacobian(Both(), f, (np.ones(size),), "auto")
    assert learnt == [(2,), (3,)]
