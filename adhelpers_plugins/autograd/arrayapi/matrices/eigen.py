"""Eigenvalues and eigenvectors of Hermitian matrices: Giles 2008, section 3.1."""

from __future__ import annotations

import array_api_compat.numpy as xnp
import autograd.numpy as anp
import numpy as np
from array_api_compat.numpy.linalg import EighResult
from autograd.extend import defjvp, defvjp
from autograd.tracer import getval

from adhelpers_plugins.autograd.arrayapi.gathering import diagonal
from adhelpers_plugins.autograd.arrayapi.manipulation import matrix_transpose
from adhelpers_plugins.autograd.arrayapi.matrices.factors import adjoint, hermitian, reciprocal_gaps
from adhelpers_plugins.autograd.arrayapi.primitives import Array, both_rules, primitive, unless_traced


@primitive
def _eigenvalues(x: Array, found: EighResult) -> Array:
    return found.eigenvalues


@primitive
def _eigenvectors(x: Array, found: EighResult) -> Array:
    return found.eigenvectors


def _push_eigenvalues(g: Array, ans: Array, x: Array, found: EighResult) -> Array:
    vectors = _eigenvectors(x, found)
    return anp.real(diagonal(adjoint(vectors) @ g @ vectors))


def _push_eigenvectors(g: Array, ans: Array, x: Array, found: EighResult) -> Array:
    return ans @ (reciprocal_gaps(_eigenvalues(x, found)) * (adjoint(ans) @ g @ ans))


def _pull_eigenvalues(g: Array, x: Array, found: EighResult) -> Array:
    vectors = _eigenvectors(x, found)
    return (anp.conj(vectors) * g[..., None, :]) @ matrix_transpose(vectors)


defjvp(_eigenvalues, _push_eigenvalues)
defvjp(_eigenvalues, lambda ans, x, found: lambda g: _pull_eigenvalues(g, x, found))
both_rules(_eigenvectors, _push_eigenvectors)


@unless_traced(xnp.linalg.eigh)
def eigh(x: Array, /) -> EighResult:
    """Eigenvalues and eigenvectors of Hermitian matrices."""
    whole, found = hermitian(x), np.linalg.eigh(getval(x))
    return EighResult(_eigenvalues(whole, found), _eigenvectors(whole, found))


@unless_traced(xnp.linalg.eigvalsh)
def eigvalsh(x: Array, /) -> Array:
    """Eigenvalues of Hermitian matrices."""
    return eigh(x).eigenvalues
