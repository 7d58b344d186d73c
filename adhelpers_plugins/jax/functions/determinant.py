"""The determinant, with right derivatives where it is zero.

JAX's rule divides by all pivots but the last. Here the matrix is rotated by its singular vectors, as constants: that
makes it diagonal where it is, and leaves the smallest numbers to a corner of three rows, where the determinant is a
polynomial. The rest is divided by, through its Schur complement.
"""

from __future__ import annotations

import jax.numpy as jnp
from jax import lax

from adhelpers_plugins.jax.functions.elementwise import Array, Function, elementwise

CORNER = 3
"""Up to this size ``jax.numpy.linalg.det`` is a polynomial."""


def det(x: Array, /) -> Array:
    """The determinant of matrices that are not so small that JAX's own is a polynomial."""
    if x.shape[-1] < 2:
        return jnp.prod(jnp.diagonal(x, axis1=-2, axis2=-1), axis=-1)
    constant = lax.stop_gradient(x)
    is_regular = _size(constant) * _size(jnp.linalg.inv(constant)) < _epsilon(x) ** (-1 / 3)  # false if that is nan
    return lax.cond(jnp.all(is_regular), lambda x: _of_regular(x, is_regular), _of_any, x)


def _of_regular(x: Array, is_regular: Array) -> Array:
    """In an enclosing ``vmap`` JAX takes this of all matrices: others must not be divided by."""
    sign, logabsdet = jnp.linalg.slogdet(jnp.where(is_regular[..., None, None], x, _identity(x)))
    return sign * jnp.exp(logabsdet)


def _of_any(x: Array) -> Array:
    n = x.shape[-1]
    u, s, vh = jnp.linalg.svd(lax.stop_gradient(x), full_matrices=False)
    y = _adjoint(u) @ x @ _adjoint(vh)
    rest, corner = slice(n - CORNER), slice(n - CORNER, n)
    is_singular = s[..., n - CORNER - 1] <= n * _epsilon(x) * s[..., 0]
    a = jnp.where(is_singular[..., None, None], _identity(y[..., rest, rest]), y[..., rest, rest])
    complement = y[..., corner, corner] - y[..., corner, rest] @ jnp.linalg.solve(a, y[..., rest, corner])
    rotated = _of_regular(a, jnp.ones_like(is_singular)) * jnp.linalg.det(complement)
    is_element_of_singular = jnp.broadcast_to(is_singular[..., None, None], x.shape).astype(x.dtype)
    zero = jnp.sum(_zero(is_element_of_singular, x, order=CORNER), axis=(-2, -1))
    return jnp.linalg.slogdet(vh @ u).sign * jnp.where(is_singular, zero, rotated)


_zero: Function = elementwise(
    "zero_to_an_order",
    lambda is_singular, x, *, order: jnp.where((is_singular != 0) & (order < 0), jnp.nan, jnp.zeros_like(x)),
    None,
    lambda is_singular, x, order: _zero(is_singular, x, order=order - 1),
    static=("order",),
)
"""Where more than three singular values are zero, derivatives up to the third are too; others are not known."""


def _size(x: Array) -> Array:
    return jnp.sqrt(jnp.sum(jnp.abs(x) ** 2, axis=(-2, -1)))


def _identity(x: Array) -> Array:
    return jnp.eye(x.shape[-1], dtype=x.dtype)


def _adjoint(x: Array) -> Array:
    return jnp.conj(jnp.matrix_transpose(x))


def _epsilon(x: Array) -> float:
    return float(jnp.finfo(x.dtype).eps)
