"""What the array API standard says of dtypes, defaults and shapes holds over boxes as it does for NumPy.

The other modules have the values: `test_autograd_namespace_values` for arrays of one dtype, the special ones included.
Here dtypes meet each other and Python numbers, arrays have no axis or three, and keywords are left out.
"""

from __future__ import annotations

import inspect
import itertools
from typing import Any

import array_api_compat.numpy as xnp
import numpy as np
import pytest

import adhelpers

pytest.importorskip("autograd")
from autograd.tracer import getval, isbox
from test_autograd_namespace import values_in_trace
from test_autograd_namespace_names import DTYPES
from test_autograd_namespace_values import BINARY, EVERY_AXIS, SIGNATURES, assert_same, each, found, outcome

from adhelpers_plugins.autograd import namespace

TRACED = ("float64", "float32", "complex128", "complex64")

pytestmark = pytest.mark.filterwarnings("ignore:.*:RuntimeWarning", "ignore:.*:numpy.exceptions.ComplexWarning")


def assert_same_result(call: Any, *arrays: np.ndarray) -> None:
    """Of boxes what array_api_compat gives for the arrays, to the digits that are printed."""
    expected = outcome(lambda: call(xnp, *arrays))
    result = outcome(lambda: values_in_trace(lambda *x: call(namespace, *x), *arrays))
    if isinstance(expected, type):
        assert issubclass(result, expected)
    else:
        assert repr(result) == repr(expected)


def assert_same_in_either_order(call: Any, x: np.ndarray, other: Any) -> None:
    assert_same_result(lambda xp, x: call(xp, x, other), x)
    assert_same_result(lambda xp, x: call(xp, other, x), x)


# -- dtypes -------------------------------------------------------------------------------------------------

NUMBERS = (True, 2, -1, 0.5, float("nan"), 2j)
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
    for number in NUMBERS:
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
    for options in ({"min": None, "max": None}, {"min": 0}, {"max": 2}):
        assert_same("clip", x.astype(bound), **options)

    def f(low: Any) -> Any:
        limited = namespace.clip(x, low, 2)
        np.testing.assert_array_equal(getval(limited), xnp.clip(x, getval(low), 2), strict=True)
        assert isbox(limited) == (x.dtype.kind == "f")
        return low

    adhelpers.jacobian_vector_product(f, "autograd", low, np.ones_like(low))


# -- shapes -------------------------------------------------------------------------------------------------

SHAPES = ((), (1,), (2, 0, 3), (2, 3, 2))
ANY_AXES = {
    **each("sum prod mean max min std var all any count_nonzero", [o for o in EVERY_AXIS if o.get("axis") != 0]),
    **each("argmax argmin", [{}, {"axis": -1}, {"axis": 1, "keepdims": True}]),
    **each("sort argsort", [{"axis": axis} for axis in (0, -1, 1)]),
    **each("unique_all unique_values nonzero matrix_transpose", [{}]),
    **each("expand_dims", [{"axis": axis} for axis in (0, -1, 1, (0, -1), 5)]),
    **each("flip", [{}, {"axis": ()}, {"axis": -1}, {"axis": (0, 2)}]),
    **each("roll", [{"shift": 1}, {"shift": -1, "axis": -1}, {"shift": 1, "axis": (0, 2)}]),
    **each("reshape", [{"shape": shape} for shape in ((-1,), (), (1, -1), (3, 2, 2), (0, 5))]),
    **each("broadcast_to", [{"shape": shape} for shape in ((), (2, 3, 2), (4, 2, 3, 2), (2, 0, 3))]),
    **each("permute_dims", [{"axes": axes} for axes in ((), (0,), (2, 0, 1), (-1, 0, 1), (0, 0, 1))]),
    **each("squeeze", [{"axis": axis} for axis in ((), 0, -1, (0, 1))]),
    **each("repeat", [{"repeats": 2}, {"repeats": 0}, {"repeats": 2, "axis": -1}]),
    **each("tile", [{"repetitions": times} for times in ((), (2,), (2, 1, 0), (1, 2, 1, 2))]),
    **each("tril triu", [{}, {"k": 1}]),
    **each("diff", [{"axis": axis, "n": n} for axis in (0, -1, 1) for n in (1, 3)]),
    **each("linalg.vector_norm", [{}, {"axis": ()}, {"axis": (0, 1), "keepdims": True}, {"axis": -1, "ord": 3}]),
    **each("linalg.diagonal linalg.trace", [{}, {"offset": -1}]),
}
POSITIONAL = ("repeats", "repetitions")


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ANY_AXES)
def test_of_no_axis_and_of_three(name, shape):
    for dtype, options in itertools.product(("float32", "complex128"), ANY_AXES[name]):
        x = np.resize(np.array([0.5, -1.0, 2.0, -3.0, 1.0], dtype), shape)
        arguments = [value for key, value in options.items() if key in POSITIONAL]
        rest = {key: value for key, value in options.items() if key not in POSITIONAL}

        if shape == () and rest.get("axis") == -1:
            continue  # NumPy lets it pass
        assert_same_result(lambda xp, x, a=arguments, o=rest: found(xp, name)(x, *a, **o), x)


