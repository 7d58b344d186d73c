"""Fixtures for all tests: each backend that is installed, in each precision."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable

import numpy as np
import optree
import pytest

import adhelpers

collect_ignore = ["installed_wheel.py"]  # a script for the session that builds the wheel

FRAMEWORKS = {"jax": "jax", "torch": "torch", "autograd": "autograd", "finite-difference": "numpy"}


def make(name: str) -> adhelpers.ADBackend:
    """A backend that takes 64-bit data, or a skip where its framework is not installed."""
    if importlib.util.find_spec(FRAMEWORKS[name]) is None:
        pytest.skip(f"{FRAMEWORKS[name]} is not installed")
    return adhelpers.backend(name).double_precision()


@pytest.fixture(params=FRAMEWORKS)
def backend(request: pytest.FixtureRequest) -> adhelpers.ADBackend:
    """Every backend in turn."""
    return make(request.param)


@pytest.fixture(params=[name for name in FRAMEWORKS if name != "finite-difference"])
def framework(request: pytest.FixtureRequest) -> adhelpers.ADBackend:
    """Every backend that differentiates exactly."""
    return make(request.param)


@pytest.fixture(params=["float64", "float32"])
def dtype(request: pytest.FixtureRequest) -> np.dtype:
    """Both usual precisions."""
    return np.dtype(request.param)


def to_numpy(backend: adhelpers.ADBackend, tree: object) -> object:
    """The same structure with NumPy arrays for leaves."""
    leaves, treedef = backend.flatten(tree)
    return treedef.unflatten([backend.to_numpy(leaf) for leaf in leaves])


def assert_close(backend: adhelpers.ADBackend, received: object, expected: object, *, depth: int = 1) -> None:
    """Each leaf equals its reference within the error that the backend owes, in dtype, shape and structure.

    `depth` counts nested derivatives: each multiplies the error of finite differences by the inverse step.
    """
    received_leaves, received_treedef = optree.tree_flatten(to_numpy(backend, received))
    expected_leaves, expected_treedef = optree.tree_flatten(expected)
    assert received_treedef == expected_treedef
    for a, b in zip(received_leaves, expected_leaves, strict=True):
        assert a.shape == np.shape(b)
        epsilon = float(np.finfo(a.dtype).eps)
        error = backend.relative_error(epsilon)
        if error > epsilon:
            error = 0.1 * error / epsilon ** ((depth - 1) / 3)
        np.testing.assert_allclose(a, b, rtol=0.0, atol=200 * error * float(np.max(np.abs(b), initial=1e-3)))


def complex_step_jacobian(f: Callable[[np.ndarray], np.ndarray], x: np.ndarray) -> np.ndarray:
    """The full Jacobian ``y.shape + x.shape`` of an analytic NumPy function (Squire & Trapp 1998)."""
    columns = []
    for index in np.ndindex(x.shape):
        step = np.zeros(x.shape, dtype=complex)
        step[index] = 1e-100j
        columns.append(np.imag(f(x + step)) / 1e-100)
    return np.moveaxis(np.array(columns).reshape(*x.shape, *columns[0].shape), range(x.ndim), range(-x.ndim, 0))


def batched_reference(f: Callable[[np.ndarray], np.ndarray], x: np.ndarray) -> np.ndarray:
    """The diagonal blocks ``(M, N, B)`` of the full Jacobian, by complex step, the batch last."""
    batch = x.shape[-1]
    full = complex_step_jacobian(f, x)
    outputs = full.size // (batch * x.size)
    return np.einsum("mbnb->mnb", full.reshape(outputs, batch, -1, batch))
