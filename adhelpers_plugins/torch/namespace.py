"""The array API over PyTorch: array_api_compat's namespace, but for the functions that it gets wrong or lacks.

Those stand in `adhelpers_plugins.torch.arrayapi`: they differentiate where PyTorch would give a zero without a
word, and take what NumPy's functions take, such as masks and indices of NumPy. Names beyond the standard are
PyTorch's own, and so are the operators of tensors. Those between a tensor and an array of NumPy are NumPy's, and are
refused; `asarray` makes a tensor of the array.

What raises, because PyTorch cannot do it:

===================================== ==================================================================
``linalg.qr`` in complete mode        the last vectors of a tall matrix's basis are any that complete it
``x[::-1]``                           tensors take no negative steps; `flip` does it
``2.0 % x``                           has no rule; `remainder` has one
unique values under ``vmap``          how many there are depends on the numbers
===================================== ==================================================================

What is another convention: derivatives of `linalg.cholesky`, `linalg.eigh` and `linalg.eigvalsh` are averaged over
the two triangles of the matrix, of which NumPy reads the lower one; singular vectors may have other signs; and those
of `linalg.eig` for complex matrices change at right angles to themselves, as if their phases were free.
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