def test_powers_are_of_square_matrices():
    for n in (-1, 0, 1, 2):
        for shape in ((2, 3), (3,), ()):
            x = np.ones(shape)
            with pytest.raises(np.linalg.LinAlgError):
                values_in_trace(lambda x, n=n: namespace.linalg.matrix_power(x, n), x)


def test_the_tolerance_of_a_rank_may_be_traced():
    x = np.diag([1.0, 2.0, 1e-3])
    result = values_in_trace(lambda x, rtol: namespace.linalg.pinv(x, rtol=rtol), x, np.array(1e-2))
    np.testing.assert_allclose(getval(result), np.diag([1.0, 0.5, 0.0]))


# -- defaults -----------------------------------------------------------------------------------------------

DEFAULTS = {
    **each("axis axes dtype device copy max min n s prepend append rtol sorter stop", None),
    **each("keepdims descending include_initial upper", False),
    **each("stable endpoint full_matrices", True),
    **each("offset k correction", 0),
    "step": 1,
    "indexing": "xy",
    "side": "left",
    "mode": "reduced",
    "norm": "backward",
}
OTHER_DEFAULTS = {
    **each("sort argsort take_along_axis vecdot linalg.cross linalg.vecdot", {"axis": -1}),
    **each("concat stack unstack expand_dims", {"axis": 0}),
    **each("fft.fft fft.ifft fft.rfft fft.irfft fft.hfft fft.ihfft", {"axis": -1}),
    **each("tensordot linalg.tensordot", {"axes": 2}),
    "diff": {"axis": -1, "n": 1},
    "astype": {"copy": True},
    "linalg.vector_norm": {"ord": 2},
    "linalg.matrix_norm": {"ord": "fro"},
}
WITHOUT = {"astype": "dtype", "squeeze": "axis", "permute_dims": "axes", "linalg.matrix_power": "n", "linspace": "stop"}


@pytest.mark.parametrize("name", SIGNATURES)
def test_defaults_are_those_of_the_standard(name):
    defaults = {**DEFAULTS, **OTHER_DEFAULTS.get(name, {})}
    for key, parameter in inspect.signature(found(namespace, name)).parameters.items():
        expected = parameter.empty if key == WITHOUT.get(name) else defaults.get(key, parameter.empty)
        assert parameter.default == expected, key


def test_an_axis_is_added_in_front():
    """array_api_compat wants `axis`, which has a default in the standard."""
    for x in (np.ones(3), np.ones((2, 3), np.int64)):
        assert namespace.expand_dims(x).shape == (1, *x.shape)
    assert values_in_trace(namespace.expand_dims, np.ones(3)).shape == (1, 3)
