"""The derivatives of NumPy's other functions.

Most are linear in each argument, and serve as their own derivative. A function that is neither in a table here nor in
`ufuncs.PARTIALS` has no derivative rule.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

Array = Any

VIEWS: frozenset[Callable[..., Any]] = frozenset(
    {
        *(np.broadcast_to, np.diag, np.diagonal, np.einsum, np.expand_dims, np.flip, np.imag, np.matrix_transpose),
        *(np.moveaxis, np.ravel, np.real, np.reshape, np.squeeze, np.swapaxes, np.transpose),
        *(np.linalg.diagonal, np.linalg.matrix_transpose),
    }
)
"""Multilinear functions that may return a view of an argument, of its tangent as of its primal."""

MULTILINEAR: frozenset[Callable[..., Any]] = frozenset(
    {
        *(np.negative, np.positive, np.conjugate, np.deg2rad, np.rad2deg),
        *(np.multiply, np.matmul, np.vecdot, np.matvec, np.vecmat),
        *(np.copy, np.cumsum, np.cumulative_sum, np.mean, np.repeat, np.roll, np.sum, np.take),
        *(np.take_along_axis, np.tile, np.trace, np.tril, np.triu, np.linalg.trace),
        *(np.dot, np.inner, np.kron, np.outer, np.tensordot, np.vdot),
        *(np.linalg.matmul, np.linalg.outer, np.linalg.tensordot, np.linalg.vecdot),
    }
)
"""Functions that are real-linear in each array they take."""

CONSTANT: frozenset[Callable[..., Any]] = frozenset(
    {
        *(np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal),
        *(np.isfinite, np.isinf, np.isnan, np.signbit),
        *(np.logical_and, np.logical_or, np.logical_xor, np.logical_not),
        *(np.all, np.any, np.allclose, np.array_equal, np.isclose, np.count_nonzero),
        *(np.argmax, np.argmin, np.argsort, np.nonzero),
        *(np.can_cast, np.iscomplexobj, np.isrealobj, np.ndim, np.result_type, np.shape, np.size),
    }
)
"""Decisions, positions and properties: they have no derivative, and depend only on the primals."""


def _zero(tangents: Any, out: Array, *args: Any, **kwargs: Any) -> Array:
    return 0


def _where(tangents: Any, out: Array, condition: Array, x: Array, y: Array) -> Array:
    return np.where(condition, *(0 if tangent is None else tangent for tangent in tangents[1:]))


def _joined(join: Callable[..., Array]) -> Callable[..., Array]:
    def rule(tangents: Any, out: Array, arrays: Any, axis: int | None = 0) -> Array:
        pairs = zip(tangents[0], arrays, strict=True)
        return join([np.zeros_like(array) if tangent is None else tangent for tangent, array in pairs], axis=axis)

    return rule


def _extremum(tangents: Any, out: Array, x: Array, axis: Any = None, *, keepdims: bool = False) -> Array:
    """Equal shares for all elements that attain the extremum."""
    top = np.reshape(out, (1,) * x.ndim) if axis is None else out if keepdims else np.expand_dims(out, axis)
    hit = np.equal(x, top)
    total = np.sum(np.where(hit, tangents[0], 0), axis=axis, keepdims=keepdims)
    return total / np.sum(hit, axis=axis, keepdims=keepdims)


def _solve(tangents: Any, out: Array, a: Array, b: Array) -> Array:
    da, db = tangents
    if np.ndim(b) == 1:  # the only case in which NumPy treats b as a vector
        column = _solve((da, None if db is None else db[:, None]), out[..., None], a, b[:, None])
        return column[..., 0]
    change = 0 if db is None else db
    return np.linalg.solve(a, change if da is None else change - da @ out)


def _inv(tangents: Any, out: Array, a: Array) -> Array:
    return -(out @ tangents[0] @ out)


def _det(tangents: Any, out: Array, a: Array) -> Array:
    return out * np.trace(np.linalg.solve(a, tangents[0]), axis1=-2, axis2=-1)


RULES: dict[Callable[..., Any], Callable[..., Array]] = {
    np.where: _where,
    np.concatenate: _joined(np.concatenate),
    np.stack: _joined(np.stack),
    np.max: _extremum,
    np.min: _extremum,
    np.round: _zero,
    np.zeros_like: _zero,
    np.ones_like: _zero,
    np.empty_like: _zero,
    np.linalg.solve: _solve,
    np.linalg.inv: _inv,
    np.linalg.det: _det,
}
"""``rule(tangents, out, *args, **kwargs)`` is the tangent of `out`; a tangent of None is zero."""


def _astype(x: Array, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Array:
    return x.astype(dtype, copy=copy)


def _clip(x: Array, /, min: Array = None, max: Array = None) -> Array:  # noqa: A002  NumPy's names
    x = np.copy(x) if min is None else np.maximum(x, min)
    return x if max is None else np.minimum(x, max)


def _full_like(x: Array, fill_value: Any, dtype: Any = None) -> Array:
    result = np.zeros_like(x, dtype=dtype)
    result[...] = fill_value
    return result


def _prod(x: Array, axis: Any = None, *, keepdims: bool = False) -> Array:
    """Multiply one factor after the other, so zeros need no special care."""
    axes = range(x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    result = x
    for along in axes:
        rows = np.moveaxis(result, along, 0)
        product = functools.reduce(operator.mul, rows, np.ones(rows.shape[1:], x.dtype))
        result = np.expand_dims(product, along % x.ndim)
    return result if keepdims else np.squeeze(result, axis=tuple(axes))


def _sort(x: Array, axis: int = -1) -> Array:
    return np.take_along_axis(x, np.argsort(x, axis=axis), axis=axis)


def _unstack(x: Array, /, *, axis: int = 0) -> tuple[Array, ...]:
    return tuple(np.moveaxis(x, axis, 0))


def _var(x: Array, axis: Any = None, *, correction: float = 0, keepdims: bool = False) -> Array:
    distance = x - np.mean(x, axis=axis, keepdims=True)
    total = np.sum(np.real(distance * np.conj(distance)), axis=axis, keepdims=keepdims)
    return total / (x.size / max(total.size, 1) - correction)


def _std(x: Array, axis: Any = None, *, correction: float = 0, keepdims: bool = False) -> Array:
    return np.sqrt(np.var(x, axis=axis, correction=correction, keepdims=keepdims))


DEFINITIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    np.astype: _astype,
    np.clip: _clip,
    np.full_like: _full_like,
    np.prod: _prod,
    np.sort: _sort,
    np.unstack: _unstack,
    np.var: _var,
    np.std: _std,
}
"""Functions that are composed of others."""
