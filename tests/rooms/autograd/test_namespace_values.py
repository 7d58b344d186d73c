"""A traced array has the values, dtypes and errors that array_api_compat gives for the array; so has a plain one.

Special values included: infinities, nan, signs of zero, numbers near the limits.
"""

from __future__ import annotations

from functools import partial

import array_api_compat.numpy as xnp
import numpy as np
import pytest

pytest.importorskip("autograd")
from namespace_values import BINARY, DTYPES, EVERY_AXIS, NUMBERS, UNARY, assert_same, each, found, outcome

from adhelpers_plugins.autograd import namespace

with np.errstate(over="ignore"):
    REAL = {dtype: NUMBERS.astype(dtype) for dtype in ("float64", "float32")}
COMPLEX = {
    dtype: np.array([complex(a, b) for a in NUMBERS[:11] for b in NUMBERS[:11]], dtype=dtype)
    for dtype in ("complex128", "complex64")
}
ARRAYS = {**REAL, **COMPLEX}

pytestmark = pytest.mark.filterwarnings("ignore:.*:RuntimeWarning", "ignore:.*:numpy.exceptions.ComplexWarning")


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
