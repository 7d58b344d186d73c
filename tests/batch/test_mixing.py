"""The check that `f` does not mix its batch, on every backend: what it catches, what it lets pass, what it costs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from batches import Backend, every_mode, first

from adhelpers import (
    BatchMixingError,
    array_namespace,
    batched_jacobian,
)
from adhelpers.testing.models import gelu, like, numbers
from conftest import assert_close


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


def test_the_check_costs_one_product_once_for_a_function_and_shape(
    framework: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    widths: list[int] = []
    kind = type(framework)
    sweeps = kind.vjp_sweeps

    def watched(self: Any, pullback: Any) -> Any:
        def of(sweep: Any) -> Any:
            def count(cotangents: Any) -> Any:
                widths.append(cotangents[0].shape[0])
                return sweep(cotangents)

            return count

        return {name: of(sweep) for name, sweep in sweeps(self, pullback).items()}

    vjp = kind.vjp

    def watched_vjp(self: Any, f: Any, x: Any) -> Any:
        outputs, pullback, aux = vjp(self, f, x)

        def alone(cotangents: Any) -> Any:
            widths.append(1)
            return pullback(cotangents)

        alone.whole = pullback  # type: ignore[attr-defined]  # for the sweeps, which look into it
        return outputs, alone, aux

    monkeypatch.setattr(kind, "vjp", watched_vjp)
    monkeypatch.setattr(kind, "vjp_sweeps", lambda self, pullback: watched(self, pullback.whole))

    def f(x: Any) -> Any:
        return x**2

    for x in (numbers(3, 4), numbers(3, 4), numbers(3, 5), numbers(3, 4).astype(np.float32)):
        batched_jacobian(f, framework, x, mode="reverse", chunk_size=100)
    assert widths == [3, 1, 3, 3, 1, 3, 1]


def test_a_shift_by_the_largest_of_the_batch_passes(framework: Backend) -> None:
    """log-sum-exp and softmax are written so: the shift cancels, but for rounding."""

    def f(x: Any) -> Any:
        xp = array_namespace(x)
        shifted = xp.exp(x - xp.max(x))
        return shifted / xp.sum(shifted, axis=0, keepdims=True)

    x = 3.0 * numbers(4, 6)
    p = np.exp(x) / np.exp(x).sum(axis=0)
    expected = np.eye(4)[:, :, None] * p[:, None, :] - p[:, None, :] * p[None, :, :]
    for mode in ("forward", "reverse"):
        assert_close(framework, batched_jacobian(f, framework, x, mode=mode), expected)  # type: ignore[arg-type]


def test_mixing_of_the_first_and_last_element_alone_is_caught(backend: Backend) -> None:
    def f(x: Any) -> Any:
        xp = array_namespace(x)
        others = xp.zeros_like(x[:, 1:])
        return x**2 + xp.concat([x[:, -1:], others], axis=1)

    for mode in ("forward", "reverse"):
        for chunk_size in (None, 1, 2):
            with pytest.raises(BatchMixingError):
                batched_jacobian(f, backend, numbers(2, 5), mode=mode, chunk_size=chunk_size)  # type: ignore[arg-type]
