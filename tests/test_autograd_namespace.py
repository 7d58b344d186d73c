"""The array namespace for autograd: each name is right in both modes, or missing.

The reference is NumPy alone: central differences of fourth order of the same function over NumPy's namespace.
Complex numbers are pairs of real ones here, so that functions which are not holomorphic are held to the same.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import array_api_compat.numpy as xnp
import numpy as np
import pytest

import adhelpers

pytest.importorskip("autograd")
import autograd.numpy as anp
from autograd.core import make_vjp
from autograd.tracer import isbox

from adhelpers_plugins.autograd import namespace
from adhelpers_plugins.autograd.backend import AutogradBackend

STEP = 1e-3

STRICT = AutogradBackend(fallback=False)
"""Each name needs both rules of its own, so that none hides behind the other."""


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
    case("where", lambda xp, x, y: xp.where(MASK[0], x, y), real(2, 3), real(3, seed=1)),
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
    # Elementwise, where autograd has no rule or a wrong one.
    *(
        elementwise(name, x, y)
        for name in ("hypot", "copysign", "nextafter")
        for x, y in (
            (spread(2, 4), real(2, 4, seed=1)),
            (spread(4), spread(2, 1)),
            (real(), spread(2)),
            (spread(4), real()),
        )
    ),
    case("hypot", lambda xp, x: xp.hypot(x, 0.5), spread(4)),
    case("copysign", lambda xp, x: xp.copysign(x, np.array([0.0, -0.0, 0.0, -0.0])), spread(4)),
    case("copysign", lambda xp, x: xp.copysign(np.array([1.0, -2.0, 0.0]), x[:3]) * x[1], spread(4)),
    *(
        elementwise("remainder", x, y)
        for x, y in (
            (spread(2, 4), positive(2, 4, seed=1)),
            (spread(4), -positive(2, 1, seed=1)),
            (real(), positive(2)),
            (positive(3) + 5.0, real(seed=3)),
        )
    ),
    case("remainder", lambda xp, x: x % 0.3 + 2.0 % x, np.array([0.17, -0.71, 1.3, -2.2])),
    *(elementwise("positive", x) for x in (real(2, 3), complexes(4), real())),
    # Products and spread.
    *(
        case(name, lambda xp, x, name=name, options=options: getattr(xp, name)(x, **options), x)
        for name in ("prod", "var", "std")
        for x, all_options in (
            (spread(2, 3), ({}, {"axis": 0}, {"axis": -1, "keepdims": True}, {"keepdims": True}, {"axis": (0, 1)})),
            (spread(2, 3, 4), ({"axis": (0, 2)}, {"axis": (-1, 0)}, {"axis": (-2, -1)}, {"axis": (2, 0)})),
            (spread(2, 3, 4), ({"axis": (-1, -3), "keepdims": True}, {"axis": -2}, {"axis": 1}, {"axis": (1,)})),
            (complexes(2, 4), ({}, {"axis": 1}, {"axis": (1, 0), "keepdims": True})),
        )
        for options in all_options
    ),
    case("prod", lambda xp, x: xp.prod(x), real()),
    case("prod", lambda xp, x: xp.prod(x, axis=()), real(3)),
    *(
        case(name, lambda xp, x, name=name, axis=axis: getattr(xp, name)(x, axis=axis), x)
        for name in ("prod", "cumulative_prod")
        for x in (
            np.array([[0.5, 0.0, 2.0, -1.5, 3.0], [0.0, 1.5, -0.5, 0.0, 2.0], [0.0, 0.0, 0.0, 1.0, 2.0]]),
            np.array([[0.0, 0.0, 1.0 + 2.0j], [1.0j, 0.0, 2.0 - 1.0j]]),
            np.zeros((2, 3)),
            np.zeros((1, 1)),
        )
        for axis in (0, -1)
    ),
    case("prod", lambda xp, x: xp.prod(x, axis=1, dtype=xp.float64), real(2, 3)),
    case("prod", lambda xp, x: 1j * xp.prod(x, axis=0, dtype=xp.complex128), real(2, 3)),
    *(
        case(name, lambda xp, x, name=name, options=options: getattr(xp, name)(x, **options), x)
        for name in ("var", "std")
        for x in (spread(3, 4), complexes(3, 4))
        for options in (
            {"correction": 1},
            {"correction": 1.0, "axis": 0},
            {"correction": 0.5, "axis": -1, "keepdims": True},
            {"correction": 2, "axis": (0, -1)},
        )
    ),
    case("var", lambda xp, x: xp.var(x, axis=0), real(1, 3)),
    case("std", lambda xp, x: xp.std(x, axis=0), real(1, 3)),
    case("std", lambda xp, x: xp.std(x), real()),
    case("cumulative_prod", lambda xp, x: xp.cumulative_prod(x), real(7)),
    case("cumulative_prod", lambda xp, x: xp.cumulative_prod(x, dtype=xp.complex128), complexes(4)),
    *(
        case(
            "cumulative_prod",
            lambda xp, x, axis=axis, start=start: xp.cumulative_prod(x, axis=axis, include_initial=start),
            x,
        )
        for axis in (0, 1, -1, -2)
        for start in (False, True)
        for x in (real(2, 3), complexes(4, 2))
    ),
    # Elements picked.
    *(
        case("sort", lambda xp, x, options=options: xp.sort(x, **options), x)
        for x, options in (
            (spread(5), {}),
            (spread(3, 4), {}),
            (spread(3, 4), {"axis": 0}),
            (spread(3, 4), {"axis": -2, "descending": True}),
            (spread(2, 3, 4), {"axis": 1, "descending": True, "stable": False}),
            (complexes(4), {}),
        )
    ),
    *(
        case("repeat", lambda xp, x, n=n, axis=axis: xp.repeat(x, n, axis=axis), x)
        for x, n, axis in (
            (real(2, 3), 2, None),
            (real(2, 3), 3, 0),
            (real(2, 3), 2, -1),
            (real(2, 3, 2), 2, -2),
            (real(2, 3), np.array([2, 0, 1]), 1),
            (real(2, 3), np.array([2, 0, 1]), -1),
            (real(1, 3), 4, 0),
            (complexes(4), np.array([0, 1, 2, 3]), None),
            (real(3), 0, 0),
            (real(), 3, None),
        )
    ),
    *(
        case("tile", lambda xp, x, n=n: xp.tile(x, n), x)
        for x, n in (
            (real(3), (2,)),
            (real(2, 3), (2,)),
            (real(2, 3), (2, 3)),
            (real(2, 3), (3, 1)),
            (real(2, 3), (2, 1, 3)),
            (real(2, 3, 2), (1, 2)),
            (complexes(2, 2), (2, 2)),
            (real(2, 3), (0, 2)),
            (real(), (2, 2)),
            (real(3), ()),
        )
    ),
    *(
        case("take_along_axis", lambda xp, x, i=i, axis=axis: xp.take_along_axis(x, i, axis=axis), x)
        for x, i, axis in (
            (real(3, 4), np.array([[0, 1], [2, 2], [-1, 0]]), -1),
            (real(3, 4), np.array([[0, 1, 2, 0]]), 0),
            (real(3, 4), np.array([[0, 1, 2, 0], [1, 1, 1, 1]]), -2),
            (complexes(4), np.array([3, 3, 0]), 0),
            (real(1, 4), np.array([[0], [3]]), 1),
        )
    ),
    case("take_along_axis", lambda xp, x: xp.take_along_axis(x, xp.argsort(x, axis=0), axis=0), spread(3, 4)),
    case("unique_values", lambda xp, x: xp.unique_values(x), spread(2, 3)),
    case("unique_all", lambda xp, x: x[0, 1] * xp.unique_all(x).values, spread(2, 3)),
    case("unique_counts", lambda xp, x: xp.unique_counts(x).values, spread(2, 3)),
    case("unique_inverse", lambda xp, x: xp.unique_inverse(x).values, complexes(4)),
    # Elements arranged.
    *(
        case("diff", lambda xp, x, options=options: xp.diff(x, **options), x)
        for x in (real(4, 5), complexes(4, 2))
        for options in ({}, {"axis": 0}, {"axis": -2, "n": 2}, {"n": 3, "axis": 0}, {"n": 0}, {"n": 9})
    ),
    case("diff", lambda xp, x, y: xp.diff(x, prepend=y), real(2, 3), real(2, 1, seed=1)),
    case("diff", lambda xp, x, y: xp.diff(x, append=y, n=2), real(2, 3), real(2, 2, seed=1)),
    case("diff", lambda xp, x, y: xp.diff(x, axis=0, prepend=y, append=2.0 * y), real(2, 3), real(1, 3, seed=1)),
    case("diff", lambda xp, x: xp.diff(x, axis=0, prepend=np.ones((1, 3)), append=x[:1]), real(2, 3)),
    case("diff", lambda xp, y: xp.diff(np.ones((2, 3)), prepend=y), real(2, 1)),
    case("diff", lambda xp, x: xp.diff(x, append=x[0, 0]), real(2, 3)),
    case("broadcast_arrays", lambda xp, x, y: xp.stack(xp.broadcast_arrays(x, y)), real(2, 1), real(3, seed=1)),
    case("broadcast_arrays", lambda xp, x: xp.broadcast_arrays(x, np.ones((2, 1, 1)))[0], complexes(4)),
    *(
        case("meshgrid", lambda xp, *x, indexing=indexing: xp.stack(xp.meshgrid(*x, indexing=indexing)), *arrays)
        for indexing in ("xy", "ij")
        for arrays in ((real(3),), (real(3), real(2, seed=1)), (real(2), real(3, seed=1), real(2, seed=2)))
    ),
    case("meshgrid", lambda xp, x: xp.meshgrid(x, np.array([1.0, 2.0]))[0], real(3)),
    *(
        case("unstack", lambda xp, x, axis=axis: xp.concat(xp.unstack(x, axis=axis)[1:]), real(2, 3, 2))
        for axis in (0, 1, -1)
    ),
    case("unstack", lambda xp, x: xp.unstack(x)[1], real(3)),
    case("linspace", lambda xp, x: xp.linspace(x[0], x[1], 5), real(2)),
    case("linspace", lambda xp, x: xp.linspace(x[0], 2.0, 4, endpoint=False), real(2)),
    case("linspace", lambda xp, x: 1j * xp.linspace(0.5, x[0], 4, dtype=xp.complex128), real(2)),
    case("linspace", lambda xp, x: xp.linspace(x[0], x[1], 3), complexes(4)),
    # Indexing and operators.
    *(
        case("__getitem__", lambda xp, x, index=index: x[index] * x[0, 0], x)
        for x in (real(2, 3), complexes(2, 4)[:, :3])
        for index in (
            1,
            (-1, 2),
            (Ellipsis, None, 1),
            (slice(None, None, -1), slice(2, 0, -1)),
            (slice(0), 0),
            np.array([1, 1, 0]),
            (np.array([0, 1, 1]), np.array([2, 0, 0])),
            (np.array([[0], [1]]), np.array([2, 2, -1])),
            MASK,
            (slice(None), MASK[0]),
            np.zeros((2, 3), dtype=bool),
        )
    ),
    case("__pow__", lambda xp, x: x**2 - (-x) / 3.0 + 2.0**x - 1.0 / (x + 2.0), real(2, 3)),
    case("__matmul__", lambda xp, x: x @ x + np.ones((2, 2)) @ x - abs(x), spread(2, 2)),
]


# -- the machinery ---------------------------------------------------------------------------------------


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


def check(f: Callable[[tuple[Any, ...]], Any], x: tuple[np.ndarray, ...]) -> None:
    """Value, JVP and VJP against differences, dtypes and shapes included."""
    reference = jacobian(f, x)
    y = np.asarray(f(x))
    t, u = tuple(random_like(leaf, 5) for leaf in x), random_like(y, 6)
    value, pushed = adhelpers.value_and_jacobian_vector_product(f, STRICT, x, t)
    same, pulled = adhelpers.value_and_vector_jacobian_product(f, STRICT, x, u)
    np.testing.assert_allclose(value, y, rtol=1e-13, atol=1e-14)
    np.testing.assert_array_equal(same, value)
    for result, partner in zip((pushed, *pulled), (y, *x), strict=True):
        assert type(result) is np.ndarray
        assert (result.shape, result.dtype) == (partner.shape, partner.dtype)
    close(as_real(pushed), reference @ tuple_as_real(t))
    close(tuple_as_real(pulled, as_dual), as_dual(u) @ reference)


def check_second_order(use: Case) -> None:
    """The derivatives, in both modes, of one number made of a product of either mode, against its differences."""
    x, pairing = use.arrays, np.float64(1.0)
    u = random_like(use.over(x), 6)
    t, direction = (tuple(random_like(leaf, seed) for leaf in x) for seed in (7, 8))

    def from_vjp(x: tuple[Any, ...]) -> Any:
        pulled = adhelpers.vector_jacobian_product(use.over, STRICT, x, u)
        return sum(anp.sum(anp.real(w * v)) for w, v in zip(t, pulled, strict=True))

    def from_jvp(x: tuple[Any, ...]) -> Any:
        return anp.sum(anp.real(u * adhelpers.jacobian_vector_product(use.over, STRICT, x, t)))

    reference = jacobian(from_vjp, x)[0]
    for f in (from_vjp, from_jvp):
        pulled = adhelpers.vector_jacobian_product(f, STRICT, x, pairing)
        close(tuple_as_real(pulled, as_dual), reference)
        pushed = adhelpers.jacobian_vector_product(f, STRICT, x, direction)
        close(as_real(pushed), np.asarray(reference @ tuple_as_real(direction)))


def check_single_precision(use: Case) -> None:
    """Dtypes stay, and the numbers are those of double precision."""

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
    np.testing.assert_allclose(pushed, expected, rtol=1e-4, atol=1e-4 * max(1.0, np.abs(expected).max(initial=0.0)))
    expected = adhelpers.vector_jacobian_product(use.over, "autograd", use.arrays, u.astype(wide))
    for v, e in zip(pulled, expected, strict=True):
        np.testing.assert_allclose(v, e, rtol=1e-4, atol=1e-4 * max(1.0, np.abs(e).max(initial=0.0)))


@pytest.mark.parametrize("use", CASES)
def test_value_and_both_products(use):
    check(use.over, use.arrays)


def check_without_the_tape(use: Case) -> None:
    """What autograd itself pulls back with the namespace: it forgives no complex cotangent of a real array."""
    u = random_like(use.over(use.arrays), 6)
    expected = adhelpers.vector_jacobian_product(use.over, STRICT, use.arrays, u)
    for i, x in enumerate(use.arrays):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Output seems independent of input")
            pull, _ = make_vjp(lambda z, i=i: use.f(namespace, *use.arrays[:i], z, *use.arrays[i + 1 :]), x)
        pulled = np.asarray(pull(u))
        assert (pulled.shape, np.iscomplexobj(pulled)) == (x.shape, np.iscomplexobj(x))
        np.testing.assert_allclose(pulled, expected[i], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("use", CASES)
def test_without_the_tape(use):
    check_without_the_tape(use)


@pytest.mark.parametrize("use", CASES)
def test_second_order(use):
    check_second_order(use)


@pytest.mark.parametrize("use", CASES)
def test_single_precision_stays_single(use):
    check_single_precision(use)


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
    "prod": lambda xp, x: xp.prod(x, axis=0),
    "prod of rows": lambda xp, x: xp.prod(x, axis=(1,)),
    "cumulative_prod": lambda xp, x: xp.cumulative_prod(x, axis=0, include_initial=True),
    "cumulative_prod of rows": lambda xp, x: xp.cumulative_prod(x, axis=1),
    "var": lambda xp, x: xp.var(x, axis=1) + xp.std(x, axis=-1),
    "sort": lambda xp, x: xp.sort(x, axis=0),
    "repeat": lambda xp, x: xp.repeat(x, 2, axis=0),
    "tile": lambda xp, x: xp.tile(x, (2, 2)),
    "diff": lambda xp, x: xp.diff(x, axis=0) + xp.sum(xp.diff(x)),
    "take_along_axis": lambda xp, x: xp.take_along_axis(x, np.zeros((0, 2), dtype=int), axis=1),
    "unique_values": lambda xp, x: xp.unique_values(x),
    "meshgrid": lambda xp, x: xp.meshgrid(x[:, 0], xp.ones(2))[0],
    "broadcast_arrays": lambda xp, x: xp.broadcast_arrays(x, xp.ones((2, 1, 1)))[0],
    "unstack": lambda xp, x: xp.unstack(x, axis=1)[2],
    "a mask": lambda xp, x: x[np.zeros((0, 3), dtype=bool)],
    "fft": lambda xp, x: xp.fft.fft(x) + xp.fft.fft(x, n=2, axis=0)[:0],
    "rfftn": lambda xp, x: xp.fft.rfftn(x, s=(3,), axes=(1,)),
    "norms": lambda xp, x: xp.linalg.vector_norm(x, axis=1) + xp.linalg.vector_norm(x, axis=1, ord=np.inf),
    "no matrices": lambda xp, x: xp.linalg.inv(x[:, :, None] + xp.eye(3)) @ xp.linalg.qr(x[:, :, None]).Q,
    "no factors": lambda xp, x: (
        xp.linalg.svd(x[..., None], full_matrices=False).S[:, 0] + xp.linalg.det(x[..., None, :1])
    ),
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


# -- where autograd's own rules overflow, or lose all digits ------------------------------------------------


@pytest.mark.parametrize(
    ("f", "x", "slopes"),
    [
        (namespace.tanh, 800.0, 0.0),
        (namespace.tanh, -9.0, 4.0 * np.exp(-18.0) / (1.0 + np.exp(-18.0)) ** 2),
        (namespace.tanh, 800.0 + 1.0j, 0.0),
        (namespace.tanh, -20.0 + 1.0j, 4.0 * np.exp(-40.0 + 2.0j)),
        (namespace.tan, 1.0 + 600.0j, 0.0),
        (namespace.tan, 1.0 - 20.0j, 4.0 * np.exp(-40.0 - 2.0j)),
        (namespace.expm1, -40.0, np.exp(-40.0)),
        (namespace.acosh, -2.0 + 1e-9j, -1.0 / np.sqrt(3.0)),
        (lambda x: namespace.atan2(x[0], x[1]), [1e-200, 1e-200], [5e199, -5e199]),
        (lambda x: namespace.hypot(x[0], x[1]), [3e200, 4e200], [0.6, 0.8]),
        (lambda x: namespace.logaddexp(x[0], x[1]), [1e20, 1e20], [0.5, 0.5]),
        (lambda x: namespace.logaddexp(x[0], x[1]), [-800.0, 800.0], [0.0, 1.0]),
        (lambda x: namespace.logaddexp(x[0], x[1]), [-np.inf, 1.0], [0.0, 1.0]),
        (lambda x: namespace.remainder(x[0], x[1]), [1.0, 0.1], [1.0, -9.0]),
        (lambda x: namespace.remainder(x[0], x[1]), [-1.0, 0.1], [1.0, 10.0]),
        (lambda x: namespace.prod(x), [0.0, 1e-200, 1e200], [1.0, 0.0, 0.0]),
    ],
)
def test_slopes_at_far_points(f, x, slopes):
    x, slopes = np.asarray(x), np.asarray(slopes)
    pulled = adhelpers.vector_jacobian_product(f, STRICT, x, np.ones_like(f(x)))
    np.testing.assert_allclose(pulled, slopes, rtol=1e-8, atol=1e-300)
    for k in np.ndindex(x.shape):
        direction = np.zeros_like(x)
        direction[k] = 1.0
        pushed = adhelpers.jacobian_vector_product(f, STRICT, x, direction)
        np.testing.assert_allclose(pushed, slopes[k], rtol=1e-8, atol=1e-300)


# -- names without a derivative -------------------------------------------------------------------------

X = np.array([[0.5, -1.5, np.inf], [2.5, 0.0, -0.7]])
Y = np.array([[0.5, 1.0, 2.0], [-2.5, 0.0, np.nan]])

CONSTANTS = {
    **{name: ((X,), [{}]) for name in ("ceil", "floor", "round", "trunc", "isfinite", "isinf", "isnan", "logical_not")},
    **{name: ((Y,), [{}]) for name in ("isnan", "zeros_like", "ones_like", "signbit", "nonzero")},
    "argsort": ((X,), [{}, {"axis": 0}, {"descending": True, "stable": False}]),
    "count_nonzero": ((X,), [{}, {"axis": 0}, {"axis": (-1,), "keepdims": True}]),
    "searchsorted": ((np.sort(X[0]), X[1]), [{}, {"side": "right"}, {"sorter": np.array([0, 2, 1])}]),
    "floor_divide": ((np.where(np.isinf(X), 3.1, X), np.array([0.3, -0.7, 2.0])), [{}]),
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


# -- loud where it cannot be right ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "f",
    [
        lambda x: namespace.arange(x[0], x[1], 0.1),
        lambda x: namespace.bitwise_and(x, 1),
        lambda x: namespace.from_dlpack(x),
        lambda x: namespace.asarray(np.array([x[0], x[1]], dtype=object)),
        lambda x: namespace.meshgrid(x, indexing="yx"),
        lambda x: namespace.diff(x, n=-1),
        lambda x: namespace.prod(x, axis=1),
        lambda x: namespace.sum(x, 0),
        lambda x: namespace.std(x, ddof=1),
        lambda x: namespace.where(x, x, x, x),
        lambda x: namespace.matrix_transpose(x),
        lambda x: namespace.cumulative_prod(namespace.reshape(x, (3, 1))),
        lambda x: namespace.linalg.cross(x[:2], x[:2]),
        lambda x: namespace.linalg.outer(x[None], x),
        lambda x: namespace.linalg.matrix_norm(x[None], ord="l2"),
        lambda x: namespace.linalg.qr(x[None], mode="raw"),
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
        with pytest.raises((TypeError, ValueError, IndexError, AttributeError)):
            operation(f, "autograd", real(3), real(3))
