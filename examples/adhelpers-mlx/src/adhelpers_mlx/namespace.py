"""The functions of `mlx.core` under the signatures of the array API."""

from __future__ import annotations

from typing import Any

import mlx.core as mx


def __getattr__(name: str) -> Any:
    """Every function that already has the standard's signature."""
    return getattr(mx, name)


def asarray(obj: Any, /, *, dtype: Any = None, device: Any = None, copy: bool | None = None) -> Any:
    """An array; MLX has one device at a time, so `device` is ignored."""
    return mx.array(obj, dtype=dtype)


def eye(n_rows: int, n_cols: int | None = None, /, *, k: int = 0, dtype: Any = None, device: Any = None) -> Any:
    """A matrix with ones on its k-th diagonal."""
    return mx.eye(n_rows, n_cols, k, dtype or mx.float32)


def ones(shape: Any, *, dtype: Any = None, device: Any = None) -> Any:
    """An array of ones."""
    return mx.ones(shape, dtype or mx.float32)


def zeros(shape: Any, *, dtype: Any = None, device: Any = None) -> Any:
    """An array of zeros."""
    return mx.zeros(shape, dtype or mx.float32)


def sum(x: Any, /, *, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:  # noqa: A001
    """The sum; of no elements, MLX returns whatever was in memory."""
    total = mx.sum(x if dtype is None else x.astype(dtype), axis=axis, keepdims=keepdims)
    return total if x.size else mx.zeros_like(total)
