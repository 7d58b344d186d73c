"""Eigenvalues and eigenvectors of any square matrices: Giles 2008, section 3.1, and what LAPACK makes of their length.

An eigenvector may be multiplied by any number. LAPACK's ``geev`` makes its length one and its largest component real
(that of a complex matrix or a complex eigenvalue; a real eigenvector has either sign). The derivative is that of these.
"""

from __future__ import annotations

from typing import Any

import autograd.numpy as anp
import numpy as np
from autograd.extend import defjvp, defvjp
from autograd.tracer import getval

from adhelpers.extend import UnsupportedOperationError
from adhelpers_plugins.autograd.arrayapi.datatypes import astype
from adhelpers_plugins.autograd.arrayapi.gathering import diagonal, take_along_axis
from adhelpers_plugins.autograd.arrayapi.manipulation import matrix_transpose
from adhelpers_plugins.autograd.arrayapi.matrices.factors import reciprocal_gaps
from adhelpers_plugins.autograd.arrayapi.matrices.solving import solve
from adhelpers_plugins.autograd.arrayapi.primitives import Array, both_rules, primitive, unless_traced


def _found(x: Array) -> Any:
    """NumPy's result as complex numbers; NumPy returns real numbers if it can."""
    found = np.linalg.eig(x)
    dtype = np.result_type(found.eigenvalues, np.complex64)
    return found._replace(eigenvalues=found[0].astype(dtype), eigenvectors=found[1].astype(dtype))


@primitive
def _eigenvalues(x: Array, found: Any) -> Array:
    return found.eigenvalues


@primitive
def _eigenvectors(x: Array, found: Any) -> Array:
    return found.eigenvectors


def _basis(x: Array, found: Any) -> Array:
    """The eigenvectors, as many as the matrix has columns."""
    vectors = found.eigenvectors
    with np.errstate(all="ignore"):
        condition = np.linalg.cond(vectors) if vectors.size else np.zeros(())
    if np.any(condition * vectors.shape[-1] * np.finfo(vectors.dtype).eps > 1):
        msg = (
            "a matrix without a basis of eigenvectors, such as [[0, 1], [0, 0]], has eigenvalues and eigenvectors "
            "without a derivative; use functions of the matrix itself, such as its trace and its determinant"
        )
        raise UnsupportedOperationError(msg)
    return _eigenvectors(x, found)


def _push_values(g: Array, ans: Array, x: Array, found: Any) -> Array:
    vectors = _basis(x, found)
    return diagonal(solve(vectors, g @ vectors))


def _pull_values(g: Array, x: Array, found: Any) -> Array:
    transposed = matrix_transpose(_basis(x, found))
    return solve(transposed, g[..., :, None] * transposed)


def _push_vectors(g: Array, ans: Array, x: Array, found: Any) -> Array:
    vectors = _basis(x, found)
    moved = vectors @ (reciprocal_gaps(_eigenvalues(x, found)) * solve(vectors, g @ vectors))
    at_right_angles = moved - vectors * anp.sum(anp.conj(vectors) * moved, axis=-2, keepdims=True)
    largest = np.argmax(np.abs(found.eigenvectors), axis=-2)[..., None, :]
    turned = take_along_axis(at_right_angles, largest, axis=-2) / take_along_axis(vectors, largest, axis=-2)
    return at_right_angles - 1j * anp.imag(turned) * vectors


defjvp(_eigenvalues, _push_values)
defvjp(_eigenvalues, lambda ans, x, found: lambda g: _pull_values(g, x, found))
both_rules(_eigenvectors, _push_vectors)


@unless_traced(_found)
def eig(x: Array, /) -> Any:
    """Eigenvalues and eigenvectors of square matrices, always complex."""
    found = _found(getval(x))
    z = astype(x, found.eigenvalues.dtype, copy=False)
    return found._replace(eigenvalues=_eigenvalues(z, found), eigenvectors=_eigenvectors(z, found))


def eigvals(x: Array, /) -> Array:
    """Eigenvalues of square matrices, always complex."""
    return eig(x).eigenvalues
