"""Arrays of no axis and of three, of one length and of none: what comes out is what array_api_compat gives."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

pytest.importorskip("autograd")
from namespace_values import EVERY_AXIS, assert_same_result, each, found

pytestmark = pytest.mark.filterwarnings("ignore:.*:RuntimeWarning", "ignore:.*:numpy.exceptions.ComplexWarning")


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
