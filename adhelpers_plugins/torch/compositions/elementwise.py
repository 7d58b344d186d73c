"""Functions of each element."""

from __future__ import annotations

import math
from typing import Any

import torch

Tensor = Any


def _logarithm_of_sum(x: Tensor, y: Tensor, base: float) -> Tensor:
    """The larger one, and what the smaller one adds: of an infinite one nothing does."""
    x, y = torch.broadcast_tensors(x, y)
    is_larger = x.real >= y.real
    high, low = torch.where(is_larger, x, y), torch.where(is_larger, y, x)
    is_infinite = high.real.isinf()
    apart = torch.where(is_infinite, -math.inf, low - torch.where(is_infinite, 0.0, high))
    return high + torch.log1p(torch.exp(apart * math.log(base))) / math.log(base)


def logaddexp(input: Tensor, other: Tensor) -> Tensor:
    """The logarithm of a sum of two exponentials."""
    return _logarithm_of_sum(input, other, math.e)


def logaddexp2(input: Tensor, other: Tensor) -> Tensor:
    """The logarithm to base two of a sum of two powers of two."""
    return _logarithm_of_sum(input, other, 2.0)


def polar(abs: Tensor, angle: Tensor) -> Tensor:
    """Complex numbers from their sizes and angles."""
    return torch.complex(abs * torch.cos(angle), abs * torch.sin(angle))


def sinc(input: Tensor) -> Tensor:
    """The sine divided by its argument, times pi; near zero by its series."""
    x = math.pi * (input if input.is_floating_point() or input.is_complex() else input.to(torch.get_default_dtype()))
    is_small = x.detach().abs() < 1
    small, large = torch.where(is_small, x, 0.0) ** 2, torch.where(is_small, 1.0, x)
    series = torch.zeros_like(small)
    for n in reversed(range(12)):
        series = (-1) ** n / math.factorial(2 * n + 1) + small * series
    return torch.where(is_small, series, torch.sin(large) / large)


def sinc_(input: Tensor) -> Tensor:
    """The same in place."""
    return input.copy_(sinc(input))


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """Silu of complex numbers, from the exponential function."""
    y = input / (1.0 + torch.exp(-input))
    return input.copy_(y) if inplace else y


def data(input: Tensor) -> Tensor:
    """A constant at every level."""
    return input.detach()
