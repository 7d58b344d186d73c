"""`batched_jacobian` on every backend: layouts, modes, sizes, dtypes, options, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from batches import MODES, Backend, every_mode, first, rows

from adhelpers import (
    BatchAxisError,
    DTypeError,
    array_namespace,
    batched_jacobian,
    value_and_batched_jacobian,
)
from adhelpers.testing import references
from adhelpers.testing.models import numbers, perceptron
from conftest import assert_close, to_numpy

# -- layouts ------------------------------------------------------------------------------------------


@every_mode
@pytest.mark.parametrize("chunk_size", [None, 1, 2, 3, 100])
def test_the_batch_last(backend: Backend, mode: Any, chunk_size: int | None) -> None:
    x = numbers(3, 5)
    y, jacobian = value_and_batched_jacobian(rows, backend, x, mode=mode, chunk_size=chunk_size)
    assert_close(backend, (y, jacobian), (rows(x), references.batched_jacobian(rows, x)))


@every_mode
@pytest.mark.parametrize("chunk_size", [None, 1, 2])
def test_the_batch_first(backend: Backend, mode: Any, chunk_size: int | None) -> None:
    x = numbers(5, 3)
    y, jacobian = value_and_batched_jacobian(first(rows), backend, x, batch_axis=0, mode=mode, chunk_size=chunk_size)
    expected = np.moveaxis(references.batched_jacobian(rows, x.T), -1, 0)
    assert_close(backend, (y, jacobian), (rows(x.T).T, expected))


@every_mode
@pytest.mark.parametrize("axis", [-1, 0])
def test_many_axes_are_joined_in_row_major_order(backend: Backend, mode: Any, axis: Any) -> None:
    def f(x: Any) -> Any:  # (2, 3, B) to (3, 2, 2, B)
        xp = array_namespace(x)
        swapped = xp.permute_dims(x, (1, 0, 2))
        return xp.stack([swapped**2, swapped * x[0, 1]], axis=1)

    x = numbers(2, 3, 4)
    expected = references.batched_jacobian(f, x)
    if axis == 0:
        f, x, expected = first(f), np.moveaxis(x, -1, 0), np.moveaxis(expected, -1, 0)
    assert_close(backend, batched_jacobian(f, backend, x, batch_axis=axis, mode=mode), expected)


@every_mode
@pytest.mark.parametrize("axis", [-1, 0])
@pytest.mark.parametrize("shape", [(2, 1), (2, 0), (0, 3), (0, 0), (1, 1)])
def test_small_sizes(backend: Backend, mode: Any, axis: Any, shape: tuple[int, int]) -> None:
    n, batch = shape
    x = numbers(n, batch) if axis == -1 else numbers(batch, n)

    def f(x: Any) -> Any:
        xp = array_namespace(x)
        return xp.concat([x**2, 3.0 * x], axis=0 if axis == -1 else 1)

    y, jacobian = value_and_batched_jacobian(f, backend, x, batch_axis=axis, mode=mode)
    points = x if axis == -1 else x.T
    expected = np.concatenate(
        [np.einsum("nb,nm->nmb", 2 * points, np.eye(n)), np.repeat(3 * np.eye(n)[..., None], batch, -1)]
    )
    assert_close(backend, jacobian, expected if axis == -1 else np.moveaxis(expected, -1, 0))
    assert to_numpy(backend, y).shape == ((2 * n, batch) if axis == -1 else (batch, 2 * n))


@every_mode
def test_no_outputs(backend: Backend, mode: Any) -> None:
    assert to_numpy(backend, batched_jacobian(lambda x: x[:0], backend, numbers(3, 4), mode=mode)).shape == (0, 3, 4)


@every_mode
def test_a_constant_function(backend: Backend, mode: Any) -> None:
    jacobian = batched_jacobian(lambda x: np.ones((2, 4)), backend, numbers(3, 4), mode=mode)
    assert_close(backend, jacobian, np.zeros((2, 3, 4)))


# -- dtypes -------------------------------------------------------------------------------------------


@every_mode
def test_a_holomorphic_function(backend: Backend, mode: Any) -> None:
    z = numbers(2, 3) + 1j * numbers(2, 3, seed=1)
    jacobian = batched_jacobian(
        lambda z: z**3 + 1j * array_namespace(z).flip(z, axis=0), backend, z, mode=mode, holomorphic=True
    )
    expected = np.einsum("nb,nm->nmb", 3 * z**2, np.eye(2)) + 1j * np.eye(2)[::-1, :, None]
    assert_close(backend, jacobian, expected)


@every_mode
@pytest.mark.parametrize("axis", [-1, 0])
def test_a_complex_function_of_real_numbers(backend: Backend, mode: Any, axis: Any) -> None:
    def f(x: Any) -> Any:
        xp = array_namespace(x)
        return xp.exp(1j * x) * (2.0 - 1j)

    x = numbers(2, 3)
    expected = np.einsum("nb,nm->nmb", 1j * np.exp(1j * x) * (2 - 1j), np.eye(2))
    if axis == 0:
        x, expected = x.T, np.moveaxis(expected, -1, 0)
    assert_close(backend, batched_jacobian(f, backend, x, mode=mode, batch_axis=axis), expected)


def test_complex_numbers_ask_for_a_promise(backend: Backend) -> None:
    z = numbers(2, 3) + 0j
    with pytest.raises(DTypeError, match=r"x is complex .* pass holomorphic=True"):
        batched_jacobian(lambda z: z**2, backend, z)
    with pytest.raises(DTypeError, match="holomorphic=True needs a complex x, but x has dtype"):
        batched_jacobian(lambda x: x**2, backend, numbers(2, 3), holomorphic=True)
    with pytest.raises(DTypeError, match=r"holomorphic=True needs a complex f\(x\), but f\(x\) has dtype"):
        batched_jacobian(lambda z: array_namespace(z).real(z), backend, z, holomorphic=True)


@every_mode
def test_float32_stays_float32(backend: Backend, mode: Any) -> None:
    x = numbers(2, 3).astype(np.float32)
    jacobian = to_numpy(backend, batched_jacobian(lambda x: perceptron(array_namespace(x), x), backend, x, mode=mode))
    assert jacobian.dtype == np.float32


# -- the batch check ----------------------------------------------------------------------------------


@every_mode
def test_the_jacobian_has_the_dtype_of_the_output(framework: Backend, mode: Any) -> None:
    def f(x: Any) -> Any:
        xp = array_namespace(x)
        return xp.astype(x, xp.float64) ** 2

    jacobian = batched_jacobian(f, framework, numbers(2, 3).astype(np.float32), mode=mode)
    assert to_numpy(framework, jacobian).dtype == np.float64


@pytest.mark.parametrize(
    ("mode", "chunk_size", "expected"), [("reverse", 1, 1), ("forward", None, 1), ("forward", 2, 3)]
)
def test_f_runs_once_in_reverse_and_once_per_chunk_forward(
    framework: Backend, mode: Any, chunk_size: Any, expected: int
) -> None:
    calls = []

    def f(x: Any) -> Any:
        calls.append(1)
        return x**2

    batched_jacobian(f, framework, numbers(5, 3), mode=mode, chunk_size=chunk_size, check=False)
    assert len(calls) == expected


def test_control_flow_on_values_works(framework: Backend) -> None:
    def f(x: Any) -> Any:
        return x**2 if x[0, 0] > 0 else 3.0 * x

    for sign, expected in ((1.0, 2.0), (-1.0, 3.0)):
        for mode in MODES:
            jacobian = batched_jacobian(f, framework, sign * np.ones((1, 2)), mode=mode)
            assert_close(framework, jacobian, np.full((1, 1, 2), expected))


# -- keywords and errors ------------------------------------------------------------------------------


@every_mode
def test_args_and_aux(backend: Backend, mode: Any) -> None:
    def f(x: Any, scale: float) -> Any:
        return scale * x**2, {"twice": 2.0 * x, "text": "text"}

    x = numbers(2, 3)
    y, jacobian, aux = value_and_batched_jacobian(f, backend, x, args=(3.0,), has_aux=True, mode=mode)
    assert_close(backend, (y, jacobian), (3 * x**2, np.einsum("nb,nm->nmb", 6 * x, np.eye(2))))
    assert aux.pop("text") == "text"
    assert_close(backend, aux, {"twice": 2 * x})
    jacobian, aux = batched_jacobian(f, backend, x, args=(3.0,), has_aux=True, mode=mode)
    assert_close(backend, jacobian, np.einsum("nb,nm->nmb", 6 * x, np.eye(2)))


@pytest.mark.parametrize(
    ("f", "x", "message"),
    [
        (lambda x: x, np.ones(3), r"x has shape \(3,\), but .* at least two dimensions.*add a batch axis of size 1"),
        (lambda x: x[0], {"a": np.ones((2, 2))}, "x is a structure of 1 leaves"),
        (lambda x: [x, x], np.ones((2, 3)), r"f\(x\) is a structure of 2 leaves"),
        (lambda x: x.T, np.ones((2, 3)), r"f\(x\) \(3, 2\).*pass batch_axis=0, with which|let f keep the batch axis"),
        (lambda x: x[:, :2], np.ones((4, 3)), r"f\(x\) \(4, 2\).*pass batch_axis=0, with which they fit"),
    ],
)
def test_shapes_that_do_not_fit(backend: Backend, f: Any, x: Any, message: str) -> None:
    for mode in MODES:
        with pytest.raises(BatchAxisError, match=message):
            batched_jacobian(f, backend, x, mode=mode)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_axis": 1}, "batch_axis is 1; write -1 for the batch last, or 0"),
        ({"batch_axis": False}, "batch_axis is False"),
        ({"mode": "backward"}, "mode is 'backward'; write 'auto', 'forward' or 'reverse'"),
        ({"chunk_size": 0}, "chunk_size is 0; write a positive int, or None"),
        ({"chunk_size": 2.0}, "chunk_size is 2.0"),
        ({"check_batch": "sometimes"}, "check_batch is 'sometimes'; write True, False or 'always'"),
    ],
)
def test_options_are_checked(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        batched_jacobian(lambda x: x, "finite-difference", numbers(2, 3), **options)


def test_the_signature_of_the_reference_is_positional(backend: Backend) -> None:
    assert_close(
        backend, batched_jacobian(rows, backend, numbers(3, 2)), references.batched_jacobian(rows, numbers(3, 2))
    )
