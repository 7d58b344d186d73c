"""The functions of every namespace take the parameters of the standard: by position, by name, and for all to see."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import adhelpers

pytest.importorskip("autograd")
from namespace_values import SIGNATURES, each, found

OTHERS = {
    **each("zeros ones empty", "shape, *, dtype, device"),
    **each("bitwise_and bitwise_or bitwise_xor bitwise_left_shift bitwise_right_shift", "x1, x2, /"),
    **each("fft.fftfreq fft.rfftfreq", "n, /, *, d, dtype, device"),
    "bitwise_invert": "x, /",
    "broadcast_shapes": "*shapes",
    "eye": "n_rows, n_cols, /, *, k, dtype, device",
    "from_dlpack": "x, /, *, device, copy",
    "isdtype": "dtype, kind",
}
"""What has no place in a trace of autograd."""
STANDARD = {**SIGNATURES, **OTHERS}


@pytest.fixture(params=["jax", "torch", "autograd"])
def xp(request: pytest.FixtureRequest) -> Any:
    pytest.importorskip(request.param)
    return namespace_of(request.param)


def namespace_of(framework: str) -> Any:
    """That of what is traced."""
    if framework == "autograd":
        from adhelpers_plugins.autograd import namespace

        return namespace
    return adhelpers.backend(framework).array_namespace()


def split(signature: str) -> tuple[list[str], list[str], list[str]]:
    """The parameters that are given by position alone, either way, and by name alone."""
    parts = signature.split(", ")
    alone = parts[: parts.index("/")] if "/" in parts else []
    rest = parts[len(alone) + bool(alone) :]
    star = next((i for i, part in enumerate(rest) if part.startswith("*")), len(rest))
    return alone, rest[:star], [part for part in rest[star:] if part != "*"]


def visible(function: Any) -> inspect.Signature | None:
    """None for a function in C, which shows none."""
    try:
        return inspect.signature(function)
    except ValueError:
        return None


@pytest.mark.parametrize("name", STANDARD)
def test_parameters_are_those_of_the_standard(xp: Any, name: str) -> None:
    if name.startswith("fft.") and name in OTHERS and xp.__name__.endswith("autograd.namespace"):
        return  # of numbers alone
    alone, either, named = split(STANDARD[name])
    if not alone and not either:  # any number of arrays
        either, named = [], [word for word in named if not word.startswith("*")]
    function = found(xp, name)
    signature = visible(function)
    if signature is None:
        written_in_c = xp.__name__.endswith("torch.namespace") or function is getattr(np, name, None)
        assert written_in_c, "only PyTorch's and NumPy's are written in C"
        return
    shown = signature.parameters
    assert [word for word in (*either, *named) if word not in shown] == [], f"{name}{signature}"
    count = len(alone)
    places = [p.name for p in shown.values() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    assert places[count : count + len(either)] == either, f"{name}{signature}"
    signature.bind(*range(count), **dict.fromkeys((*either, *named)))
    signature.bind(*range(count + len(either)), **dict.fromkeys(named))


CALLS: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    **each("argmax argmin", ((0,), {"axis": 0, "keepdims": True})),
    **each("zeros_like ones_like empty_like", ((0,), {"dtype": None, "device": None})),
    **each("linalg.pinv linalg.matrix_rank", ((0,), {"rtol": 1e-5})),
    **each("fft.fft fft.ifft fft.rfft fft.irfft fft.hfft fft.ihfft", ((0,), {"n": 3, "axis": 0, "norm": "ortho"})),
    "stack": (([0, 0],), {"axis": 1}),
    "moveaxis": ((0, 0, 1), {}),
    "tile": ((0, (2, 1)), {}),
    "linalg.cholesky": ((0,), {"upper": True}),
    "linalg.diagonal": ((0,), {"offset": 1}),
    "linalg.matrix_norm": ((0,), {"keepdims": True, "ord": 1}),
    "linalg.matrix_power": ((0, 2), {}),
    "linalg.qr": ((0,), {"mode": "complete"}),
    "linalg.svd": ((0,), {"full_matrices": False}),
    "expand_dims": ((0, 0), {}),
    "expand_dims by name": ((0,), {"axis": 0}),
    "std": ((0,), {"axis": 0, "correction": 1, "keepdims": True}),
    "sort": ((0,), {"axis": 0, "descending": True, "stable": False}),
    "from_dlpack": ((0,), {"device": None, "copy": None}),
}
"""Arguments of what shows no signature, or did not; a zero stands for the matrix."""

MATRIX = np.array([[4.0, 1.0, 0.5], [1.0, 3.0, 0.2], [0.5, 0.2, 2.0]])


def filled(arguments: Any, matrix: Any) -> Iterator[Any]:
    for argument in arguments:
        is_place = argument == 0 and type(argument) is int
        yield [matrix, matrix] if isinstance(argument, list) else matrix if is_place else argument


@pytest.mark.parametrize("name", CALLS)
def test_calls_by_the_words_of_the_standard(framework: adhelpers.ADBackend, name: str) -> None:
    args, options = CALLS[name]
    first, *rest = args
    with framework.scope():
        xp, matrix = namespace_of(framework.name), framework.asarray(MATRIX)
        function = found(xp, name.split()[0])
        received = function(*filled([first], matrix), *rest, **options)
    assert received is not None


def test_what_came_with_the_standard_of_2025(xp: Any) -> None:
    if xp.__array_api_version__ < "2025.12":
        pytest.skip(f"this version of the framework follows the standard of {xp.__array_api_version__}")
    x, y = xp.asarray([1.0, 2.0, 3.0]), xp.asarray([3.0, 4.0])
    assert all(isinstance(parts, tuple) for parts in (xp.meshgrid(x, y), xp.broadcast_arrays(x, x)))
    assert tuple(xp.broadcast_shapes((3, 1), (2,))) == (3, 2)
    assert tuple(xp.broadcast_shapes()) == ()
    assert xp.expand_dims(x, (0, -1)).shape == xp.expand_dims(x, axis=(0, 2)).shape == (1, 3, 1)
    assert xp.permute_dims(xp.ones((2, 3)), (-1, -2)).shape == (3, 2)
    assert int(xp.searchsorted(x, 2.5)) == 2
    assert [bool(found) for found in xp.isin(xp.asarray([1, 2]), 2, invert=True)] == [True, False]
    found = xp.isin(2, xp.asarray([1, 2]))
    assert (found.shape, bool(found)) == ((), True)
    values = xp.linalg.eig(xp.asarray([[0.0, -2.0], [2.0, 0.0]])).eigenvalues
    assert sorted(complex(value).imag for value in values) == pytest.approx([-2.0, 2.0])


def test_a_new_axis_in_a_trace() -> None:
    for call in (lambda xp, x: xp.expand_dims(x, 0), lambda xp, x: xp.expand_dims(x, axis=0)):
        y, v = adhelpers.value_and_jacobian_vector_product(
            lambda x, call=call: call(adhelpers.array_namespace(x), x) ** 2, "autograd", MATRIX, MATRIX
        )
        np.testing.assert_allclose(y, MATRIX[None] ** 2)
        np.testing.assert_allclose(v, 2 * MATRIX[None] ** 2)
