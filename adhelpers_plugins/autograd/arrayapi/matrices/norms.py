"""Norms of vectors and matrices."""

from __future__ import annotations

from typing import Any

import array_api_compat.numpy as xnp
import autograd.numpy as anp
import numpy as np

from adhelpers.extend import ArgumentError
from adhelpers_plugins.autograd.arrayapi.constants import count_nonzero
from adhelpers_plugins.autograd.arrayapi.datatypes import astype
from adhelpers_plugins.autograd.arrayapi.matrices.singular import svdvals
from adhelpers_plugins.autograd.arrayapi.primitives import Array, is_complex, unless_traced
from adhelpers_plugins.autograd.arrayapi.statistics import Axes, max, min


@unless_traced(xnp.linalg.vector_norm)
def vector_norm(x: Array, /, *, axis: Axes = None, keepdims: bool = False, ord: float = 2) -> Array:
    """Norms of vectors along axes; several axes count as one."""
    if ord == 2:
        squares = anp.real(x) ** 2 + anp.imag(x) ** 2 if is_complex(x) else x**2
        return anp.sqrt(anp.sum(squares, axis=axis, keepdims=keepdims))
    lengths = anp.abs(x)
    if ord == np.inf and x.size:  # without elements it is zero, as the sum of them
        return max(lengths, axis=axis, keepdims=keepdims)
    if ord == -np.inf:
        return min(lengths, axis=axis, keepdims=keepdims)
    if ord == 0:
        return astype(count_nonzero(lengths, axis=axis, keepdims=keepdims), lengths.dtype)
    if ord in (1, np.inf):
        return anp.sum(lengths, axis=axis, keepdims=keepdims)
    return anp.sum(lengths**ord, axis=axis, keepdims=keepdims) ** (1 / ord)


@unless_traced(xnp.linalg.matrix_norm)
def matrix_norm(x: Array, /, *, keepdims: bool = False, ord: Any = "fro") -> Array:
    """Norms of matrices."""
    norm = _matrix_norm(x, ord)
    return norm[..., None, None] if keepdims else norm


def _matrix_norm(x: Array, ord: Any) -> Array:
    if ord == "fro":
        return vector_norm(x, axis=(-2, -1))
    if ord == "nuc":
        return anp.sum(svdvals(x), axis=-1)
    if ord not in (1, -1, 2, -2, np.inf, -np.inf):
        msg = f"matrix_norm knows no norm of order {ord!r}"
        raise ArgumentError(msg)
    sizes = svdvals(x) if abs(ord) == 2 else anp.sum(anp.abs(x), axis=-2 if abs(ord) == 1 else -1)
    if ord < 0:
        return min(sizes, axis=-1)
    return max(sizes, axis=-1) if sizes.size else anp.sum(sizes, axis=-1)
