"""The array API over JAX: ``jax.numpy``, but for the functions whose derivatives are wrong or missing there.

Those stand in `adhelpers_plugins.jax.arrayapi`. Names beyond the standard are JAX's own.

What raises, because JAX cannot do it:

===================================== ==================================================================
``linalg.eig``'s vectors              have no rule; ``linalg.eigvals`` has one
``linalg.svd`` with full matrices     has no rule unless the matrix is square; ``full_matrices=False`` has
unique values under ``jax.jit``       how many there are depends on the numbers; ``size=`` says it
===================================== ==================================================================

What is another convention: `linalg.cholesky`, `linalg.eigh` and `linalg.eigvalsh` average the two triangles of the
matrix, of which NumPy reads the lower one.
"""

from typing import TYPE_CHECKING, Any

import jax.numpy
from jax.numpy import __array_api_version__ as __array_api_version__
from jax.numpy import __array_namespace_info__ as __array_namespace_info__

if not TYPE_CHECKING:  # where the functions of this room would be of other types
    from jax.numpy import *

from adhelpers_plugins.jax.arrayapi import (
    acosh,
    arange,
    hypot,
    nextafter,
    permute_dims,
    sign,
    std,
    unique_all,
    unique_counts,
    unique_inverse,
    unique_values,
)

arccosh = acosh


def __getattr__(name: str) -> Any:
    return getattr(jax.numpy, name)
