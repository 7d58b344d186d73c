"""Trees in single precision."""

from __future__ import annotations

import numpy as np

from adhelpers.testing.precision import in_single


def test_double_precision_becomes_single_and_nothing_else_changes() -> None:
    masked, integers, half = np.ma.masked_array([1.0]), np.arange(2), np.ones(2, "f2")
    tree = {"real": np.ones(2), "complex": [np.ones(2) * 1j, None], "number": 1.0, "scalar": np.float64(0.1)}
    received = in_single({**tree, "rest": (masked, integers, half)})
    assert received["real"].dtype == np.float32
    assert received["complex"][0].dtype == np.complex64
    assert received["complex"][1] is None
    assert (type(received["scalar"]), type(received["number"])) == (np.float32, float)
    assert all(a is b for a, b in zip(received["rest"], (masked, integers, half), strict=True))
    assert tree["real"].dtype == np.float64


def test_the_order_of_bytes_is_kept() -> None:
    for kind in ("f", "c"):
        wide = np.ones(2, f">{kind}{8 if kind == 'f' else 16}")
        received = in_single(wide)
        assert received.dtype.str == f">{kind}{4 if kind == 'f' else 8}"
        assert np.array_equal(received, wide)
