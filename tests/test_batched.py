"""The batched Jacobian on every backend: layouts, modes, sizes, dtypes, the batch check, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import adhelpers
from adhelpers import (
    BatchAxisError,
    BatchMixingError,
    DTypeError,
    array_namespace,
    batched_jacobian,
    value_and_batched_jacobian,
)
from adhelpers.testing import references
from adhelpers.testing.models import gelu, like, numbers, perceptron
from conftest import assert_close, to_numpy

Backend = adhelpers.ADBackend
MODES = ["auto", "forward", "reverse"]
every_mode = pytest.mark.parametrize("mode", MODES)


def rows(x: Any) -> Any:
    """Three inputs to two outputs, the batch last, of no symmetry that would hide a wrong layout."""
    xp = array_namespace(x)
    return xp.stack([x[0] * x[1] ** 2, xp.sin(x[2]) * x[0]])


def first(f: Any) -> Any:
    """The same function with the batch first."""

    def with_batch_first(x: Any) -> Any:
        xp = array_namespace(x)
        return xp.moveaxis(f(xp.moveaxis(x, 0, -1)), -1, 0)

    return with_batch_first


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
    with pytest.raises(DTypeError, match=r"holomorphic=True needs a complex f\(x\), but it has dtype"):
        batched_jacobian(lambda z: array_namespace(z).real(z), backend, z, holomorphic=True)


@every_mode
def test_float32_stays_float32(backend: Backend, mode: Any) -> None:
    x = numbers(2, 3).astype(np.float32)
    jacobian = to_numpy(backend, batched_jacobian(lambda x: perceptron(array_namespace(x), x), backend, x, mode=mode))
    assert jacobian.dtype == np.float32


# -- the batch check ----------------------------------------------------------------------------------


def mixing_functions() -> dict[str, Any]:
    def centre(x: Any) -> Any:
        return x - array_namespace(x).mean(x, axis=-1, keepdims=True)

    def faintly(x: Any) -> Any:
        xp = array_namespace(x)
        return gelu(xp, x) + 1e-5 * xp.flip(x, axis=-1)

    return {"centre": centre, "faintly": faintly, "sum": lambda x: 0.0 * x + array_namespace(x).sum(x)}


@every_mode
@pytest.mark.parametrize("axis", [-1, 0])
@pytest.mark.parametrize("name", mixing_functions())
def test_a_function_that_mixes_the_batch_is_caught(backend: Backend, mode: Any, axis: Any, name: str) -> None:
    if backend.name == "finite-difference" and name == "faintly":
        pytest.skip("below what finite differences can tell")
    f, x = mixing_functions()[name], numbers(3, 4)
    if axis == 0:
        f, x = first(f), x.T
    with pytest.raises(BatchMixingError, match=f"batch_axis={-1 - axis}.*batch normalisation in training mode"):
        batched_jacobian(f, backend, x, mode=mode, batch_axis=axis)


@every_mode
def test_mixing_beside_large_and_infinite_values_is_caught(backend: Backend, mode: Any) -> None:
    def softmax_over_the_batch(x: Any) -> Any:
        xp = array_namespace(x)
        return xp.exp(x) / xp.sum(xp.exp(x), axis=-1, keepdims=True)

    def beside_infinity(x: Any) -> Any:
        xp = array_namespace(x)
        return xp.concat([softmax_over_the_batch(x), 1.0 / (0.0 * xp.abs(x[:1]))])

    x = numbers(2, 3)
    with np.errstate(all="ignore"):
        for f, point in ((softmax_over_the_batch, 1e-3 * x), (beside_infinity, x)):
            with pytest.raises(BatchMixingError):
                batched_jacobian(f, backend, point, mode=mode)


@every_mode
@pytest.mark.parametrize(("dtype", "offset"), [("float32", 1e5), ("float64", 1e8)])
def test_mixing_behind_a_large_offset_is_caught(framework: Backend, mode: Any, dtype: str, offset: float) -> None:
    def f(x: Any) -> Any:
        return offset + array_namespace(x).flip(x, axis=-1)

    with pytest.raises(BatchMixingError):
        batched_jacobian(f, framework, numbers(3, 4).astype(dtype), mode=mode)


@every_mode
def test_mixing_in_the_imaginary_part_alone_is_caught(backend: Backend, mode: Any) -> None:
    def f(x: Any) -> Any:
        return x + 1j * array_namespace(x).flip(x, axis=-1)

    for _ in range(2):  # what failed once is not remembered as passed
        with pytest.raises(BatchMixingError):
            batched_jacobian(f, backend, numbers(3, 4), mode=mode)


@every_mode
@pytest.mark.parametrize("axis", [-1, 0])
@pytest.mark.parametrize(("source", "target"), [(0, 1), (6, 2), (3, 4), (4, 3)])
def test_mixing_of_two_elements_alone_is_caught(
    framework: Backend, mode: Any, axis: Any, source: int, target: int
) -> None:
    into = np.eye(7)[target]

    def f(x: Any) -> Any:
        return x**2 + 1e-3 * x[:, source][:, None] * like(array_namespace(x), into, x)

    with pytest.raises(BatchMixingError):
        batched_jacobian(
            f if axis == -1 else first(f),
            framework,
            numbers(*((3, 7)[:: 1 if axis == -1 else -1])),
            mode=mode,
            batch_axis=axis,
            chunk_size=2,
        )


@every_mode
def test_magnitudes_may_differ(backend: Backend, mode: Any) -> None:
    x = numbers(3, 20)
    x[:, ::2] *= 1e6
    batched_jacobian(lambda x: array_namespace(x).sin(x), backend, x, mode=mode)
    batched_jacobian(lambda x: x**2, backend, x, mode=mode)


@every_mode
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_rounding_and_differences_are_no_alarm(backend: Backend, mode: Any, dtype: str) -> None:
    def softmax(x: Any) -> Any:
        xp = array_namespace(x)
        shifted = xp.exp(8.0 * x - xp.max(8.0 * x, axis=0, keepdims=True))
        return shifted / xp.sum(shifted, axis=0, keepdims=True)

    def shifted(x: Any) -> Any:  # by a number common to all elements
        xp = array_namespace(x)
        shifted = xp.exp(x - xp.max(x))
        return shifted / xp.sum(shifted, axis=0, keepdims=True)

    x = numbers(3, 50).astype(dtype)
    for f in (
        softmax,
        shifted,
        lambda x: array_namespace(x).sin(60.0 * x),
        lambda x: (9.0 * x + 1.0) ** 3 - (9.0 * x) ** 3,
    ):
        batched_jacobian(f, backend, x, mode=mode)


@every_mode
def test_the_jacobian_has_the_dtype_of_the_output(framework: Backend, mode: Any) -> None:
    def f(x: Any) -> Any:
        xp = array_namespace(x)
        return xp.astype(x, xp.float64) ** 2

    jacobian = batched_jacobian(f, framework, numbers(2, 3).astype(np.float32), mode=mode)
    assert to_numpy(framework, jacobian).dtype == np.float64


@every_mode
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_clean_functions_pass_the_check(backend: Backend, mode: Any, dtype: str) -> None:
    def cancels(x: Any) -> Any:  # a derivative of zero that rounding makes nearly zero
        xp = array_namespace(x)
        return xp.sin(x) ** 2 + xp.cos(x) ** 2

    def offset(x: Any) -> Any:  # a derivative far smaller than the value
        return 1000.0 + 1e-3 * x

    def undefined(x: Any) -> Any:
        return array_namespace(x).sqrt(x - x)

    with np.errstate(all="ignore"):
        for f in (cancels, offset, undefined, lambda x: 1e6 * gelu(array_namespace(x), 1e-6 * x)):
            batched_jacobian(f, backend, numbers(4, 6).astype(dtype), mode=mode)


def test_the_check_costs_one_vector_once_for_a_function_and_shape(
    framework: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    widths = []
    kind = type(framework)
    sweep = kind.vjp_sweep

    def watched(self: Any, pullback: Any, cotangents: Any) -> Any:
        widths.append(cotangents[0].shape[0])
        return sweep(self, pullback, cotangents)

    monkeypatch.setattr(kind, "vjp_sweep", watched)

    def f(x: Any) -> Any:
        return x**2

    for x in (numbers(3, 4), numbers(3, 4), numbers(3, 5), numbers(3, 4).astype(np.float32)):
        batched_jacobian(f, framework, x, mode="reverse", chunk_size=100)
    assert widths == [4, 3, 4, 4]


def test_a_repeated_call_runs_f_once_and_skips_the_check(framework: Backend) -> None:
    calls = []

    def f(x: Any) -> Any:
        calls.append(1)
        return x**2 if len(calls) < 3 else array_namespace(x).flip(x, axis=-1)

    batched_jacobian(f, framework, numbers(2, 3))
    assert len(calls) == 1
    calls += [1, 1]
    batched_jacobian(f, framework, numbers(2, 3))  # mixes by now, which goes unnoticed as documented
    with pytest.raises(BatchMixingError):
        batched_jacobian(f, framework, numbers(2, 3), check_batch="always")
    batched_jacobian(f, framework, numbers(2, 3), check_batch=False)
    with pytest.raises(BatchMixingError):
        batched_jacobian(f, framework, numbers(2, 4))


def test_automatic_mode_learns_the_size_of_the_output_and_then_whether_copies_are_allowed(framework: Backend) -> None:
    calls: list[int] = []

    def widens(x: Any) -> Any:
        calls.append(1)
        return array_namespace(x).concat([x, x**2, x**3])

    counts = []
    for _ in range(4):
        batched_jacobian(widens, framework, numbers(2, 3))
        counts.append(len(calls) - sum(counts))
    copies = "replicate" in [way for _, way in framework.formulations(2, 6, 3)]
    assert counts == [2, 3 if copies else 1, 1, 1]


WEIGHTS = np.array([1.0, 2.0, 3.0, 4.0])

LOOKING_AT_THE_BATCH: dict[str, Any] = {
    "at its size": (lambda x: x**3 / x.shape[-1], lambda x: 3 * x**2 / 4),
    "at its size, where there are more": (lambda x: x**3 if x.shape[-1] == 4 else x**2, lambda x: 3 * x**2),
    "of four": (lambda x: x**3 * like(array_namespace(x), WEIGHTS, x), lambda x: 3 * x**2 * WEIGHTS),
    "not at all": (lambda x: x**3 * x.shape[0], lambda x: 9 * x**2),
}
"""Elementwise functions with their derivatives, some of which no copies of a batch may be given to."""


@pytest.mark.parametrize("name", LOOKING_AT_THE_BATCH)
@pytest.mark.parametrize("axis", [-1, 0])
@every_mode
def test_every_repeated_call_is_right(framework: Backend, name: str, mode: Any, axis: Any) -> None:
    """Whatever way is found to be faster meanwhile."""
    f, slope = LOOKING_AT_THE_BATCH[name]
    g = first(f) if axis == 0 else f
    for k in range(4):
        x = np.abs(numbers(3, 4)) + k
        expected = np.eye(3)[:, :, None] * slope(x)
        jacobian = batched_jacobian(g, framework, x if axis == -1 else x.T, mode=mode, batch_axis=axis)
        assert_close(framework, jacobian, expected if axis == -1 else np.moveaxis(expected, -1, 0))


def test_copies_are_proved_by_values_and_derivatives_where_nothing_is_zero(framework: Backend) -> None:
    def value_only(x: Any) -> Any:
        return x**2 + x.shape[-1]

    def zero_at_zero(x: Any) -> Any:
        return x**2 / x.shape[-1]

    for k in range(4):
        y, _ = value_and_batched_jacobian(value_only, framework, numbers(2, 3) + k)
        assert_close(framework, y, (numbers(2, 3) + k) ** 2 + 3)
    for x in (np.zeros((2, 3)), np.zeros((2, 3)), np.zeros((2, 3)), np.full((2, 3), 3.0)):
        assert_close(framework, batched_jacobian(zero_at_zero, framework, x), np.eye(2)[:, :, None] * 2 * x / 3)


def test_a_small_row_proves_nothing_by_the_size_of_another(framework: Backend) -> None:
    def f(x: Any) -> Any:
        return array_namespace(x).concat([x[:1], 1e-4 * x[1:] / x.shape[-1]])

    for _ in range(4):
        jacobian = to_numpy(framework, batched_jacobian(f, framework, numbers(2, 3).astype(np.float32)))
        np.testing.assert_allclose(
            jacobian[1, 1], 1e-4 / 3, rtol=1e-1 if framework.name == "finite-difference" else 1e-5
        )


def test_other_arguments_are_other_calls(framework: Backend) -> None:
    """Whatever was learnt of copies with some arguments says nothing of others."""

    def shared(x: Any, share: bool) -> Any:
        return x / x.shape[-1] if share else 1.0 * x

    def repeated(x: Any, times: int) -> Any:
        return array_namespace(x).concat([x[:1]] * times)

    def weighed(x: Any, w: Any) -> Any:
        return x * (w if isinstance(w, float) else like(array_namespace(x), w, x))

    x, eye = numbers(2, 3), np.eye(2)[:, :, None] * np.ones(3)
    for share in (False, False, False, True):
        assert_close(framework, batched_jacobian(shared, framework, x, args=(share,)), eye / (3 if share else 1))
    for times in (2, 2, 2, 3):
        assert batched_jacobian(repeated, framework, x, args=(times,)).shape == (times, 2, 3)
    for w in (2.0, 2.0, 2.0, np.asarray([1.0, 2.0, 3.0])):
        assert_close(framework, batched_jacobian(weighed, framework, x, args=(w,)), eye * w)


def test_a_function_that_changes_is_met_by_its_own_errors(framework: Backend) -> None:
    kind = "copied"
    changed = {"pair": lambda x: (x, x), "flat": lambda x: x[0], "wide": lambda x: array_namespace(x).concat([x, x])}

    def f(x: Any) -> Any:
        if kind == "raising":
            msg = "my own"
            raise KeyError(msg)
        return changed[kind](x) if kind in changed else x**2

    for _ in range(3):
        batched_jacobian(f, framework, numbers(2, 3))
    kind = "raising"
    with pytest.raises(KeyError, match="my own"):
        batched_jacobian(f, framework, numbers(2, 3))
    kind = "pair"
    with pytest.raises(BatchAxisError):
        batched_jacobian(f, framework, numbers(2, 3))
    kind = "flat"
    with pytest.raises(BatchAxisError):
        batched_jacobian(f, framework, numbers(2, 3))
    kind = "wide"
    assert batched_jacobian(f, framework, numbers(2, 3)).shape == (4, 2, 3)


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

    batched_jacobian(f, framework, numbers(5, 3), mode=mode, chunk_size=chunk_size)
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
        (lambda x: x.T, np.ones((2, 3)), r"f\(x\) \(3, 2\).*with batch_axis=0 they would|f must keep the batch axis"),
        (lambda x: x[:, :2], np.ones((4, 3)), r"f\(x\) \(4, 2\).*with batch_axis=0 they would fit"),
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
