"""The array API over JAX: ``jax.numpy``, with corrected functions where its derivatives are wrong or missing.

Those functions are in `adhelpers_plugins.jax.arrayapi`. Names beyond the standard are JAX's own.

The following raise, because JAX cannot do them:

===================================== ==================================================================
``linalg.eig``'s vectors              have no rule; ``linalg.eigvals`` has one
``linalg.svd`` with full matrices     has a rule only for square matrices; use ``full_matrices=False``
unique values under ``jax.jit``       their number depends on the data; give ``size=``
===================================== ==================================================================

One convention differs: `linalg.cholesky`, `linalg.eigh` and `linalg.eigvalsh` average the two triangles of the matrix;
NumPy reads the lower one.
"""

from typing import TYPE_CHECKING, Any

import jax.numpy
from jax.numpy import __array_api_version__ as __array_api_version__
from jax.numpy import __array_namespace_info__ as __array_namespace_info__

if not TYPE_CHECKING:  # a type checker would give the functions of this module other types
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
