"""Linear systems and determinants: PyTorch's are wrong in second-order forward mode, and at singular matrices."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch

from adhelpers.extend import Array
from adhelpers_plugins.torch import levels


class SlogdetResult(NamedTuple):
    """The result of `slogdet`."""

    sign: Array
    logabsdet: Array


def solve(x1: Array, x2: Array, /) -> Array:
    """``inv(x1) @ x2``."""
    dtype = torch.result_type(x1, x2)
    x1, x2 = x1.to(dtype), x2.to(dtype)
    if x2.ndim == 1:
        return solve(x1, x2[:, None])[..., 0]
    if levels.is_mapped(x1):  # vmap of factors at one level, and of a right-hand side at an inner one, mixes the two
        return torch.linalg.inv(x1) @ x2
    return torch.linalg.lu_solve(*torch.linalg.lu_factor(x1), x2)


def det(x: Array, /) -> Array:
    """The determinant."""
    if not levels.has_no_value(x):
        sign, diagonal = _factors(x)
        if bool((diagonal != 0).all()):
            return sign * diagonal.prod(-1)
    return _by_elimination(x)


def _by_elimination(x: Array) -> Array:
    """The determinant, with derivatives where it is zero.

    With the largest element of all as pivot, the rest is zero if that is. Of up to three rows it is a polynomial; more
    rows give nothing to derivatives below the fourth.
    """
    result = torch.ones(x.shape[:-2], dtype=x.dtype, device=x.device)
    while (size := x.shape[-1]) > 3:
        at = x.detach().abs().flatten(-2).argmax(-1)
        row, column = at // size, at % size
        x = _first(_first(x, row).mT, column).mT
        pivot = x[..., 0, 0]
        result = result * pivot * ((row == 0) == (column == 0)).to(x.dtype).mul(2).sub(1)
        divisor = torch.where(pivot == 0, 1, pivot)[..., None, None]
        x = x[..., 1:, 1:] - x[..., 1:, :1] * x[..., :1, 1:] / divisor
    if size == 3:
        return result * (torch.linalg.cross(x[..., 0, :], x[..., 1, :]) * x[..., 2, :]).sum(-1)
    if size == 2:
        return result * (x[..., 0, 0] * x[..., 1, 1] - x[..., 0, 1] * x[..., 1, 0])
    return result * x[..., 0, 0] if size == 1 else result


def _first(x: Array, row: Array) -> Array:
    """One row exchanged with the first."""
    rows, row = torch.arange(x.shape[-2], device=x.device), row[..., None]
    order = torch.where(rows == 0, row, torch.where(rows == row, 0, rows))
    return torch.take_along_dim(x, order[..., None], -2)


def slogdet(x: Array, /) -> Any:
    """Sign, and logarithm of the absolute value, of the determinant."""
    sign, diagonal = _factors(x)
    return SlogdetResult(torch.sgn(diagonal).prod(-1) * sign, torch.log(torch.abs(diagonal)).sum(-1))


def _factors(x: Array) -> tuple[Array, Array]:
    """The sign of the pivots' permutation, and numbers whose product is the determinant without that sign."""
    factors, pivots, _ = torch.linalg.lu_factor_ex(x)  # of a singular matrix too
    swaps = (pivots != torch.arange(1, x.shape[-1] + 1, device=x.device)).sum(-1)
    return (1 - 2 * (swaps % 2)).to(x.dtype), torch.diagonal(factors, dim1=-2, dim2=-1)
