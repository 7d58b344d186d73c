"""Dtypes that meet each other and Python numbers, dtypes that are asked for, and what a namespace says of dtypes.

Over boxes they are what array_api_compat makes of arrays.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import adhelpers

pytest.importorskip("autograd")
from autograd.tracer import getval, isbox
from namespace_values import (
    BINARY,
    DTYPES,
    NUMBERS,
    assert_same_result,
    values_in_trace,
)

from adhelpers_plugins.autograd import namespace

TRACED = ("float64", "float32", "complex128", "complex64")

pytestmark = pytest.mark.filterwarnings("ignore:.*:RuntimeWarning", "ignore:.*:numpy.exceptions.ComplexWarning")


def assert_same_in_either_order(call: Any, x: np.ndarray, other: Any) -> None:
    assert_same_result(lambda xp, x: call(xp, x, other), x)
    assert_same_result(lambda xp, x: call(xp, other, x), x)


# -- dtypes -------------------------------------------------------------------------------------------------

PYTHON_NUMBERS = (True, 2, -1, 0.5, float("nan"), 2j)
OF_TWO = {
    **{name: lambda xp, a, b, name=name: getattr(xp, name)(a, b) for name in (*BINARY.split(), "result_type")},
    "where": lambda xp, a, b: xp.where(np.array([True, False]), a, b),
}
OF_TWO_ARRAYS = {
    **OF_TWO,
    "concat": lambda xp, a, b: xp.concat([a, b]),
    "stack": lambda xp, a, b: xp.stack([a, b]),
    "matmul": lambda xp, a, b: xp.matmul(a, b),
    "vecdot": lambda xp, a, b: xp.vecdot(a, b),
    "tensordot": lambda xp, a, b: xp.tensordot(a, b, axes=0),
    "outer": lambda xp, a, b: xp.linalg.outer(a, b),
    "cross": lambda xp, a, b: xp.linalg.cross(xp.concat([a, a[:1]]), xp.concat([b, b[:1]])),
    "solve": lambda xp, a, b: xp.linalg.solve(a[:, None] * np.eye(2, dtype=np.float32), b),
    "diff": lambda xp, a, b: xp.diff(a, prepend=b),
    "full_like": lambda xp, a, b: xp.full_like(a, b[0]),
    "asarray": lambda xp, a, b: xp.asarray([a[0], b[0], 1.0]),
    "broadcast_arrays": lambda xp, a, b: tuple(xp.broadcast_arrays(a, b[:1])),
    "meshgrid": lambda xp, a, b: tuple(xp.meshgrid(a, b)),
}


@pytest.mark.parametrize("dtype", TRACED)
@pytest.mark.parametrize("name", OF_TWO_ARRAYS)
def test_beside_an_array_of_every_dtype(name, dtype):
    for other in DTYPES.split():
        with np.errstate(all="ignore"):
            assert_same_in_either_order(OF_TWO_ARRAYS[name], np.array([2, 1], dtype), np.array([1, 0], other))


@pytest.mark.parametrize("dtype", TRACED)
@pytest.mark.parametrize("name", OF_TWO)
def test_beside_a_number(name, dtype):
    """The number has no dtype of its own: beside float32 the result is float32."""
    for number in PYTHON_NUMBERS:
        with np.errstate(all="ignore"):
            assert_same_in_either_order(OF_TWO[name], np.array([2, 1], dtype), number)


INTO = {
    **{name: lambda xp, x, to, name=name: getattr(xp, name)(x, axis=0, dtype=to) for name in ("sum", "prod")},
    **{
        name: lambda xp, x, to, name=name: getattr(xp, name)(x, axis=1, dtype=to, include_initial=True)
        for name in ("cumulative_sum", "cumulative_prod")
    },
    "trace": lambda xp, x, to: xp.linalg.trace(x, dtype=to),
    "astype": lambda xp, x, to: xp.astype(x, to),
    "asarray": lambda xp, x, to: xp.asarray(x, dtype=to),
    "full": lambda xp, x, to: xp.full((2, 1), x[0, 0], dtype=to),
    "full_like": lambda xp, x, to: xp.full_like(x, x[0, 0], dtype=to),
    "linspace": lambda xp, x, to: xp.linspace(x[0, 0], x[0, 1], 5, dtype=to),
}


@pytest.mark.parametrize("dtype", TRACED)
@pytest.mark.parametrize("name", INTO)
def test_into_every_dtype(name, dtype):
    """Some have no derivative; of linspace, integers are rounded down and not towards zero."""
    x = np.array([[-2.5, 3.0], [0.0, 1.0]], dtype)
    for to in DTYPES.split():
        if np.dtype(to).kind != "u":  # into which negative numbers go anyhow
            assert_same_result(lambda xp, x, to=to: INTO[name](xp, x, np.dtype(to)), x)


@pytest.mark.parametrize("bound", ["float64", "float32"])
@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "uint8"])
def test_clip_keeps_the_dtype(dtype, bound):
    x, low = np.array([0, 1, 3], dtype), np.array(1.5, bound)

    def f(low: Any) -> Any:
        limited = namespace.clip(x, low, 2)
        np.testing.assert_array_equal(getval(limited), np.array([1.5, 1.5, 2]).astype(dtype), strict=True)
        assert isbox(limited) == (x.dtype.kind == "f")
        return low

    adhelpers.jacobian_vector_product(f, "autograd", low, np.ones_like(low))


@pytest.mark.parametrize(("limits", "expected"), [((), [0, 1, 3]), ((0.5,), [0.5, 1, 3]), ((None, 2), [0, 1, 2])])
def test_clip_without_a_limit(limits, expected):
    x = np.array([0.0, 1.0, 3.0])
    for limited in (namespace.clip(x, *limits), values_in_trace(lambda x: namespace.clip(x, *limits), x)):
        np.testing.assert_array_equal(getval(limited), expected)
    assert not np.shares_memory(namespace.clip(x, *limits), x)


# -- inspection, creation -----------------------------------------------------------------------------------


def test_the_namespace_describes_itself():
    assert namespace.__array_api_version__ == "2025.12"
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
