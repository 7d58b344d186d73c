"""What a function of a namespace gives, in a trace of autograd and outside, to be compared with what NumPy gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import array_api_compat.numpy as xnp
import numpy as np
import pytest

import adhelpers

pytest.importorskip("autograd")
from autograd.tracer import getval, isbox

from adhelpers_plugins.autograd import namespace

DTYPES = "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64 complex64 complex128"

NUMBERS = np.array(
    [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -3.0, np.inf, -np.inf, np.nan, 1e300, -1e-300, np.pi, 710.0, -745.0, 1e16]
)
"""Special ones: infinities, nan, signs of zero, near the limits."""

UNARY = """
abs acos acosh asin asinh atan atanh ceil conj cos cosh exp expm1 floor imag isfinite isinf isnan log log10 log1p log2
logical_not negative positive real reciprocal round sign signbit sin sinh sqrt square tan tanh trunc
"""
BINARY = """
add atan2 copysign divide equal floor_divide greater greater_equal hypot less less_equal logaddexp logical_and
logical_or logical_xor maximum minimum multiply nextafter not_equal pow remainder subtract
"""


def each(names: str, entry: Any) -> dict[str, Any]:
    """A row of a table for several names."""
    return dict.fromkeys(names.split(), entry)


def found(module: Any, path: str) -> Callable[..., Any]:
    for name in path.split("."):
        module = getattr(module, name)
    return module


def outcome(call: Callable[[], Any]) -> Any:
    """The arrays that come out, or the kind of error."""
    try:
        return arrays_in(call())
    except Exception as error:  # noqa: BLE001
        return type(error)


def arrays_in(result: Any) -> list[np.ndarray]:
    if isinstance(result, (tuple, list)):
        return [array for item in result for array in arrays_in(item)]
    return [np.asarray(getval(result))]


def values_in_trace(f: Callable[..., Any], *arrays: np.ndarray) -> Any:
    """What `f` returns when it is given boxes."""
    seen = []

    def traced(x: tuple[Any, ...]) -> Any:
        assert all(map(isbox, x))
        seen.append(f(*x))
        return x[0]

    adhelpers.vector_jacobian_product(traced, "autograd", arrays, arrays[0])
    return seen[0]


def is_of_kind(received: Any, expected: type) -> bool:
    """Whether an error is the one that NumPy raises, or one of ours that is such a one too."""
    ours = isinstance(received, type) and issubclass(received, adhelpers.AdhelpersError)
    return received is expected or (ours and issubclass(received, expected))


def assert_same(path: str, *arrays: np.ndarray, rtol: float = 0.0, **options: Any) -> None:
    """Over boxes, and over plain arrays, what array_api_compat gives."""

    def call(xp: Any) -> Callable[..., Any]:
        return lambda *x: found(xp, path)(*x, **options)

    expected = outcome(lambda: call(xnp)(*arrays))
    for results in (
        outcome(lambda: values_in_trace(call(namespace), *arrays)),
        outcome(lambda: call(namespace)(*arrays)),
    ):
        if isinstance(expected, type):
            assert is_of_kind(results, expected)
            continue
        for result, e in zip(results, expected, strict=True):
            assert (result.dtype, result.shape) == (e.dtype, e.shape)
            np.testing.assert_allclose(result, e, rtol=rtol)
            for part in (np.real, np.imag) if rtol == 0.0 and e.dtype.kind in "fc" else ():
                numbers = ~np.isnan(part(e))
                np.testing.assert_array_equal(np.signbit(part(result)[numbers]), np.signbit(part(e)[numbers]))


def assert_same_result(call: Any, *arrays: np.ndarray) -> None:
    """Of boxes what array_api_compat gives for the arrays, to the digits that are printed."""
    expected = outcome(lambda: call(xnp, *arrays))
    result = outcome(lambda: values_in_trace(lambda *x: call(namespace, *x), *arrays))
    if isinstance(expected, type):
        assert issubclass(result, expected)
    else:
        assert repr(result) == repr(expected)


EVERY_AXIS = [{}, {"axis": 0}, {"axis": -1, "keepdims": True}, {"axis": (0, 1)}, {"axis": ()}, {"axis": 2}]


SIGNATURES = {
    **each(UNARY, "x, /"),
    **each("nonzero matrix_transpose", "x, /"),
    **each("unique_all unique_counts unique_inverse unique_values", "x, /"),
    **each(BINARY, "x1, x2, /"),
    "matmul": "x1, x2, /",
    **dict.fromkeys(
        ("all", "any", "argmax", "argmin", "count_nonzero", "max", "min", "mean"), "x, /, *, axis, keepdims"
    ),
    **each("sum prod", "x, /, *, axis, dtype, keepdims"),
    **each("std var", "x, /, *, axis, correction, keepdims"),
    **each("cumulative_sum cumulative_prod", "x, /, *, axis, dtype, include_initial"),
    **each("sort argsort", "x, /, *, axis, descending, stable"),
    **each("concat stack", "arrays, /, *, axis"),
    "isin": "x1, x2, /, *, invert",
    **each("flip unstack", "x, /, *, axis"),
    "expand_dims": "x, /, axis",  # as the standard has it since 2025; by keyword, as before, too
    **each("tril triu", "x, /, *, k"),
    **each("take take_along_axis", "x, indices, /, *, axis"),
    **each("zeros_like ones_like empty_like", "x, /, *, dtype, device"),
    **each("finfo iinfo", "type, /"),
    "arange": "start, /, stop, step, *, dtype, device",
    "asarray": "obj, /, *, dtype, device, copy",
    "astype": "x, dtype, /, *, copy, device",
    "broadcast_arrays": "*arrays",
    "broadcast_to": "x, /, shape",
    "can_cast": "from_, to, /",
    "clip": "x, /, min, max",
    "diff": "x, /, *, axis, n, prepend, append",
    "full": "shape, fill_value, *, dtype, device",
    "full_like": "x, /, fill_value, *, dtype, device",
    "linspace": "start, stop, /, num, *, dtype, device, endpoint",
    "meshgrid": "*arrays, indexing",
    "moveaxis": "x, source, destination, /",
    "permute_dims": "x, /, axes",
    "repeat": "x, repeats, /, *, axis",
    "reshape": "x, /, shape, *, copy",
    "result_type": "*arrays_and_dtypes",
    "roll": "x, /, shift, *, axis",
    "searchsorted": "x1, x2, /, *, side, sorter",
    "squeeze": "x, /, axis",
    "tensordot": "x1, x2, /, *, axes",
    "tile": "x, repetitions, /",
    "vecdot": "x1, x2, /, *, axis",
    "where": "condition, x1, x2, /",
    **each(
        "linalg.det linalg.inv linalg.eig linalg.eigh linalg.eigvals linalg.eigvalsh linalg.slogdet linalg.svdvals",
        "x, /",
    ),
    **each("linalg.matmul linalg.outer linalg.solve", "x1, x2, /"),
    **each("linalg.cross linalg.vecdot", "x1, x2, /, *, axis"),
    **each("linalg.pinv linalg.matrix_rank", "x, /, *, rtol"),
    "linalg.cholesky": "x, /, *, upper",
    "linalg.diagonal": "x, /, *, offset",
    "linalg.matrix_norm": "x, /, *, keepdims, ord",
    "linalg.matrix_power": "x, n, /",
    "linalg.matrix_transpose": "x, /",
    "linalg.qr": "x, /, *, mode",
    "linalg.svd": "x, /, *, full_matrices",
    "linalg.tensordot": "x1, x2, /, *, axes",
    "linalg.trace": "x, /, *, offset, dtype",
    "linalg.vector_norm": "x, /, *, axis, keepdims, ord",
    **each("fft.fft fft.ifft fft.rfft fft.irfft fft.hfft fft.ihfft", "x, /, *, n, axis, norm"),
    **each("fft.fftn fft.ifftn fft.rfftn fft.irfftn", "x, /, *, s, axes, norm"),
    **each("fft.fftshift fft.ifftshift", "x, /, *, axes"),
}
