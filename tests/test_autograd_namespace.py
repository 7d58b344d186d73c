"""The array namespace for autograd: each name is right in both modes, or missing.

The reference is NumPy alone: central differences of fourth order of the same function over NumPy's namespace.
Complex numbers are pairs of real ones here, so that functions which are not holomorphic are held to the same.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import array_api_compat.numpy as xnp
import numpy as np
import pytest

import adhelpers

pytest.importorskip("autograd")
import autograd.numpy as anp
from autograd.tracer import isbox

from adhelpers_plugins.autograd import linalg, namespace
from adhelpers_plugins.autograd.backend import AutogradBackend

STEP = 1e-3

STRICT = AutogradBackend(fallback=False)
"""Each name needs both rules of its own, so that none hides behind the other."""

NO_FORWARD_RULE = ("linalg.det", "linalg.inv", "linalg.solve")


def real(*shape: int, seed: int = 0, low: float = -0.9, high: float = 0.9) -> np.ndarray:
    return np.random.default_rng(seed).uniform(low, high, shape)


def positive(*shape: int, seed: int = 0) -> np.ndarray:
    return real(*shape, seed=seed, low=0.4, high=2.0)


def above_one(*shape: int, seed: int = 0) -> np.ndarray:
    return real(*shape, seed=seed, low=1.2, high=3.0)


def complexes(*shape: int, seed: int = 0) -> np.ndarray:
    """All four quadrants, none near a branch cut."""
    random = np.random.default_rng(seed)
    quadrant = random.permutation(np.arange(np.prod(shape)) % 4).reshape(shape)
    angle = random.uniform(0.2, 1.3, shape) + np.pi / 2 * quadrant
    return random.uniform(0.3, 1.8, shape) * np.exp(1j * angle)


def spread(*shape: int) -> np.ndarray:
    """Distinct numbers, far apart: no ties."""
    size = int(np.prod(shape))
    return np.random.default_rng(0).permutation(np.linspace(-1.0, 1.0, size)).reshape(shape)


def matrices(*shape: int, seed: int = 0) -> np.ndarray:
    """Well-conditioned."""
    return real(*shape, seed=seed) + 3.0 * np.eye(shape[-1])


@dataclass(frozen=True)
class Case:
    """One use of a name: ``f(xp, *arrays)``."""

    name: str
    f: Callable[..., Any]
    arrays: tuple[np.ndarray, ...]

    def over(self, x: tuple[Any, ...]) -> Any:
        return self.f(adhelpers.array_namespace(*x), *x)


def case(name: str, f: Callable[..., Any], *arrays: np.ndarray) -> Any:
    shapes = ",".join("x".join(map(str, a.shape)) + ("c" if np.iscomplexobj(a) else "") for a in arrays)
    return pytest.param(Case(name, f, tuple(map(np.asarray, arrays))), id=f"{name}-{shapes}")


def elementwise(name: str, *arrays: np.ndarray) -> Any:
    return case(name, lambda xp, *x: getattr(xp, name)(*x), *arrays)


TRIGONOMETRIC = ("asin", "acos", "atan", "asinh", "atanh", "sin", "cos", "tan", "sinh", "cosh", "tanh")
COMPARISONS = ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal")
MASK = np.array([[True, False, True], [False, False, True]])

CASES = [
    # Elementwise, of one argument.
    *(
        elementwise(name, x)
        for name in (*TRIGONOMETRIC, "exp", "expm1", "log1p", "square", "negative", "conj", "real", "imag")
        for x in (real(2, 3), complexes(8) / 2, real())
    ),
    *(
        elementwise(name, x)
        for name in ("log", "log2", "log10", "sqrt", "reciprocal")
        for x in (positive(2, 3), complexes(8), positive())
    ),
    *(elementwise("acosh", x) for x in (above_one(2, 3), complexes(8))),
    *(elementwise("abs", x) for x in (spread(2, 4), complexes(8))),
    # Elementwise, of two.
    *(
        elementwise(name, x, y)
        for name in ("add", "subtract", "multiply", "divide")
        for x, y in (
            (real(2, 3), positive(3, seed=1)),
            (real(1), positive(2, 3, seed=1)),
            (real(), complexes(4, seed=1)),
            (complexes(4), positive(3, 1, seed=1)),
            (complexes(2, 2), complexes(2, seed=1)),
        )
    ),
    *(
        elementwise(name, x, y)
        for name in ("atan2", "logaddexp", "maximum", "minimum")
        for x, y in ((real(2, 3), real(2, 3, seed=1)), (real(3), real(2, 1, seed=1)), (real(), real(2, seed=1)))
    ),
    *(
        elementwise("pow", x, y)
        for x, y in (
            (positive(2, 3), real(3, seed=1)),
            (positive(), real(2, seed=1)),
            (complexes(4), complexes(4, seed=1)),
            (complexes(4), real(seed=1)),
            (positive(3), complexes(3, seed=1)),
        )
    ),
    case("pow", lambda xp, x: xp.pow(x, 3), real(4)),
    case("pow", lambda xp, x: xp.pow(x, np.array([0.0, 1.0, 2.0, -1.0])), real(4)),
    case("pow", lambda xp, x: xp.pow(2.0, x), real(4)),
    case("maximum", lambda xp, x: xp.maximum(x, 0.1) + xp.minimum(0.2, x), spread(5)),
    # Reductions.
    *(
        case(name, lambda xp, x, name=name, options=options: getattr(xp, name)(x, **options), x)
        for name in ("sum", "mean", "max", "min")
        for x, all_options in (
            (spread(2, 3), ({}, {"axis": 0}, {"axis": -1, "keepdims": True}, {"keepdims": True}, {"axis": (0, 1)})),
            (spread(2, 3, 4), ({"axis": (0, 2)}, {"axis": (-1, 0)}, {"axis": (-2, -1)}, {"axis": (2, 0)})),
            (spread(2, 3, 4), ({"axis": (-1, -3), "keepdims": True}, {"axis": -2}, {"axis": 1})),
            (spread(2, 3, 2), ({"axis": (-3, 1)}, {"axis": (-3, -2)}, {"axis": ()}, {"axis": np.int64(-2)})),
            (spread(), ({},)),
        )
        for options in all_options
    ),
    *(
        case(name, lambda xp, x, name=name, axis=axis: getattr(xp, name)(x, axis=axis), complexes(2, 4))
        for name in ("sum", "mean")
        for axis in (None, 0, (0, 1), -1)
    ),
    case("sum", lambda xp, x: xp.sum(x, axis=1, dtype=xp.float64), real(2, 3)),
    case("sum", lambda xp, x: 1j * xp.sum(x, axis=1, dtype=xp.complex128), real(2, 3)),
    case("cumulative_sum", lambda xp, x: xp.cumulative_sum(x), real(4)),
    *(
        case(
            "cumulative_sum",
            lambda xp, x, axis=axis, start=start: xp.cumulative_sum(x, axis=axis, include_initial=start),
            x,
        )
        for axis in (0, 1, -1, -2)
        for start in (False, True)
        for x in (real(2, 3), complexes(4, 2))
    ),
    case("cumulative_sum", lambda xp, x: xp.cumulative_sum(x, axis=0, dtype=xp.complex128), real(3, 2)),
    # Shapes.
    case("astype", lambda xp, x: 1j * xp.astype(x, xp.complex128), real(3)),
    case("astype", lambda xp, x: xp.astype(x, xp.float64, copy=False), real(3)),
    case("asarray", lambda xp, x: xp.asarray(x), real(3)),
    case("asarray", lambda xp, x: xp.asarray([x[0], 2.0, x[1] * x[0]]), real(3)),
    case("asarray", lambda xp, x: xp.asarray([[x[0], 2.0], [x[2], x[0]]], dtype=xp.complex128) * 1j, real(3)),
    *(
        case("broadcast_to", lambda xp, x, shape=shape: xp.broadcast_to(x, shape), x)
        for x, shape in (
            (real(3), (2, 3)),
            (real(2, 1), (4, 2, 3)),
            (real(), (2, 2)),
            (real(1), (1,)),
            (complexes(1, 4), (3, 4)),
        )
    ),
    case("clip", lambda xp, x: xp.clip(x, -0.31, 0.52), spread(9)),
    case("clip", lambda xp, x: xp.clip(x, min=-0.31), spread(9)),
    case("clip", lambda xp, x: xp.clip(x, max=0.52), spread(9)),
    case("clip", lambda xp, x: xp.clip(x), spread(9)),
    case("clip", lambda xp, x, low: xp.clip(x, low, 0.7), spread(4, 2), real(2, seed=3)),
    *(
        case("concat", lambda xp, x, y, axis=axis: xp.concat([x, y, 2.0 * x], axis=axis), x, y)
        for axis, x, y in (
            (0, real(2, 3), real(1, 3, seed=1)),
            (-1, real(2, 3), real(2, 1, seed=1)),
            (-2, real(2, 3), real(1, 3, seed=1)),
            (None, real(2, 3), real(4, 1, seed=1)),
            (1, real(2, 2), complexes(2, 2, seed=1)),
        )
    ),
    case("expand_dims", lambda xp, x: xp.expand_dims(x, axis=1), real(2, 3)),
    case("expand_dims", lambda xp, x: xp.expand_dims(x, axis=-1), real(2, 3)),
    *(
        case("flip", lambda xp, x, axis=axis: xp.flip(x, axis=axis), real(2, 3, 4))
        for axis in (None, 0, -1, (0, -1), (1,), ())
    ),
    case("matrix_transpose", lambda xp, x: xp.matrix_transpose(x), real(2, 3, 4)),
    case("moveaxis", lambda xp, x: xp.moveaxis(x, 0, -1), real(2, 3, 4)),
    case("moveaxis", lambda xp, x: xp.moveaxis(x, (0, -1), (1, 0)), real(2, 3, 4)),
    *(
        case("permute_dims", lambda xp, x, axes=axes: xp.permute_dims(x, axes), real(*shape))
        for axes, shape in (
            ((1, 0), (2, 3)),
            ((2, 0, 1), (2, 3, 4)),
            ((-1, 0, 1), (2, 3, 4)),
            ((-1, 0, 1), (2, 2, 2)),
        )
    ),
    case("reshape", lambda xp, x: xp.reshape(x, (3, -1)), real(2, 3)),
    case("reshape", lambda xp, x: xp.reshape(x, shape=(6,)), real(2, 3)),
    case("reshape", lambda xp, x: xp.reshape(x, (3, 2), copy=True), real(2, 3)),
    *(
        case("roll", lambda xp, x, shift=shift, axis=axis: xp.roll(x, shift, axis=axis), real(2, 3))
        for shift, axis in ((1, None), (-2, 1), (1, -2), ((1, 2), (0, -1)), (1, (0, 1)))
    ),
    case("squeeze", lambda xp, x: xp.squeeze(x, axis=1), real(2, 1, 3, 1)),
    case("squeeze", lambda xp, x: xp.squeeze(x, axis=(1, -1)), real(2, 1, 3, 1)),
    *(
        case("stack", lambda xp, x, y, axis=axis: xp.stack([x, y, x * y], axis=axis), real(2, 3), real(2, 3, seed=1))
        for axis in (0, 1, -1)
    ),
    case("stack", lambda xp, x, y: xp.stack([x, y]), real(2), complexes(2)),
    *(
        case("take", lambda xp, x, axis=axis: xp.take(x, np.array([2, 0, 2, -1]), axis=axis), real(3, 3))
        for axis in (0, 1, -1, -2)
    ),
    case("take", lambda xp, x: xp.take(x, np.array([[1, 1], [0, 2]]), axis=0), real(3, 2)),
    case("take", lambda xp, x: xp.take(x, np.array([1, 1, 0])), complexes(4)),
    *(
        case(name, lambda xp, x, name=name, k=k: getattr(xp, name)(x, k=k), real(2, 3, 3))
        for name in ("tril", "triu")
        for k in (-1, 0, 1)
    ),
    case("where", lambda xp, x, y: xp.where(MASK, x, y), real(2, 3), real(2, 3, seed=1)),
    case("where", lambda xp, x: xp.where(MASK, x, 0.5), real(2, 3)),
    case("where", lambda xp, x: xp.where(MASK, 0.5, x), real(2, 3)),
    case("where", lambda xp, x: xp.where(x > 0.0, x**2, x), spread(6)),
    case("where", lambda xp, x, y: xp.where(MASK, x, y), real(), real(3, seed=1)),
    case("where", lambda xp, x, y: xp.where(MASK[0], x, y), real(3), real(2, 3, seed=1)),
    case("where", lambda xp, x, y: xp.where(MASK, x, y), real(2, 3), complexes(2, 1, seed=1)),
    case("full_like", lambda xp, x: x * xp.full_like(x, x[0]), real(3)),
    case("full", lambda xp, x: x * xp.full((3,), x[0]), real(3)),
    case("full_like", lambda xp, x: xp.full_like(x, x[0] ** 2, dtype=xp.complex128) * 1j, real(3)),
    case("full", lambda xp, x: xp.full(2, x[1], dtype=xp.complex128) * 1j, real(3)),
    *(elementwise("sign", x) for x in (spread(4), complexes(8))),
    # Products.
    *(
        elementwise("matmul", x, y)
        for x, y in (
            (real(2, 3), real(3, 4, seed=1)),
            (real(3), real(3, 4, seed=1)),
            (real(2, 3), real(3, seed=1)),
            (real(3), real(3, seed=1)),
            (real(4, 2, 3), real(3, seed=1)),
            (real(3), real(2, 3, 2, seed=1)),
            (real(2, 1, 2, 3), real(4, 3, 1, seed=1)),
            (complexes(2, 2), real(2, 2, seed=1)),
            (complexes(4), complexes(4, seed=1)),
        )
    ),
    *(
        case("tensordot", lambda xp, x, y, axes=axes: xp.tensordot(x, y, axes=axes), x, y)
        for axes, x, y in (
            (0, real(2), real(2, 2, seed=1)),
            (1, real(2, 3), real(3, 2, seed=1)),
            (2, real(2, 2, 3), real(2, 3, 2, seed=1)),
            (((0, 2), (1, 0)), real(2, 2, 3), real(3, 2, 2, seed=1)),
            (((-1, 0), (0, -1)), real(2, 2, 3), real(3, 2, 2, seed=1)),
            (((1,), (1,)), complexes(2, 2), real(3, 2, seed=1)),
        )
    ),
    *(
        case("vecdot", lambda xp, x, y, axis=axis: xp.vecdot(x, y, axis=axis), x, y)
        for axis, x, y in (
            (-1, real(2, 3), real(2, 3, seed=1)),
            (-1, real(3), real(2, 3, seed=1)),
            (-2, real(2, 3), real(2, 3, seed=1)),
            (-1, complexes(2, 2), complexes(2, seed=1)),
        )
    ),
    # linalg.
    *(
        case("linalg.matmul", lambda xp, x, y: xp.linalg.matmul(x, y), x, y)
        for x, y in ((real(2, 3), real(3, seed=1)), (real(2, 2, 3), real(3, 2, seed=1)))
    ),
    case("linalg.tensordot", lambda xp, x, y: xp.linalg.tensordot(x, y, axes=1), real(2, 3), real(3, seed=1)),
    case("linalg.vecdot", lambda xp, x, y: xp.linalg.vecdot(x, y), real(2, 3), real(3, seed=1)),
    case("linalg.matrix_transpose", lambda xp, x: xp.linalg.matrix_transpose(x), real(2, 3)),
    *(
        case("linalg.outer", lambda xp, x, y: xp.linalg.outer(x, y), x, y)
        for x, y in ((real(2), real(3, seed=1)), (complexes(2), real(2, seed=1)), (complexes(2), complexes(2, seed=1)))
    ),
    *(
        case(f"linalg.{name}", lambda xp, x, name=name: getattr(xp.linalg, name)(x), x)
        for name in ("det", "inv")
        for x in (matrices(3, 3), matrices(2, 3, 3), matrices(2, 2, 2, 2), matrices(2, 2) + 1j * real(2, 2, seed=1))
    ),
    *(
        case("linalg.solve", lambda xp, a, b: xp.linalg.solve(a, b), a, b)
        for a, b in (
            (matrices(3, 3), real(3, seed=1)),
            (matrices(3, 3), real(3, 2, seed=1)),
            (matrices(2, 3, 3), real(2, 3, 1, seed=1)),
            (matrices(3, 3, 3), real(3, seed=1)),
            (matrices(2, 3, 3), real(3, 2, seed=1)),
            (matrices(3, 3, 3), real(3, 3, seed=1)),
            (matrices(3, 3), real(2, 3, 2, seed=1)),
            (matrices(2, 1, 2, 2), real(3, 2, 2, seed=1)),
            (matrices(2, 2) + 1j * real(2, 2, seed=2), real(2, seed=1)),
            (matrices(2, 2), complexes(2, 2, seed=1)),
        )
    ),
]


def as_real(z: np.ndarray) -> np.ndarray:
    """Real and imaginary parts in one row; a complex number is a pair of coordinates."""
    flat = np.ravel(z)
    return np.concatenate([flat.real, flat.imag]) if np.iscomplexobj(flat) else flat


def as_dual(u: np.ndarray) -> np.ndarray:
    """The row whose product with `as_real` of a number is the pairing Re(sum(u * number))."""
    return as_real(np.conj(u))


def tuple_as_real(x: tuple[np.ndarray, ...], view: Callable[[np.ndarray], np.ndarray] = as_real) -> np.ndarray:
    return np.concatenate([view(leaf) for leaf in x])


def directions(x: tuple[np.ndarray, ...]) -> list[tuple[np.ndarray, ...]]:
    """The unit vectors of the coordinates of `tuple_as_real`."""
    found = []
    for i, leaf in enumerate(x):
        for unit in (1.0, 1.0j) if np.iscomplexobj(leaf) else (1.0,):
            for k in range(leaf.size):
                moved = [np.zeros_like(other) for other in x]
                moved[i].reshape(-1)[k] = unit
                found.append(tuple(moved))
    return found


def jacobian(f: Callable[[tuple[np.ndarray, ...]], np.ndarray], x: tuple[np.ndarray, ...]) -> np.ndarray:
    """Of the real coordinates, by central differences of fourth order."""

    def at(k: int, direction: tuple[np.ndarray, ...]) -> np.ndarray:
        return as_real(f(tuple(leaf + k * STEP * d for leaf, d in zip(x, direction, strict=True))))

    return np.stack(
        [(8 * (at(1, d) - at(-1, d)) - (at(2, d) - at(-2, d))) / (12 * STEP) for d in directions(x)], axis=1
    )


def random_like(x: Any, seed: int) -> np.ndarray:
    parts = np.random.default_rng(seed).standard_normal((2, *np.shape(x)))
    return np.asarray(parts[0] + 1j * parts[1] if np.iscomplexobj(x) else parts[0], dtype=np.asarray(x).dtype)


def close(actual: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(actual, expected, rtol=2e-8, atol=2e-9 * max(1.0, np.abs(expected).max(initial=0.0)))


def check(f: Callable[[tuple[Any, ...]], Any], x: tuple[np.ndarray, ...], forward: AutogradBackend = STRICT) -> None:
    """Value, JVP and VJP against differences, dtypes and shapes included."""
    reference = jacobian(f, x)
    y = np.asarray(f(x))
    t, u = tuple(random_like(leaf, 5) for leaf in x), random_like(y, 6)
    value, pushed = adhelpers.value_and_jacobian_vector_product(f, forward, x, t)
    same, pulled = adhelpers.value_and_vector_jacobian_product(f, STRICT, x, u)
    np.testing.assert_allclose(value, y, rtol=1e-14)
    np.testing.assert_array_equal(same, value)
    for result, partner in zip((pushed, *pulled), (y, *x), strict=True):
        assert type(result) is np.ndarray
        assert (result.shape, result.dtype) == (partner.shape, partner.dtype)
    close(as_real(pushed), reference @ tuple_as_real(t))
    close(tuple_as_real(pulled, as_dual), as_dual(u) @ reference)


@pytest.mark.parametrize("use", CASES)
def test_value_and_both_products(use):
    check(use.over, use.arrays, AutogradBackend(fallback=use.name in NO_FORWARD_RULE))


@pytest.mark.parametrize("use", CASES)
def test_reverse_over_reverse(use):
    """The gradient of one number made from a VJP, against differences of that VJP."""
    u = random_like(use.over(use.arrays), 6)
    weights = tuple(random_like(leaf, 7) for leaf in use.arrays)

    def paired(x: tuple[Any, ...]) -> Any:
        pulled = adhelpers.vector_jacobian_product(use.over, STRICT, x, u)
        return sum(anp.sum(anp.real(w * v)) for w, v in zip(weights, pulled, strict=True))

    pulled = adhelpers.vector_jacobian_product(paired, STRICT, use.arrays, np.float64(1.0))
    close(tuple_as_real(pulled, as_dual), jacobian(paired, use.arrays)[0])


@pytest.mark.parametrize("use", CASES)
def test_single_precision_stays_single(use):
    def single(x: Any) -> np.ndarray:
        return np.asarray(x, dtype=np.complex64 if np.iscomplexobj(x) else np.float32)

    x = tuple(map(single, use.arrays))
    y = np.asarray(use.over(x))
    wide = np.dtype(np.complex128 if np.iscomplexobj(y) else np.float64)
    t, u = tuple(random_like(leaf, 5) for leaf in x), random_like(y, 6)
    value, pushed = adhelpers.value_and_jacobian_vector_product(use.over, "autograd", x, t)
    pulled = adhelpers.vector_jacobian_product(use.over, "autograd", x, u)
    assert value.dtype == y.dtype
    for result, partner in zip((pushed, *pulled), (y, *x), strict=True):
        assert (result.shape, result.dtype) == (partner.shape, partner.dtype)
    t = tuple(leaf.astype(a.dtype) for leaf, a in zip(t, use.arrays, strict=True))
    expected = adhelpers.jacobian_vector_product(use.over, "autograd", use.arrays, t)
    np.testing.assert_allclose(pushed, expected, rtol=1e-4, atol=1e-4 * max(1.0, np.abs(expected).max()))
    expected = adhelpers.vector_jacobian_product(use.over, "autograd", use.arrays, u.astype(wide))
    for v, e in zip(pulled, expected, strict=True):
        np.testing.assert_allclose(v, e, rtol=1e-4, atol=1e-4 * max(1.0, np.abs(e).max()))


EMPTY = {
    "sum": lambda xp, x: xp.sum(x, axis=0),
    "cumulative_sum": lambda xp, x: xp.cumulative_sum(x, axis=0, include_initial=True),
    "max": lambda xp, x: xp.max(x, axis=1),
    "broadcast_to": lambda xp, x: xp.broadcast_to(xp.sum(x), (2, 0)),
    "broadcast_to a row": lambda xp, x: xp.broadcast_to(xp.reshape(xp.sum(x, axis=0), (3, 1)), (3, 0)),
    "concat": lambda xp, x: xp.concat([x, x, xp.ones((1, 3))]),
    "stack": lambda xp, x: xp.stack([x, x], axis=-1),
    "where": lambda xp, x: xp.where(x > 0, x, xp.sum(x)),
    "matmul": lambda xp, x: xp.matrix_transpose(x) @ x,
    "solve": lambda xp, x: xp.linalg.solve(xp.eye(3), xp.matrix_transpose(x)),
    "take": lambda xp, x: xp.take(x, np.array([0, 0]), axis=1),
    "flip": lambda xp, x: xp.flip(x),
    "roll": lambda xp, x: xp.roll(x, 1, axis=0),
    "elementwise": lambda xp, x: xp.clip(xp.exp(x) / (1.0 + x) - xp.abs(x), -1.0, 1.0) * xp.ones((1, 3)),
}


@pytest.mark.parametrize("name", EMPTY)
def test_arrays_without_elements(name):
    def f(x: Any) -> Any:
        return EMPTY[name](adhelpers.array_namespace(x), x)

    x = np.zeros((0, 3))
    y = f(x)
    pushed = adhelpers.jacobian_vector_product(f, "autograd", x, x)
    assert (pushed.shape, pushed.any()) == (y.shape, False)
    assert adhelpers.vector_jacobian_product(f, "autograd", x, np.ones_like(y)).shape == x.shape


def test_broadcasting_keeps_infinities_and_signs_of_zero():
    x = np.array([complex(np.inf, 1.0), complex(-1.0, -0.0), complex(-0.0, np.nan)])
    y, _ = adhelpers.value_and_jacobian_vector_product(lambda x: namespace.broadcast_to(x, (2, 3)), "autograd", x, x)
    assert y.tobytes() == np.stack([x, x]).tobytes()


# -- conversions ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", [adhelpers.jacobian_vector_product, adhelpers.vector_jacobian_product])
def test_round_trip_through_single_precision(operation):
    def there_and_back(x: Any) -> Any:
        xp = adhelpers.array_namespace(x)
        return xp.astype(xp.astype(xp.sin(x), xp.float32), xp.float64)

    x, u = real(4), real(4, seed=1)
    result = operation(there_and_back, "autograd", x, u)
    assert result.dtype == np.float64
    np.testing.assert_allclose(result, np.cos(x) * u, rtol=1e-6)


@pytest.mark.parametrize("operation", [adhelpers.jacobian_vector_product, adhelpers.vector_jacobian_product])
def test_derivatives_are_rounded_where_values_are(operation):
    """Through half precision few digits survive, of values and derivatives alike; but they survive."""
    x, u = real(4), real(4, seed=1)
    result = operation(lambda x: namespace.astype(namespace.astype(x, np.float16), np.float64), "autograd", x, u)
    np.testing.assert_array_equal(result, u.astype(np.float16).astype(np.float64))


def test_imaginary_parts_do_not_leak_through_real_intermediates():
    """A real intermediate has a real cotangent, even where it is joined to complex numbers."""

    def chain(x: tuple[Any]) -> Any:
        xp = adhelpers.array_namespace(*x)
        modulus, part = xp.abs(x[0]), xp.real(x[0])
        joined = xp.concat([modulus[1:], xp.exp(1j * x[0]), part[:1], modulus, 1j * xp.imag(x[0]), part, part])
        return joined * xp.where(joined == 0, 1.0, xp.stack([joined, 2.0 * joined])[1])

    check(chain, (complexes(4),))


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.bool_, np.uint8])
def test_astype_to_a_discrete_dtype_is_a_constant(dtype):
    def f(x: Any) -> Any:
        xp = adhelpers.array_namespace(x)
        return x * xp.astype(xp.astype(3.0 * x, dtype), xp.float64)

    x = np.array([0.1, 0.7, 1.4])
    np.testing.assert_array_equal(
        adhelpers.jacobian_vector_product(f, "autograd", x, np.ones(3)), (3.0 * x).astype(dtype).astype(float)
    )


# -- kinks ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda x: namespace.abs(x), [0.0, 1.0, 1.0]),
        (lambda x: namespace.clip(x, 0.0, 1.0), [0.5, 0.5, 0.5]),
        (lambda x: namespace.max(x) * namespace.ones_like(x), [0.0, 0.5, 0.5]),
        (lambda x: namespace.maximum(x, 1.0), [0.0, 0.5, 0.5]),
    ],
)
def test_where_there_is_no_derivative_autograds_choice_stands(f, expected):
    x, ones = np.array([0.0, 1.0, 1.0]), np.ones(3)
    rows = np.stack([adhelpers.jacobian_vector_product(f, STRICT, x, t) for t in np.eye(3)], axis=1)
    slope = np.diag(rows) if rows[0, 1] == 0 else rows[0]
    np.testing.assert_array_equal(slope, expected)
    np.testing.assert_array_equal(adhelpers.vector_jacobian_product(f, STRICT, x, ones), ones @ rows)


# -- names without a derivative -------------------------------------------------------------------------

X = np.array([[0.5, -1.5, np.inf], [2.5, 0.0, -0.7]])
Y = np.array([[0.5, 1.0, 2.0], [-2.5, 0.0, np.nan]])

CONSTANTS = {
    **{name: ((X,), [{}]) for name in ("ceil", "floor", "round", "trunc", "isfinite", "isinf", "isnan", "logical_not")},
    **{name: ((Y,), [{}]) for name in ("isnan", "zeros_like", "ones_like")},
    **{name: ((X,), [{}, {"axis": 0}, {"axis": -1, "keepdims": True}]) for name in ("argmax", "argmin", "all", "any")},
    **{name: ((X, Y), [{}]) for name in (*COMPARISONS, "logical_and", "logical_or", "logical_xor", "result_type")},
}


def values_in_trace(f: Callable[..., Any], *arrays: np.ndarray) -> Any:
    """What `f` returns when it is given boxes."""
    seen = []

    def traced(x: tuple[Any, ...]) -> Any:
        assert all(map(isbox, x))
        seen.append(f(*x))
        return x[0]

    adhelpers.vector_jacobian_product(traced, "autograd", arrays, arrays[0])
    return seen[0]


@pytest.mark.parametrize("name", CONSTANTS)
def test_names_without_a_derivative_return_what_numpy_returns(name):
    arrays, all_options = CONSTANTS[name]
    for options in all_options:
        result = values_in_trace(lambda *x, options=options: getattr(namespace, name)(*x, **options), *arrays)
        expected = getattr(xnp, name)(*arrays, **options)
        assert not isbox(result)
        assert type(result) is type(expected)
        np.testing.assert_equal(result, expected)


def test_names_without_a_derivative_stop_it():
    def f(x: Any) -> Any:
        return x * (namespace.floor(x) + namespace.sign(x) + namespace.argmax(x) + namespace.ones_like(x))

    x = np.array([0.5, -1.5, 2.5])
    np.testing.assert_array_equal(
        adhelpers.jacobian_vector_product(f, "autograd", x, np.ones(3)), np.floor(x) + np.sign(x) + 2.0 + 1.0
    )


# -- the list of names ----------------------------------------------------------------------------------

# Dtypes, numbers, and what is made from shapes and dtypes alone: array_api_compat's own.
NOT_OF_ARRAYS = {name for name in vars(xnp) if vars(namespace).get(name) is vars(xnp)[name]}


def names_of(module: ModuleType) -> set[str]:
    """What is meant to be called through the module."""
    private = {"Any", "annotations", "linalg", "anp", "np"}
    return {name for name in vars(module) if not name.startswith("_")} - private


def test_every_name_is_tested():
    tested = {param.values[0].name for param in CASES} | set(CONSTANTS)
    assert names_of(namespace) - NOT_OF_ARRAYS == {name for name in tested if "." not in name}
    assert names_of(linalg) - {"broadcast_to"} == {
        name.removeprefix("linalg.") for name in tested if name.startswith("linalg.")
    }


def test_every_name_stands_in_the_standard():
    assert {name for name in names_of(namespace) if not hasattr(xnp, name)} == set()
    assert {name for name in names_of(linalg) - {"broadcast_to"} if not hasattr(xnp.linalg, name)} == set()


@pytest.mark.parametrize(("module", "name"), [(namespace, "sort"), (namespace, "prod"), (linalg, "qr")])
def test_a_missing_name_says_what_to_do(module, name):
    path = name if module is namespace else f"linalg.{name}"
    with pytest.raises(AttributeError, match=rf"{path}.*autograd\.numpy\.{path}"):
        getattr(module, name)
    assert not hasattr(module, name)


# -- loud where it cannot be right ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "f",
    [
        lambda x: namespace.linspace(x[0], x[1], 5),
        lambda x: namespace.arange(x[0], x[1], 0.1),
        lambda x: namespace.flip(x, axis=1),
        lambda x: namespace.take(x, np.array([0]), axis=1),
        lambda x: namespace.max(x, axis=1),
        lambda x: namespace.permute_dims(x, (0, 0)),
        lambda x: namespace.permute_dims(x, (1,)),
        lambda x: namespace.cumulative_sum(namespace.reshape(x, (3, 1))),
        lambda x: namespace.take(namespace.reshape(x, (3, 1)), np.array([0])),
    ],
)
@pytest.mark.parametrize("operation", [adhelpers.jacobian_vector_product, adhelpers.vector_jacobian_product])
def test_bad_calls_raise(f, operation):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises((TypeError, ValueError, IndexError)):
            operation(f, "autograd", real(3), real(3))
