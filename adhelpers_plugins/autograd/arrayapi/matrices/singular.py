"""Singular values and vectors, and the pseudo-inverse.

Townsend 2016, "Differentiating the singular value decomposition"; Golub & Pereyra 1973, "The differentiation of
pseudo-inverses and nonlinear least squares problems whose variables separate" (doi:10.1137/0710036).
"""

from __future__ import annotations

from typing import Any

import array_api_compat.numpy as xnp
import autograd.numpy as anp
import numpy as np
from array_api_compat.numpy.linalg import SVDResult
from autograd.extend import defjvp, defvjp
from autograd.tracer import getval

from adhelpers_plugins.autograd.arrayapi.gathering import diagonal
from adhelpers_plugins.autograd.arrayapi.matrices.factors import adjoint, diagonal_part, reciprocal_gaps, undetermined
from adhelpers_plugins.autograd.arrayapi.primitives import (
    Array,
    both_rules,
    is_complex,
    plain,
    primitive,
    unless_traced,
)


@primitive
def _left_vectors(x: Array, found: SVDResult) -> Array:
    return found.U


@primitive
def _singular_values(x: Array, found: SVDResult) -> Array:
    return found.S


@primitive
def _right_vectors(x: Array, found: SVDResult) -> Array:
    return found.Vh


def _rotations(g: Array, x: Array, found: SVDResult) -> tuple[Array, ...]:
    """The factors, and the derivative seen in their axes."""
    U, S, Vh = _left_vectors(x, found), _singular_values(x, found), _right_vectors(x, found)
    return U, S, Vh, adjoint(U) @ g @ adjoint(Vh)


def _push_left(g: Array, ans: Array, x: Array, found: SVDResult) -> Array:
    U, S, Vh, inner = _rotations(g, x, found)
    turned = reciprocal_gaps(S**2) * (inner * S[..., None, :] + S[..., :, None] * adjoint(inner))
    if is_complex(x):  # the phase of each pair of vectors turns with one of them, here the left one
        turned = turned + 1j * anp.imag(diagonal_part(inner)) / S[..., None, :]
    moved = U @ turned
    if x.shape[-2] > x.shape[-1]:
        out = g @ adjoint(Vh)
        moved = moved + (out - U @ (adjoint(U) @ out)) / S[..., None, :]
    return moved


def _push_values(g: Array, ans: Array, x: Array, found: SVDResult) -> Array:
    return anp.real(diagonal(_rotations(g, x, found)[-1]))


def _pull_values(g: Array, x: Array, found: SVDResult) -> Array:
    return anp.conj((_left_vectors(x, found) * g[..., None, :]) @ _right_vectors(x, found))


def _push_right(g: Array, ans: Array, x: Array, found: SVDResult) -> Array:
    U, S, Vh, inner = _rotations(g, x, found)
    turned = reciprocal_gaps(S**2) * (S[..., :, None] * inner + adjoint(inner) * S[..., None, :])
    moved = adjoint(turned) @ Vh
    if x.shape[-2] < x.shape[-1]:
        out = adjoint(U) @ g
        moved = moved + (out - (out @ adjoint(Vh)) @ Vh) / S[..., :, None]
    return moved


both_rules(_left_vectors, _push_left)
defjvp(_singular_values, _push_values)
defvjp(_singular_values, lambda ans, x, found: lambda g: _pull_values(g, x, found))
both_rules(_right_vectors, _push_right)


@unless_traced(xnp.linalg.svd)
def svd(x: Array, /, *, full_matrices: bool = True) -> SVDResult:
    """Singular values and vectors; the longer full basis of a non-square matrix has no derivative."""
    found = SVDResult(*np.linalg.svd(getval(x), full_matrices=False))
    U, S, Vh = _left_vectors(x, found), _singular_values(x, found), _right_vectors(x, found)
    rows, columns = x.shape[-2:]
    if full_matrices and rows != columns:
        whole = np.linalg.svd(getval(x))
        U = U if rows < columns else undetermined(x, whole.U, "full_matrices=False")
        Vh = Vh if rows > columns else undetermined(x, whole.Vh, "full_matrices=False")
    return SVDResult(U, S, Vh)


@unless_traced(xnp.linalg.svdvals)
def svdvals(x: Array, /) -> Array:
    """Singular values."""
    return svd(x, full_matrices=False).S


@primitive
def _pseudo_inverse(x: Array, rtol: Any) -> Array:
    return xnp.linalg.pinv(x, rtol=rtol)


def _push_pseudo_inverse(g: Array, ans: Array, x: Array, rtol: Any) -> Array:
    kernel = adjoint(g) - (adjoint(g) @ x) @ ans
    cokernel = adjoint(g) - ans @ (x @ adjoint(g))
    return -ans @ g @ ans + ans @ adjoint(ans) @ kernel + cokernel @ adjoint(ans) @ ans


both_rules(_pseudo_inverse, _push_pseudo_inverse)


@unless_traced(xnp.linalg.pinv)
def pinv(x: Array, /, *, rtol: float | Array | None = None) -> Array:
    """The pseudo-inverse of matrices, whose rank must not change nearby."""
    return _pseudo_inverse(x, plain(rtol))
