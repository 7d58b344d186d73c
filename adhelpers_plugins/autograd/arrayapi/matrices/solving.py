"""Inverses and determinants, and what is made of them.

The rules are those of Giles 2008, "Collected matrix derivative results for forward and reverse mode algorithmic
differentiation" (doi:10.1007/978-3-540-68942-3_4), for the pairing Re(sum(a*b)): transposes, no conjugates.
"""

from __future__ import annotations

import array_api_compat.numpy as xnp
import autograd.numpy as anp
import numpy as np
from array_api_compat.numpy.linalg import SlogdetResult
from autograd.extend import defjvp, defvjp
from autograd.tracer import getval

from adhelpers_plugins.autograd.arrayapi.contraction import trace
from adhelpers_plugins.autograd.arrayapi.datatypes import broadcast_to
from adhelpers_plugins.autograd.arrayapi.manipulation import matrix_transpose
from adhelpers_plugins.autograd.arrayapi.primitives import Array, both_rules, is_complex, primitive, unless_traced


@primitive
def inv(x: Array, /) -> Array:
    """The inverse of matrices."""
    return np.linalg.inv(x)


def _pull_inverse(g: Array, ans: Array) -> Array:
    transposed = matrix_transpose(ans)
    return -transposed @ g @ transposed


defjvp(inv, lambda g, ans, x: -ans @ g @ ans)
defvjp(inv, lambda ans, x: lambda g: _pull_inverse(g, ans))


@primitive
def _divide(a: Array, b: Array) -> Array:
    """The solution for matrices with the same axes in front."""
    return np.linalg.solve(a, b)


defjvp(_divide, lambda g, ans, a, b: -_divide(a, g @ ans), lambda g, ans, a, b: _divide(a, g))
defvjp(
    _divide,
    lambda ans, a, b: lambda g: -_divide(matrix_transpose(a), g) @ matrix_transpose(ans),
    lambda ans, a, b: lambda g: _divide(matrix_transpose(a), g),
)


@unless_traced(xnp.linalg.solve)
def solve(x1: Array, x2: Array, /) -> Array:
    """The solution of linear equations; autograd's own has no gradient for broadcast arguments."""
    columns = x2[:, None] if x2.ndim == 1 else x2
    batch = np.broadcast_shapes(x1.shape[:-2], columns.shape[:-2])
    a, b = (broadcast_to(m, batch + m.shape[-2:]) for m in (x1, columns))
    solution = _divide(a, b)
    return solution[..., 0] if x2.ndim == 1 else solution


@primitive
def det(x: Array, /) -> Array:
    """The determinants of matrices; autograd's own has no derivative for singular ones."""
    return np.linalg.det(x)


@primitive
def _cofactors(x: Array) -> Array:
    """The derivative of the determinant: ``det(x) * inv(x).T`` without the division."""
    U, S, Vh = np.linalg.svd(x)
    each = np.where(np.eye(S.shape[-1], dtype=bool), 1, S[..., None, :])
    others = np.prod(each, axis=-1) * (np.linalg.det(U) * np.linalg.det(Vh))[..., None]
    return np.conj(U * np.conj(others)[..., None, :]) @ np.conj(Vh)


def _push_cofactors(g: Array, ans: Array, x: Array) -> Array:
    """Here the matrix must not be singular."""
    transposed = matrix_transpose(inv(x))
    return anp.sum(transposed * g, axis=(-2, -1))[..., None, None] * ans - ans @ matrix_transpose(g) @ transposed


both_rules(_cofactors, _push_cofactors)
defjvp(det, lambda g, ans, x: anp.sum(g * _cofactors(x), axis=(-2, -1)))
defvjp(det, lambda ans, x: lambda g: g[..., None, None] * _cofactors(x))


@primitive
def _sign_of_determinant(x: Array, found: SlogdetResult) -> Array:
    return found.sign


@primitive
def _log_of_determinant(x: Array, found: SlogdetResult) -> Array:
    return found.logabsdet


# The logarithm of the determinant changes by trace(inv(x) @ dx): its modulus by the real part, its sign, on the
# unit circle, by the imaginary part.
both_rules(_sign_of_determinant, lambda g, ans, x, found: 1j * ans * anp.imag(trace(_divide(x, g))))
defjvp(_log_of_determinant, lambda g, ans, x, found: anp.real(trace(_divide(x, g))))
defvjp(_log_of_determinant, lambda ans, x, found: lambda g: g[..., None, None] * matrix_transpose(inv(x)))


@unless_traced(xnp.linalg.slogdet)
def slogdet(x: Array, /) -> SlogdetResult:
    """The signs and logarithms of determinants."""
    found = np.linalg.slogdet(getval(x))
    sign = _sign_of_determinant(x, found) if is_complex(x) else found.sign
    return SlogdetResult(sign, _log_of_determinant(x, found))


@unless_traced(xnp.linalg.matrix_power)
def matrix_power(x: Array, n: int, /) -> Array:
    """Powers of matrices, by squaring."""
    unit = np.linalg.matrix_power(getval(x), 0)  # raises if the matrices are not square
    if n == 0:
        return unit
    square = inv(x) if n < 0 else x
    product, n = None, abs(n)
    while n:
        if n % 2:
            product = square if product is None else product @ square
        n //= 2
        if n:
            square = square @ square
    return product
