"""Rules of autograd that are silently wrong, and the arguments for which they are.

Each condition takes the parameters of its NumPy function, after the numbers of the differentiated arguments. If it
holds, the rule counts as missing, so that the core can use the other mode.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Sequence
from typing import Any

import autograd.numpy as anp
import numpy as np
from autograd.numpy import fft, linalg, numpy_wrapper

Array = Any
Argnums = Sequence[int]
Condition = Callable[..., bool]


def _is_complex(argnums: Argnums, x: Array, *args: Any, **options: Any) -> bool:
    return bool(np.iscomplexobj(x))


def _other_branch(argnums: Argnums, x: Array, *args: Any, **options: Any) -> bool:
    """The root of z**2 - 1 is that of the wrong sign in the left half of the plane."""
    return bool(np.iscomplexobj(x) and np.any(np.signbit(np.real(x))))


def _at_zero(argnums: Argnums, x: Array) -> bool:
    """Zero is divided by zero."""
    return bool(np.any(np.equal(x, 0)))


def _fills(argnums: Argnums, *args: Any, **options: Any) -> bool:
    """The value to fill with is taken for a constant."""
    return 1 in argnums


def _tile(argnums: Argnums, x: Array, reps: Any) -> bool:
    """The repetitions belong to the last axes, but the rule uses them for the first."""
    return bool(np.size(reps) < np.ndim(x) and np.any(np.not_equal(reps, 1)))


def _repeat(argnums: Argnums, x: Array, repeats: Any, axis: int | None = None) -> bool:
    return axis is not None and axis < 0 and np.shape(x)[axis] != 1


def _transpose(argnums: Argnums, x: Array, axes: Any = None) -> bool:
    """Axes counted from both ends do not sort into the inverse permutation."""
    if axes is None:
        return False
    negative = np.less(axes, 0)
    return bool(negative.any() and not negative.all())


def _kron(argnums: Argnums, a: Array, b: Array) -> bool:
    return max(np.ndim(a), np.ndim(b)) > 2


def _linspace(argnums: Argnums, start: Array, stop: Array, *args: Any, **options: Any) -> bool:
    """The derivative by the one is not broadcast to the shape of the other."""
    shape = np.broadcast_shapes(np.shape(start), np.shape(stop))
    return any(np.shape((start, stop)[i]) != shape for i in argnums)


def _linspace_reverse(argnums: Argnums, start: Array, stop: Array, *args: Any, **options: Any) -> bool:
    """Nor is anything summed over the first axis where there are more than two."""
    return _linspace(argnums, start, stop) or np.ndim(start) > 1


def _reshape(argnums: Argnums, x: Array, shape: Any = None, order: str | None = "C", **options: Any) -> bool:
    return _ravel(argnums, x, order)


def _ravel(argnums: Argnums, x: Array, order: str | None = "C") -> bool:
    """The order in memory of x need not be that of its derivative."""
    return order in ("A", "K") and np.ndim(x) > 1


def _sum_forward(
    argnums: Argnums,
    x: Array,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: bool = False,
    initial: Any = 0,
    where: Any = True,
) -> bool:
    """The initial value is added to the tangent too."""
    return bool(initial != 0)


def _diff(argnums: Argnums, x: Array, n: int = 1, axis: int = -1, prepend: Array = 0.0, append: Array = 0.0) -> bool:
    """The constants at the ends are put beside the tangent too."""
    return bool(np.any(prepend) or np.any(append))


def _masked(argnums: Argnums, x: Array, *args: Any, where: Any = True, **options: Any) -> bool:
    return where is not True and not np.all(where)


def _spread(argnums: Argnums, x: Array, *args: Any, dtype: Any = None, **options: Any) -> bool:
    """Of the options of var and std the rules know axis, ddof and keepdims."""
    return (
        bool(options.get("correction", 0))
        or options.get("mean") is not None
        or _masked(argnums, x, **options)
        or (dtype is not None and (_is_complex_dtype(dtype) or np.iscomplexobj(x)))
    )


def _prod(argnums: Argnums, x: Array, *args: Any, dtype: Any = None, **options: Any) -> bool:
    """The product of the others is found by division."""
    return (
        bool(np.any(np.equal(x, 0)))
        or _masked(argnums, x, **options)
        or (dtype is not None and np.iscomplexobj(x) and not _is_complex_dtype(dtype))
    )


def _is_complex_dtype(dtype: Any) -> bool:
    return np.issubdtype(dtype, np.complexfloating)


def _einsum(argnums: Argnums, *operands: Any, dtype: Any = None, **options: Any) -> bool:
    return (
        dtype is not None
        and not _is_complex_dtype(dtype)
        and any(np.iscomplexobj(operand) for operand in operands if isinstance(operand, np.ndarray))
    )


def put_back(argnums: Argnums, x: Array, axis: Any = None, *args: Any, keepdims: Any = False, **options: Any) -> bool:
    """The lost axes are put back in the wrong places, or not at all where they are numbers of NumPy's."""
    if axis is None or isinstance(axis, int) or keepdims is True:
        return False
    return not isinstance(axis, tuple) or (len(axis) > 1 and min(axis) < -1)


