"""The array API over PyTorch: array_api_compat's namespace, with the functions that it lacks or gets wrong.

Those functions are in `adhelpers_plugins.torch.arrayapi`. They differentiate where PyTorch silently gives zero, and
take the arguments of NumPy's functions, such as NumPy masks and indices. Names beyond the standard are PyTorch's own,
and so are the operators of tensors. Operators between a tensor and a NumPy array are NumPy's, and are refused: make a
tensor of the array with `asarray`.

The following raise, because PyTorch cannot do them:

===================================== ==================================================================
``linalg.qr`` in complete mode        the last vectors of a tall matrix's basis are not determined
``x[::-1]``                           tensors take no negative steps; use `flip`
``2.0 % x``                           has no rule; use `remainder`
unique values under ``vmap``          their number depends on the data
===================================== ==================================================================

Some conventions differ. Derivatives of `linalg.cholesky`, `linalg.eigh` and `linalg.eigvalsh` average the two triangles
of the matrix; NumPy reads the lower one. Singular vectors may have other signs. Eigenvectors of `linalg.eig` for
complex matrices change at right angles to themselves, as if their phases were free.
"""

from typing import Any

import array_api_compat.torch
from array_api_compat.torch import *
from array_api_compat.torch import __array_api_version__ as __array_api_version__
from array_api_compat.torch import __array_namespace_info__ as __array_namespace_info__

from adhelpers_plugins.torch import fft, linalg
from adhelpers_plugins.torch.arrayapi.creation import arange, asarray, eye, from_dlpack, full, full_like, linspace
from adhelpers_plugins.torch.arrayapi.elementwise import copysign, floor_divide, imag, nextafter, pow, remainder
from adhelpers_plugins.torch.arrayapi.gathering import (
    argsort,
    broadcast_arrays,
    diff,
    meshgrid,
    repeat,
    roll,
    sort,
    take,
    take_along_axis,
    unique_all,
    unique_counts,
    unique_inverse,
    unique_values,
    where,
)
from adhelpers_plugins.torch.arrayapi.statistics import (
    all,
    any,
    cumulative_prod,
    cumulative_sum,
    max,
    mean,
    min,
    prod,
    std,
    sum,
    var,
)

# Where doctest looks for functions, it raises what nobody expects; it is still found below.
globals().pop("classes", None)


def __getattr__(name: str) -> Any:
    return getattr(array_api_compat.torch, name)
