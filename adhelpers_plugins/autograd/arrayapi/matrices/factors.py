"""What the factorisations share.

NumPy factors once. Each factor is a primitive of its own over that result, so that a derivative that nobody
asks for, and that may not exist, is not computed: eigenvalues have one where eigenvectors have none. (Both factors of
QR need the same one: they have a rule together.) Where the reverse rule is long it is the transpose of the forward
rule, found by tracing it.

Where a factor is not unique (the phase of complex vectors) its derivative is one of many, and right in every
function of the factors that is.
"""

from __future__ import annotations

from typing import Any

import autograd.numpy as anp
import numpy as np
from autograd.extend import defjvp, defvjp

from adhelpers.extend import UnsupportedOperationError
from adhelpers_plugins.autograd.arrayapi.manipulation import matrix_transpose
from adhelpers_plugins.autograd.arrayapi.primitives import Array, primitive


def adjoint(x: Array) -> Array:
    """The conjugate transpose."""
    return anp.conj(matrix_transpose(x))


def diagonal_part(x: Array) -> Array:
    """The diagonal, and zeros around it."""
    return anp.tril(anp.triu(x))


def hermitian(x: Array) -> Array:
    """The Hermitian matrix of the lower triangle: NumPy reads only that, so the upper one has no influence."""
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        msg = f"the matrices are not square, but of shape {x.shape[-2:]}"
        raise np.linalg.LinAlgError(msg)
    below = anp.tril(x, -1)
    return below + adjoint(below) + anp.real(diagonal_part(x))


def reciprocal_gaps(values: Array) -> Array:
    """One over (value of the column less that of the row), zero on the diagonal."""
    same = np.eye(values.shape[-1], dtype=values.dtype)
    return (1 - same) / (values[..., None, :] - values[..., :, None] + same)


@primitive
def undetermined(x: Array, factor: Array, advice: str) -> Array:
    """A square factor of a matrix that is not square."""
    return factor


def _refuse(advice: str) -> Any:
    msg = f"the last vectors of a full basis are not determined, and have no derivative; use {advice}"
    raise UnsupportedOperationError(msg)


defjvp(undetermined, lambda g, ans, x, factor, advice: _refuse(advice))
defvjp(undetermined, lambda ans, x, factor, advice: lambda g: _refuse(advice))