def _either(*conditions: Condition) -> Condition:
    return lambda *args, **options: any(condition(*args, **options) for condition in conditions)


def _chosen_elsewhere(function: Callable[..., Any]) -> Condition:
    """Whether the result is the initial value, or equals an element that is masked out."""

    def condition(argnums: Argnums, x: Array, axis: Any = None, *args: Any, **options: Any) -> bool:
        if not {"initial", "where"} & options.keys():
            return False
        best = function(x, axis=axis, **{**options, "keepdims": True})
        chosen = np.equal(x, best)
        where = options.get("where", True)
        return bool(np.any(chosen & ~np.asarray(where)) or not np.all(np.any(chosen, axis=axis)))

    return condition


def _pad(argnums: Argnums, x: Array, pad_width: Any, mode: Any = "constant", **options: Any) -> bool:
    """The tangent is padded in the same mode, which may not be linear, and without its options."""
    return (
        callable(mode)
        or mode in ("maximum", "minimum", "median")
        or not {"stat_length", "reflect_type"}.isdisjoint(options)
    )


def _norm(argnums: Argnums, x: Array, ord: Any = None, *args: Any, **options: Any) -> bool:
    """Infinite powers, and negative powers of zero, are not numbers."""
    return isinstance(ord, (int, float)) and (ord == np.inf or (1 < ord < 2 and bool(np.any(np.equal(x, 0)))))


def _solve(argnums: Argnums, a: Array, b: Array) -> bool:
    """The cotangents of one vector's solutions are taken for the columns of a matrix."""
    return np.ndim(b) == 1 and np.ndim(a) > 2


def _pinv(argnums: Argnums, x: Array, *args: Any, **options: Any) -> bool:
    return np.iscomplexobj(x) and x.shape[-1] != x.shape[-2]


def _real_fft(argnums: Argnums, x: Array, s: Any = None, axes: Any = None, norm: Any = None, **options: Any) -> bool:
    """The rule scales as if every norm but None were "ortho"."""
    return norm not in (None, "ortho")


def _rfft(argnums: Argnums, x: Array, *args: Any, **options: Any) -> bool:
    """The rule does not see a length that is given by keyword."""
    length = x.shape[options.get("axis", -1)]
    return _real_fft(argnums, x, *args, **options) or options.get("n") not in (None, length)


# Since 1.9 these are primitives within functions of the same name.
_var = getattr(numpy_wrapper, "_primitive_var", anp.var)
_std = getattr(numpy_wrapper, "_primitive_std", anp.std)
_mean = getattr(numpy_wrapper, "_primitive_mean", anp.mean)
_primitive_norm = getattr(linalg, "_primitive_norm", linalg.norm)

_BOTH: dict[Any, Condition] = {
    anp.arccosh: _other_branch,
    anp.full_like: _fills,
    anp.prod: _prod,
    anp.ravel: _ravel,
    anp.reshape: _reshape,
    anp.sign: _is_complex,
    anp.sinc: _at_zero,
    _primitive_norm: _norm,
    _std: _spread,
    _var: _spread,
}

VERSION = tuple(map(int, importlib.metadata.version("autograd").split(".")[:2]))

if VERSION < (1, 9):
    _BOTH |= {
        anp.absolute: _at_zero,  # a primitive of its own then, beside that of abs
        _primitive_norm: _either(_norm, _is_complex),
    }

_EXTREMES = {anp.max: np.max, anp.min: np.min, anp.amax: np.amax, anp.amin: np.amin}

WRONG_FORWARD: dict[Any, Condition] = {
    **_BOTH,
    **{primitive: _either(put_back, _chosen_elsewhere(function)) for primitive, function in _EXTREMES.items()},
    anp.diff: _diff,
    anp.linspace: _linspace,
    anp.pad: _pad,
    anp.sum: _sum_forward,
}
WRONG_REVERSE: dict[Any, Condition] = {
    **_BOTH,
    **{primitive: _chosen_elsewhere(function) for primitive, function in _EXTREMES.items()},
    anp.einsum: _einsum,
    anp.kron: _kron,
    anp.linspace: _linspace_reverse,
    anp.repeat: _repeat,
    anp.sum: _masked,
    anp.tile: _tile,
    anp.transpose: _transpose,
    _mean: _masked,
    fft.rfft: _rfft,
    fft.irfft: _real_fft,
    fft.rfft2: _real_fft,
    fft.irfft2: _real_fft,
    fft.rfftn: _real_fft,
    fft.irfftn: _real_fft,
    linalg.cholesky: _is_complex,
    linalg.pinv: _pinv,
    linalg.slogdet: _is_complex,  # whose sign is taken for a constant
    linalg.solve: _solve,
}
