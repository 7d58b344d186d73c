"""The array namespace of dual numbers: NumPy's own, whose functions take dual numbers through NumPy's protocols.

NumPy implements the array API standard. Only functions that it does not dispatch, or not for its own scalars, are
defined here.
"""

from typing import Any

import numpy as np
from numpy import *  # noqa: F403  this module is NumPy's namespace, with two exceptions

from dualnumbers.dual import Dual

Array = Any


def asarray(obj: Any, /, *, dtype: Any = None, device: Any = None, copy: Any = None) -> Array:
    """As `numpy.asarray`, but a dual number stays a dual number.

    Parameters
    ----------
    obj, dtype, device, copy
        As in the array API standard.
    """
    if isinstance(obj, Dual):
        return obj.astype(obj.dtype if dtype is None else dtype, copy=copy is True)
    return np.asarray(obj, dtype=dtype, device=device, copy=copy)


def astype(x: Array, dtype: Any, /, *, copy: Any = True, device: Any = None) -> Array:
    """As `numpy.astype`, but also of scalars.

    Parameters
    ----------
    x, dtype, copy, device
        As in the array API standard.
    """
    return x.astype(dtype, copy=copy)
