"""Sums, products, extremes and spread."""

from __future__ import annotations

import functools
from typing import Any

import array_api_compat.torch as xnp
import torch

from adhelpers_plugins.torch.arrayapi.arguments import Function, Tensor, beside_numpy

all = beside_numpy(xnp.all)
any = beside_numpy(xnp.any)
max = beside_numpy(xnp.max)
mean = beside_numpy(xnp.mean)
min = beside_numpy(xnp.min)
var = beside_numpy(xnp.var)


def _complex_first(function: Function) -> Function:
    """Make real numbers complex before summing: PyTorch's own functions pull back the wrong part, or fail."""

    @functools.wraps(function)
    def cast(x: Tensor, /, *, dtype: Any = None, **options: Any) -> Tensor:
        return function(x.to(dtype) if dtype is not None and dtype.is_complex else x, dtype=dtype, **options)

    return cast  # type: ignore[return-value]


cumulative_prod = beside_numpy(_complex_first(xnp.cumulative_prod))
cumulative_sum = beside_numpy(_complex_first(xnp.cumulative_sum))
prod = beside_numpy(_complex_first(xnp.prod))
sum = beside_numpy(_complex_first(xnp.sum))
trace = _complex_first(xnp.linalg.trace)


@beside_numpy
def std(x: Tensor, /, *, axis: Any = None, correction: float = 0.0, keepdims: bool = False, **options: Any) -> Tensor:
    """The standard deviation; array_api_compat takes only whole corrections."""
    if float(correction).is_integer():
        return xnp.std(x, axis=axis, correction=correction, keepdims=keepdims, **options)
    return torch.sqrt(xnp.var(x, axis=axis, correction=correction, keepdims=keepdims, **options))
