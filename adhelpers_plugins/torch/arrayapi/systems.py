"""Linear systems, by their factors: PyTorch's own `solve` and `slogdet` are wrong in forward mode taken twice."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch

from adhelpers.extend import Array


class SlogdetResult(NamedTuple):
    """What `slogdet` returns."""

    sign: Array
    logabsdet: Array


def solve(x1: Array, x2: Array, /) -> Array:
    """``inv(x1) @ x2``."""
    dtype = torch.result_type(x1, x2)
    x1, x2 = x1.to(dtype), x2.to(dtype)
    factors, pivots = torch.linalg.lu_factor(x1)
    if x2.ndim == 1:
        return torch.linalg.lu_solve(factors, pivots, x2[:, None])[..., 0]
    return torch.linalg.lu_solve(factors, pivots, x2)


def slogdet(x: Array, /) -> Any:
    """Sign, and logarithm of the absolute value, of the determinant."""
    factors, pivots, _ = torch.linalg.lu_factor_ex(x)  # of a singular matrix too
    diagonal = torch.diagonal(factors, dim1=-2, dim2=-1)
    size = torch.abs(diagonal)
    swaps = (pivots != torch.arange(1, x.shape[-1] + 1, device=x.device)).sum(-1)
    sign = torch.sgn(diagonal).prod(-1) * (1 - 2 * (swaps % 2)).to(x.dtype)
    return SlogdetResult(sign, torch.log(size).sum(-1))
