"""The functions of `mlx.core` under the signatures of the array API."""

from __future__ import annotations

from typing import Any

import mlx.core as mx


def __getattr__(name: str) -> Any:
    """What needs no change."""
    return getattr(mx, name)


def asarray(obj: Any, /, *, dtype: Any = None, device: Any = None, copy: bool | None = None) -> Any:
    return mx.array(obj, dtype=dtype)


def eye(n_rows: int, n_cols: int | None = None, /, *, k: int = 0, dtype: Any = None, device: Any = None) -> Any:
    return mx.eye(n_rows, n_cols, k, dtype or mx.float32)


def ones(shape: Any, *, dtype: Any = None, device: Any = None) -> Any:
    return mx.ones(shape, dtype or mx.float32)


def zeros(shape: Any, *, dtype: Any = None, device: Any = None) -> Any:
    return mx.zeros(shape, dtype or mx.float32)
