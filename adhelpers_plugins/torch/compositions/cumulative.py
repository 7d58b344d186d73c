"""Products and sums of exponentials up to each element, in steps of twice the length."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from adhelpers_plugins.torch.compositions.elementwise import logaddexp

Tensor = Any


def _scan(combine: Callable[[Tensor, Tensor], Tensor], x: Tensor, dim: int) -> Tensor:
    """What is combined of the elements up to each one."""
    shift = 1
    while x.ndim and shift < x.shape[dim]:
        rest = x.shape[dim] - shift
        combined = combine(x.narrow(dim, shift, rest), x.narrow(dim, 0, rest))
        x, shift = torch.cat([x.narrow(dim, 0, shift), combined], dim), 2 * shift
    return x


def cumprod(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """Products of the elements up to each one; elements may be zero."""
    if dtype is None and not (input.is_floating_point() or input.is_complex()):
        dtype = torch.int64
    return _scan(torch.mul, input.clone() if dtype is None else input.to(dtype), dim)


def logcumsumexp(input: Tensor, dim: int) -> Tensor:
    """The logarithm of sums of exponentials up to each one."""
    y = _scan(logaddexp, input.clone(), dim)
    if not input.is_complex():
        return y
    turns = (torch.logcumsumexp(input.detach(), dim) - y.detach()).imag / (2 * math.pi)
    return y + 2j * math.pi * turns.nan_to_num().round()  # of the logarithms, that of PyTorch's
