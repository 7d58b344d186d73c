"""A traced array has the values, dtypes and errors that array_api_compat gives for the array; so has a plain one.

Special values included: infinities, nan, signs of zero, numbers near the limits.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import array_api_compat.numpy as xnp
import numpy as np
import pytest

import adhelpers

pytest.importorskip("autograd")
from autograd.tracer import getval, isbox
from test_autograd_namespace import values_in_trace
from test_autograd_namespace_names import DTYPES

from adhelpers_plugins.autograd import namespace

NUMBERS = np.array(
    [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -3.0, np.inf, -np.inf, np.nan, 1e300, -1e-300, np.pi, 710.0, -745.0, 1e16]
)
with np.errstate(over="ignore"):
    REAL = {dtype: NUMBERS.astype(dtype) for dtype in ("float64", "float32")}
COMPLEX = {
    dtype: np.array([complex(a, b) for a in NUMBERS[:11] for b in NUMBERS[:11]], dtype=dtype)
    for dtype in ("complex128", "complex64")
}
ARRAYS = {**REAL, **COMPLEX}

pytestmark = pytest.mark.filterwarnings("ignore:.*:RuntimeWarning", "ignore:.*:numpy.exceptions.ComplexWarning")

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
            assert results is expected
            continue
        for result, e in zip(results, expected, strict=True):
            assert (result.dtype, result.shape) == (e.dtype, e.shape)
            np.testing.assert_allclose(result, e, rtol=rtol)
            for part in (np.real, np.imag) if rtol == 0.0 and e.dtype.kind in "fc" else ():
                numbers = ~np.isnan(part(e))
                np.testing.assert_array_equal(np.signbit(part(result)[numbers]), np.signbit(part(e)[numbers]))


@pytest.mark.parametrize("dtype", ARRAYS)
@pytest.mark.parametrize("name", UNARY.split())
def test_of_one_argument(name, dtype):
    with np.errstate(all="ignore"):
        assert_same(name, ARRAYS[dtype])


@pytest.mark.parametrize("dtype", ARRAYS)
@pytest.mark.parametrize("name", BINARY.split())
def test_of_two_arguments(name, dtype):
    x = ARRAYS[dtype]
    with np.errstate(all="ignore"):
        assert_same(name, np.repeat(x, x.size), np.tile(x, x.size))
        assert_same(name, x, x[2:3])
        assert_same(name, x, x[:5])  # shapes that do not broadcast


EVERY_AXIS = [{}, {"axis": 0}, {"axis": -1, "keepdims": True}, {"axis": (0, 1)}, {"axis": ()}, {"axis": 2}]
CORRECTIONS = [{"correction": 1}, {"correction": 0.5, "axis": 1}, {"correction": 9}]
LENGTHS = [{}, {"n": 3}, {"n": 6, "axis": 0}, {"n": 0}, {"n": -1}]
NORMS = [{"norm": "ortho"}, {"norm": "forward"}, {"norm": "other"}]
ORDERS = (2, 1, 0, 3, -1, 0.5, np.inf, -np.inf)

ALONG_AXES = {
    **each("sum prod mean max min all any count_nonzero", EVERY_AXIS),
    **each("std var", [*EVERY_AXIS, *CORRECTIONS]),
    **each("cumulative_sum cumulative_prod", [{}, {"axis": 0}, {"axis": 1, "include_initial": True}]),
    **each("argmax argmin", [{}, {"axis": 0}, {"axis": 1, "keepdims": True}]),
    **each("sort argsort", [{}, {"axis": 0}, {"axis": -3}]),
    **each("tril triu", [{}, {"k": 1}, {"k": -1}]),
    **each("unique_all unique_counts unique_inverse unique_values nonzero matrix_transpose", [{}]),
    **each("unstack", [{}, {"axis": 1}, {"axis": 2}]),
    **each("expand_dims", [{"axis": 0}, {"axis": -1}, {"axis": 4}]),
    **each("flip", [{}, {"axis": 0}, {"axis": (0, 1)}, {"axis": 2}]),
    **each("diff", [{}, {"axis": 0}, {"n": 2}, {"n": 0}, {"n": 9}, {"n": -1}]),
    **each("squeeze", [{"axis": 0}, {"axis": 1}, {"axis": (0, 1)}]),
    **each("roll", [{"shift": 2}, {"shift": (1, 2), "axis": (0, 1)}]),
    **each("broadcast_to", [{"shape": (2, 4, 5)}, {"shape": (4, 6)}]),
    **each("reshape", [{"shape": (-1,)}, {"shape": (7, 7)}]),
    **each("linalg.trace linalg.diagonal", [{}, {"offset": 1}, {"offset": -1}]),
    **each("linalg.vector_norm", [{"ord": order, "axis": axis} for order in ORDERS for axis in (None, 0, 1, (0, 1))]),
    **each("linalg.matrix_norm", [{"ord": order} for order in ("fro", 1, -1, np.inf, -np.inf, 7)]),
    **each("fft.fft fft.ifft fft.rfft fft.irfft fft.hfft fft.ihfft", [*LENGTHS, *NORMS]),
    **each(
        "fft.fftn fft.ifftn fft.rfftn fft.irfftn",
        [
            *({"s": s, "axes": (0, 1)[: len(s)]} for s in ((3,), (3, 6), (-1,), (3, -1), (-1, 6))),
            *({}, {"axes": (1, 0)}, *NORMS),
        ],
    ),
    **each("fft.fftshift fft.ifftshift", [{}, {"axes": 0}, {"axes": (-1,)}]),
}


@pytest.mark.parametrize("dtype", ARRAYS)
@pytest.mark.parametrize("name", ALONG_AXES)
def test_along_axes(name, dtype):
    x = ARRAYS[dtype]
    tame = x[np.isfinite(x) & (np.abs(x) < 100.0) & (np.abs(x) > 0.01)]
    rtol = 0.0 if name in ("sort", "flip", "roll") else 1e-13 if x.real.dtype == np.float64 else 2e-5
    for array in (np.resize(x, (4, 5)), np.resize(tame, (4, 5)), np.resize(tame, (1, 3)), np.resize(tame, (3, 1))):
        for options in ALONG_AXES[name]:
            with np.errstate(all="ignore"):
                assert_same(name, array, rtol=rtol, **options)


@pytest.mark.parametrize("dtype", ARRAYS)
@pytest.mark.parametrize("name", [name for name in ALONG_AXES if not name.startswith("fft.") and name != "roll"])
def test_without_elements(name, dtype):
    if "norm" in name and np.lib.NumpyVersion(np.__version__) < "2.3.0":
        pytest.skip("this version of NumPy refuses norms of nothing")
    for shape in ((2, 0), (0, 2)):
        for options in ALONG_AXES[name]:
            with np.errstate(all="ignore"):
                assert_same(name, np.zeros(shape, dtype), **options)


@pytest.mark.parametrize("dtype", ARRAYS)
def test_matrices(dtype):
    rtol = 1e-12 if dtype in ("float64", "complex128") else 2e-4
    a = np.resize(ARRAYS[dtype][2:8], (3, 3)) + 9.0 * np.eye(3, dtype=dtype)
    positive = (a @ np.conj(a.T)).astype(dtype)
    for name in ("det", "inv", "slogdet", "svdvals", "qr", "pinv", "matrix_rank"):
        assert_same(f"linalg.{name}", a, rtol=rtol)
        assert_same(f"linalg.{name}", a[0])
    for name in ("eigvalsh", "eigh", "cholesky"):
        assert_same(f"linalg.{name}", positive, rtol=rtol)
        assert_same(f"linalg.{name}", a[:2])
    for options in ({}, {"full_matrices": False}):
        for x in (a, a[:2], a[:, :2]):
            assert_same("linalg.svd", x, rtol=10 * rtol, **options)
    for x in (a, a[:2], a[:, :2]):
        assert_same("linalg.qr", x, rtol=rtol, mode="complete")
        assert_same("linalg.qr", x, rtol=rtol)
    assert_same("linalg.cholesky", positive, rtol=rtol, upper=True)
    assert_same("linalg.cholesky", -positive)
    for b in (a, a[0], a[:, :1], a[:2]):
        assert_same("linalg.solve", a, b, rtol=rtol)
    assert_same("linalg.cross", a[0], a[1], rtol=rtol)
    for name in ("linalg.outer", "vecdot"):
        assert_same(name, a[0], a[1], rtol=rtol)
        assert_same(name, a[0], a[1, :2], rtol=rtol)
    assert_same("matmul", a, a[0], rtol=rtol)
    assert_same("tensordot", a, a, axes=1, rtol=rtol)


@pytest.mark.parametrize("dtype", DTYPES.split())
def test_plain_arrays_of_every_dtype(dtype):
    """Integers and truth values are never traced; beside traced arrays they come to the same functions."""
    x = np.array([[3, 0, 1], [1, 2, 2]]).astype(dtype)
    uses = [(name, (x,), options) for name, all_options in ALONG_AXES.items() for options in all_options]
    uses += [(name, (x,), {}) for name in (*UNARY.split(), "zeros_like", "ones_like", "asarray")]
    uses += [(name, (x, x[0]), {}) for name in BINARY.split()]
    for name, arrays, options in uses:
        expected, result = (outcome(partial(found(xp, name), *arrays, **options)) for xp in (xnp, namespace))
        assert repr(result) == repr(expected), (name, options)


# -- signatures ---------------------------------------------------------------------------------------------

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
    **each("flip unstack expand_dims", "x, /, *, axis"),
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
    **each("linalg.det linalg.inv linalg.eigh linalg.eigvalsh linalg.slogdet linalg.svdvals", "x, /"),
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


@pytest.mark.parametrize("name", SIGNATURES)
def test_signatures_are_those_of_the_standard(name):
    parameters = inspect.signature(found(namespace, name)).parameters.values()
    bare = [p.replace(annotation=inspect.Parameter.empty, default=inspect.Parameter.empty) for p in parameters]
    assert str(inspect.Signature(bare)) == f"({SIGNATURES[name]})"


# -- inspection, creation -----------------------------------------------------------------------------------


def test_the_namespace_describes_itself():
    assert namespace.__array_api_version__ == "2024.12"
    info = namespace.__array_namespace_info__()
    assert info.default_device() == "cpu"
    assert info.default_dtypes()["real floating"] == np.float64
    assert set(info.dtypes()) == set(DTYPES.split())
    assert all(getattr(namespace, name) == dtype for name, dtype in info.dtypes().items())


def test_dtypes_of_traced_arrays():
    def f(x):
        xp = adhelpers.array_namespace(x)
        assert xp.result_type(x, xp.complex64) == xp.complex128
        assert xp.result_type(x, 1) == xp.result_type(1.0, x) == xp.float64
        assert xp.finfo(x).bits == 64
        assert xp.can_cast(x, xp.float64)
        assert not xp.can_cast(x, xp.float32)
        assert xp.isdtype(x.dtype, "real floating")
        return x

    adhelpers.jacobian_vector_product(f, "autograd", NUMBERS, NUMBERS)


@pytest.mark.parametrize("name", ["zeros_like", "ones_like", "empty_like", "full_like"])
def test_like_a_traced_array(name):
    def f(x):
        fill = (x[0],) if name == "full_like" else ()
        like = getattr(namespace, name)
        for options, dtype in (({}, np.float64), ({"dtype": namespace.int32, "device": "cpu"}, np.int32)):
            made = like(x, *fill, **options)
            assert (made.shape, made.dtype) == (x.shape, dtype)
        assert isbox(like(x, *fill)) == (name == "full_like")
        with pytest.raises(ValueError, match="device|Device"):
            like(x, *fill, device="gpu")
        return x

    adhelpers.jacobian_vector_product(f, "autograd", np.ones(3), np.ones(3))


def test_no_arrays_of_objects():
    def f(x):
        return namespace.asarray(np.array([x[0], x[1]], dtype=object))

    with pytest.raises(TypeError, match="objects"):
        adhelpers.jacobian_vector_product(f, "autograd", np.ones(2), np.ones(2))
