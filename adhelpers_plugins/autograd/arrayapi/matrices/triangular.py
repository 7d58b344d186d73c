"""Triangular factors: Cholesky and QR.

Murray 2016, "Differentiation of the Cholesky decomposition" (arXiv:1602.07527); Walter & Lehmann 2018, "Algorithmic
differentiation of linear algebra functions with application in optimum experimental design" (arXiv:1001.1654).
"""

from __future__ import annotations

import array_api_compat.numpy as xnp
import autograd.numpy as anp
import numpy as np
from array_api_compat.numpy.linalg import QRResult
from autograd.extend import defjvp, defvjp
from autograd.tracer import getval

from adhelpers.extend import ArgumentError, custom_rule
from adhelpers_plugins.autograd.arrayapi.manipulation import matrix_transpose
from adhelpers_plugins.autograd.arrayapi.matrices.factors import adjoint, diagonal_part, hermitian, undetermined
from adhelpers_plugins.autograd.arrayapi.matrices.solving import solve
from adhelpers_plugins.autograd.arrayapi.primitives import Array, is_complex, primitive, unless_traced


@primitive
def _cholesky(x: Array) -> Array:
    return np.linalg.cholesky(x)


def _half(x: Array) -> Array:
    """The lower triangle, with half the diagonal."""
    return anp.tril(x) - diagonal_part(x) / 2


def _push_cholesky(g: Array, ans: Array) -> Array:
    return ans @ _half(solve(ans, adjoint(solve(ans, g))))


def _pull_cholesky(g: Array, ans: Array) -> Array:
    upper = adjoint(ans)
    inner = _half(upper @ anp.conj(g))
    return anp.conj(solve(upper, adjoint(solve(upper, adjoint(inner)))))


defjvp(_cholesky, lambda g, ans, x: _push_cholesky(g, ans))
defvjp(_cholesky, lambda ans, x: lambda g: _pull_cholesky(g, ans))


@unless_traced(xnp.linalg.cholesky)
def cholesky(x: Array, /, *, upper: bool = False) -> Array:
    """The triangular factor of Hermitian positive definite matrices."""
    factor = _cholesky(hermitian(x))
    return adjoint(factor) if upper else factor


@custom_rule
def _factors(x: Array) -> tuple[Array, Array]:
    Q, R = np.linalg.qr(x)
    return Q, R


@_factors.defjvp
def _(x: Array, y: tuple[Array, Array], u: Array) -> tuple[Array, Array]:
    Q, R = y
    columns = Q.shape[-1]  # those of a wide matrix that are left over have no part in Q
    transposed = solve(matrix_transpose(R[..., :, :columns]), matrix_transpose(u[..., :, :columns]))
    relative = matrix_transpose(transposed)
    inner = adjoint(Q) @ relative
    below = anp.tril(inner, -1)
    turned = below - adjoint(below)
    if is_complex(x):  # the diagonal of R is real
        turned = turned + 1j * anp.imag(diagonal_part(inner))
    moved = relative + Q @ (turned - inner)
    return moved, anp.triu(adjoint(moved) @ x + adjoint(Q) @ u)


@unless_traced(xnp.linalg.qr)
def qr(x: Array, /, *, mode: str = "reduced") -> QRResult:
    """An orthonormal basis and a triangle; the complete basis of a tall matrix has no derivative."""
    if mode not in ("reduced", "complete"):
        msg = f"qr knows the modes 'reduced' and 'complete', not {mode!r}"
        raise ArgumentError(msg)
    Q, R = _factors(x)
    rows, columns = x.shape[-2:]
    if mode == "complete" and rows > columns:
        Q = undetermined(x, np.linalg.qr(getval(x), mode="complete").Q, "mode='reduced'")
        R = anp.concatenate([R, np.zeros((*x.shape[:-2], rows - columns, columns), dtype=x.dtype)], axis=-2)
    return QRResult(Q, R)
