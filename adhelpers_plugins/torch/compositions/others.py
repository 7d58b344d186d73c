"""Distances, a loss, and one tensor in the memory of another."""

from __future__ import annotations

import math
from typing import Any

import torch

Tensor = Any


def cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str | None = None) -> Tensor:
    """Distances between points; a zero distance has a zero derivative."""
    apart = x1.unsqueeze(-2) - x2.unsqueeze(-3)
    if math.isinf(p):
        return apart.abs().amax(-1)
    if p == 0:
        return apart.sign().abs().sum(-1)
    apart = apart if p % 2 == 0 else apart.abs()
    powers = _power(apart, p) if p < 1 else apart**p
    return _power(powers.sum(-1), 1 / p)


def _power(x: Tensor, exponent: float) -> Tensor:
    """Without the infinite derivative at zero."""
    is_zero = x == 0
    return torch.where(is_zero, 0.0, torch.where(is_zero, 1.0, x) ** exponent)


def as_strided_scatter(input: Tensor, src: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """One tensor with another written into its memory; PyTorch's own function gives the positions."""
    if not src.numel():
        return input.clone()
    number = torch.arange(src.numel(), device=input.device).reshape(src.shape)
    nowhere = torch.empty_strided(input.shape, input.stride(), dtype=number.dtype, device=input.device).fill_(-1)
    place = torch.as_strided_scatter(nowhere, number, size, stride, storage_offset)
    return torch.where(place < 0, input, src.reshape(-1)[place.clamp(min=0)])


def linear_cross_entropy(input: Tensor, *args: Any, options: Any = None, **others: Any) -> Tensor:
    """The loss computed at once, never in chunks."""
    return torch.nn.functional.linear_cross_entropy(input, *args, **others)
