"""Parameters and their defaults are those of the standard."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

pytest.importorskip("autograd")
from namespace_values import SIGNATURES, each, found, values_in_trace

from adhelpers_plugins.autograd import namespace


@pytest.mark.parametrize("name", SIGNATURES)
def test_signatures_are_those_of_the_standard(name):
    parameters = inspect.signature(found(namespace, name)).parameters.values()
    bare = [p.replace(annotation=inspect.Parameter.empty, default=inspect.Parameter.empty) for p in parameters]
    assert str(inspect.Signature(bare)) == f"({SIGNATURES[name]})"


DEFAULTS = {
    **each("axis axes dtype device copy max min n s prepend append rtol sorter stop", None),
    **each("keepdims descending include_initial invert upper", False),
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
