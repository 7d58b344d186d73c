"""Determinants, linear systems and factors of matrices."""

from __future__ import annotations

from typing import Any

import torch

from adhelpers_plugins.torch.arrayapi.systems import det

Tensor = Any


def determinant(input: Tensor) -> Tensor:
    """The determinant, with derivatives where it is zero."""
    return det(input)


def cholesky_inverse(input: Tensor, upper: bool = False) -> Tensor:
    """The inverse of the matrix with the given factor."""
    return cholesky_solve(torch.eye(input.shape[-1], dtype=input.dtype, device=input.device), input, upper)


def cholesky_solve(input: Tensor, input2: Tensor, upper: bool = False) -> Tensor:
    """The solution of a system, from the factor of its matrix."""
    lower = input2.triu().mH if upper else input2.tril()
    return torch.linalg.solve_triangular(lower.mH, torch.linalg.solve_triangular(lower, input, upper=False), upper=True)


def linalg_lu_solve(LU: Tensor, pivots: Tensor, B: Tensor, *, left: bool = True, adjoint: bool = False) -> Tensor:
    """The solution of a system, from the LU factors of its matrix."""
    if not left:
        return linalg_lu_solve(LU, pivots, B.mH, adjoint=not adjoint).mH
    permutation, lower, upper = torch.lu_unpack(LU, pivots)
    solve = torch.linalg.solve_triangular
    if adjoint:
        return permutation @ solve(lower.mH, solve(upper.mH, B, upper=False), upper=True, unitriangular=True)
    return solve(upper, solve(lower, permutation.mT @ B, upper=False, unitriangular=True), upper=True)


def lu_solve(input: Tensor, LU_data: Tensor, LU_pivots: Tensor) -> Tensor:
    """`linalg_lu_solve` by its older name."""
    return linalg_lu_solve(LU_data, LU_pivots, input)


def lstsq(input: Tensor, b: Tensor, rcond: float | None = None, *, driver: str | None = None) -> Any:
    """PyTorch's own, with derivatives of residuals and singular values, which it treats as constants."""
    solution, residuals, rank, singular_values = found = torch.linalg.lstsq(input, b, rcond, driver=driver)
    if residuals.numel():
        is_vector = b.ndim < input.ndim
        apart = b - (input @ solution.unsqueeze(-1)).squeeze(-1) if is_vector else b - input @ solution
        residuals = (apart * apart.conj()).real.sum(-1 if is_vector else -2).reshape(residuals.shape)
    if singular_values.numel():
        singular_values = torch.linalg.svdvals(input)
    return type(found)((solution, residuals, rank, singular_values))


def linalg_svd(A: Tensor, full_matrices: bool = True, *, driver: str | None = None) -> Any:
    """The vectors that belong to no singular value stay orthogonal to the others; PyTorch takes them for constants."""
    found = torch.linalg.svd(A, full_matrices, driver=driver)
    U, S, Vh = found
    count = S.shape[-1]
    V = _completed(Vh[..., :count, :].mH, Vh[..., count:, :].mH)
    return type(found)((_completed(U[..., :count], U[..., count:]), S, V.mH))


def svd(input: Tensor, some: bool = True, compute_uv: bool = True) -> Any:
    """The same of the older function."""
    U, S, Vh = linalg_svd(input)
    return torch.return_types.svd((U, S, Vh.mH))


def _completed(vectors: Tensor, others: Tensor) -> Tensor:
    """The vectors, and the others as they turn with what is orthogonal to the vectors, and no farther."""
    others = others.detach()
    others = others - vectors @ (vectors.mH @ others)
    factor = torch.linalg.cholesky(others.mH @ others, upper=True)
    return torch.cat([vectors, torch.linalg.solve_triangular(factor, others, upper=True, left=False)], -1)
