"""The array API (2025.12, with linalg and fft) over ``autograd.numpy``: every name differentiates correctly.

autograd's boxes answer ``__array_namespace__`` with a namespace that is partly raw NumPy, which loses
derivatives silently. Here each name is right, or raises. There are no names beyond the standard.

The following raise, because they have no derivative, or an undetermined one:

===================================== ==================================================================
``linalg.svd`` with full matrices     the last vectors of the longer basis are not determined; the other
                                      factors, and those of square matrices, have a derivative
``linalg.qr`` in complete mode        the last vectors of Q are not determined for tall matrices
``linalg.slogdet``, ``linalg.inv``    of singular matrices; so does the second derivative of ``linalg.det``
``linalg.qr``                         of matrices without full rank
``linalg.eig``, ``linalg.eigvals``    of matrices without a basis of eigenvectors
``arange`` of traced numbers          the length is not a smooth function of them
``asarray`` of an array of objects    traced numbers in it would be lost
``bitwise_and`` and similar functions take integers, which are never traced
``from_dlpack``                       reads memory, which has no trace
===================================== ==================================================================

Eigenvectors and singular vectors of equal values have no derivative either: theirs is infinite or nan, with
NumPy's warning. Equal eigenvalues have a derivative only together: it is right for symmetric functions of them, such as
their sum. autograd's boxes lack ``x // y``, ``x.mT``, ``x.device``, ``float(x)`` and assignment to elements, which
raise: use `floor_divide`, `matrix_transpose` and `where` instead. ``y += 1`` gives the name `y` a new box, where NumPy
changes the array under each name: a function that gives another value so is refused. A function of boxes takes only the
arguments that the standard lists: ``sum(x, axis=0)`` works, and ``sum(x, 0)`` raises.
"""

from __future__ import annotations

from typing import Any

# Made from shapes and dtypes alone, or of integers alone.
from array_api_compat.numpy import (
    __array_namespace_info__,
    bitwise_and,
    bitwise_invert,
    bitwise_left_shift,
    bitwise_or,
    bitwise_right_shift,
    bitwise_xor,
    bool,
    broadcast_shapes,
    complex64,
    complex128,
    e,
    empty,
    eye,
    float32,
    float64,
    inf,
    int8,
    int16,
    int32,
    int64,
    isdtype,
    nan,
    newaxis,
    ones,
    pi,
    uint8,
    uint16,
    uint32,
    uint64,
    zeros,
)

from adhelpers_plugins.autograd import fft, linalg
from adhelpers_plugins.autograd.arrayapi.constants import (
    all,
    any,
    argmax,
    argmin,
    argsort,
    ceil,
    count_nonzero,
    equal,
    floor,
    floor_divide,
    greater,
    greater_equal,
    isfinite,
    isin,
    isinf,
    isnan,
    less,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    nonzero,
    not_equal,
    round,
    searchsorted,
    signbit,
    trunc,
)
from adhelpers_plugins.autograd.arrayapi.contraction import matmul, tensordot, vecdot
from adhelpers_plugins.autograd.arrayapi.creation import (
    arange,
    asarray,
    empty_like,
    from_dlpack,
    full,
    full_like,
    linspace,
    ones_like,
    zeros_like,
)
from adhelpers_plugins.autograd.arrayapi.datatypes import (
    astype,
    broadcast_arrays,
    broadcast_to,
    can_cast,
    finfo,
    iinfo,
    result_type,
)
from adhelpers_plugins.autograd.arrayapi.elementwise import (
    abs,
    acos,
    add,
    asin,
    asinh,
    atan,
    atanh,
    clip,
    conj,
    cos,
    cosh,
    divide,
    exp,
    imag,
    log,
    log1p,
    log2,
    log10,
    maximum,
    minimum,
    multiply,
    negative,
    pow,
    real,
    reciprocal,
    sin,
    sinh,
    sqrt,
    square,
    subtract,
)
from adhelpers_plugins.autograd.arrayapi.gathering import (
    repeat,
    sort,
    take,
    take_along_axis,
    tile,
    unique_all,
    unique_counts,
    unique_inverse,
    unique_values,
)
from adhelpers_plugins.autograd.arrayapi.manipulation import (
    concat,
    diff,
    expand_dims,
    flip,
    matrix_transpose,
    meshgrid,
    moveaxis,
    permute_dims,
    reshape,
    roll,
    squeeze,
    stack,
    tril,
    triu,
    unstack,
    where,
)
from adhelpers_plugins.autograd.arrayapi.products import cumulative_prod, prod
from adhelpers_plugins.autograd.arrayapi.slopes import (
    acosh,
    atan2,
    copysign,
    expm1,
    hypot,
    logaddexp,
    nextafter,
    positive,
    remainder,
    sign,
    tan,
    tanh,
)
from adhelpers_plugins.autograd.arrayapi.statistics import cumulative_sum, max, mean, min, std, sum, var

__array_api_version__ = "2025.12"


def __getattr__(name: str) -> Any:
    msg = (
        f"the array namespace for autograd has no {name!r}, which is not in the array API standard; "
        f"if autograd.numpy.{name} differentiates correctly for your use, call that in f"
    )
    raise AttributeError(msg)
