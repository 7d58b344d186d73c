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

from adhelpers.extend import ArgumentError
from adhelpers_plugins.autograd.arrayapi.manipulation import matrix_transpose
from adhelpers_plugins.autograd.arrayapi.matrices.factors import adjoint, diagonal_part, hermitian, undetermined
from adhelpers_plugins.autograd.arrayapi.matrices.solving import solve
from adhelpers_plugins.autograd.arrayapi.primitives import Array, both_rules, is_complex, primitive, unless_traced


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


@primitive
def _orthogonal(x: Array, found: QRResult) -> Array:
    return found.Q


@primitive
def _triangular(x: Array, found: QRResult) -> Array:
    return found.R


def _push_orthogonal(g: Array, ans: Array, x: Array, found: QRResult) -> Array:
    columns = ans.shape[-1]  # those of a wide matrix that are left over have no part in Q
    R = _triangular(x, found)[..., :, :columns]
    relative = matrix_transpose(solve(matrix_transpose(R), matrix_transpose(g[..., :, :columns])))
    inner = adjoint(ans) @ relative
    below = anp.tril(inner, -1)
    turned = below - adjoint(below)
    if is_complex(x):  # the diagonal of R is real
        turned = turned + 1j * anp.imag(diagonal_part(inner))
    return relative + ans @ (turned - inner)


def _push_triangular(g: Array, ans: Array, x: Array, found: QRResult) -> Array:
    Q = _orthogonal(x, found)
    return anp.triu(adjoint(_push_orthogonal(g, Q, x, found)) @ x + adjoint(Q) @ g)


both_rules(_orthogonal, _push_orthogonal)
both_rules(_triangular, _push_triangular)


@unless_traced(xnp.linalg.qr)
def qr(x: Array, /, *, mode: str = "reduced") -> QRResult:
    """An orthonormal basis and a triangle; of tall matrices the complete basis has no derivative."""
    if mode not in ("reduced", "complete"):
        msg = f"qr knows the modes 'reduced' and 'complete', not {mode!r}"
        raise ArgumentError(msg)
    found = np.linalg.qr(getval(x))
    Q, R = _orthogonal(x, found), _triangular(x, found)
    rows, columns = x.shape[-2:]
    if mode == "complete" and rows > columns:
        Q = undetermined(x, np.linalg.qr(getval(x), mode="complete").Q, "mode='reduced'")
        R = anp.concatenate([R, np.zeros((*x.shape[:-2], rows - columns, columns), dtype=x.dtype)], axis=-2)
    return QRResult(Q, R)
