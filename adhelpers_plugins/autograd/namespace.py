"""The array API over ``autograd.numpy``: the part of the standard that is known to differentiate correctly.

autograd's boxes answer ``__array_namespace__`` with a namespace that is partly raw NumPy, which loses
derivatives silently. Here a name is either right or missing: what is not listed raises.
"""

from __future__ import annotations

from typing import Any

# Made from shapes and dtypes alone.
from array_api_compat.numpy import (
    arange,
    bool,
    can_cast,
    complex64,
    complex128,
    e,
    empty,
    eye,
    finfo,
    float32,
    float64,
    iinfo,
    inf,
    int8,
    int16,
    int32,
    int64,
    isdtype,
    linspace,
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

# Of the same name and meaning in autograd; the second list has no derivative.
from autograd.numpy import (
    abs,
    acos,
    add,
    all,
    any,
    argmax,
    argmin,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    ceil,
    conj,
    cos,
    cosh,
    divide,
    equal,
    exp,
    expand_dims,
    expm1,
    floor,
    greater,
    greater_equal,
    imag,
    isfinite,
    isinf,
    isnan,
    less,
    less_equal,
    log,
    log1p,
    log2,
    log10,
    logaddexp,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    matmul,
    maximum,
    mean,
    minimum,
    moveaxis,
    multiply,
    negative,
    not_equal,
    ones_like,
    pow,
    real,
    reciprocal,
    result_type,
    round,
    sin,
    sinh,
    sqrt,
    square,
    squeeze,
    stack,
    subtract,
    sum,
    tan,
    tanh,
    tensordot,
    tril,
    triu,
    trunc,
    zeros_like,
)

from adhelpers_plugins.autograd import linalg
from adhelpers_plugins.autograd.composed import (
    acosh,
    asarray,
    astype,
    broadcast_to,
    clip,
    concat,
    cumulative_sum,
    flip,
    full,
    full_like,
    matrix_transpose,
    max,
    min,
    permute_dims,
    reshape,
    roll,
    sign,
    take,
    vecdot,
    where,
)


def __getattr__(name: str) -> Any:
    msg = (
        f"the array namespace for autograd has no {name!r} yet; "
        f"if autograd.numpy.{name} differentiates correctly for your use, call that in f"
    )
    raise AttributeError(msg)
