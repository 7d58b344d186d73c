"""`compare`: what agrees on every backend, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from comparing import PAIR, TREE, X, cubic, quickly, tree_model

import adhelpers
from adhelpers import compare


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
def test_right_functions_agree_in_every_operation(dtype: str) -> None:
    report = quickly(cubic, X.astype(dtype))
    assert report.agree, str(report)
    assert [r.operation for r in report.results] == [
        o for o in ("value", "jvp", "vjp", "batched_jacobian") for _ in PAIR
    ]


@pytest.mark.parametrize("framework", ["jax", "torch"])
def test_frameworks_agree_in_64_bits_and_no_global_setting_is_touched(framework: str) -> None:
    pytest.importorskip(framework)
    report = quickly(tree_model, TREE, backends=["autograd", framework])
    assert report.agree, str(report)
    if framework == "jax":
        import jax

        assert not jax.config.jax_enable_x64
    for pair in report.pairs:
        assert pair.deviation.max_rel < 1e-13


def test_everything_is_compared_where_no_backend_is_named() -> None:
    report = compare(cubic, X, operations=["jvp"], timing=False)
    assert set(PAIR) <= set(report.backends)
    assert report.agree


@pytest.mark.parametrize(
    ("arguments", "options", "error", "words"),
    [
        ((3, X), {}, TypeError, "f must be a function, or a dict"),
        (({}, X), {}, TypeError, "it is empty"),
        ((cubic, [1, 2]), {}, TypeError, "x[0] is an int, but x must be NumPy data"),
        ((cubic, np.ones(3, int)), {}, TypeError, "x has dtype int64, but only floating"),
        ((cubic, "x"), {}, TypeError, "x is a str, but x must be NumPy data"),
        ((cubic, ()), {}, ValueError, "x has no leaves"),
        ((cubic, X, np.ones(7)), {}, ValueError, "u is shaped neither as x nor as f(x)"),
        (
            (cubic, X),
            {"operations": ["grad"]},
            ValueError,
            "operations must be among jvp, vjp, batched_jacobian, batched_gradient,",
        ),
        ((cubic, X), {"operations": []}, ValueError, "but none was given"),
        ((cubic, X), {"batch_axis": 1}, ValueError, "batch_axis is 1; write -1"),
        ((cubic, X), {"rtol": -1.0}, ValueError, "rtol is -1.0"),
        ((cubic, X), {"rtol": "small"}, TypeError, "rtol is 'small', but must be a number"),
        ((cubic, X), {"seed": -1}, ValueError, "seed is -1, but must be an integer from 0 upwards"),
        ((cubic, X), {"backends": 3}, TypeError, "backends must be names or backends, but an int was given"),
        ((lambda x: (), X), {}, ValueError, "f(x) has no leaves, so that there is nothing to compare"),
        ((cubic, X), {"backends": ["jaks"]}, LookupError, "no backend is named 'jaks'"),
        ((cubic, X), {"backends": []}, ValueError, "there is no backend to compare"),
        (
            ({"autograd": cubic}, X),
            {"backends": ["finite-difference"]},
            ValueError,
            "but none for finite-",
        ),
    ],
)
def test_misuse_is_told(arguments: Any, options: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error) as raised:
        compare(*arguments, **{"backends": None if isinstance(arguments[0], dict) else PAIR, **options})
    assert words in str(raised.value)
    assert isinstance(raised.value, adhelpers.AdhelpersError)


def test_name_of_the_function_is_that_of_no_module() -> None:
    assert callable(adhelpers.compare)
