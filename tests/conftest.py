"""Fixtures for all tests: each backend that is installed, in each precision."""

from __future__ import annotations

import gc
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import optree
import pytest
from strangers import Install

import adhelpers
from adhelpers.plugins import lookup

collect_ignore = ["repository/installed_wheel.py"]  # a script for the session that builds the wheel

MODES = ("forward-over-reverse", "reverse-over-reverse", "reverse-over-forward", "forward-over-forward")
"""Of second derivatives."""

FRAMEWORKS = {"jax": "jax", "torch": "torch", "autograd": "autograd", "finite-difference": "numpy"}


_module: Path | None = None


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Freeze older objects when a module begins: tests that collect garbage would scan millions of them."""
    global _module
    if item.path != _module:
        _module = item.path
        gc.collect()
        gc.freeze()


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


def lifted(backend: adhelpers.ADBackend, tree: Any) -> Any:
    """The tree with arrays of `backend`."""
    with backend.scope():
        return optree.tree_map(backend.asarray, tree)


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


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install a distribution: its entry point, and one module for each keyword."""
    before = set(sys.modules)

    def install(distribution: str, entry_point: str = "toy", value: str | None = None, **modules: str) -> None:
        for module, source in modules.items():
            (tmp_path / f"{module}.py").write_text(source)
        metadata = tmp_path / f"{distribution.replace('-', '_')}-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        line = f"{entry_point} = {value or next(iter(modules))}"
        (metadata / "entry_points.txt").write_text(f"[adhelpers]\n{line}\n")
        importlib.invalidate_caches()

    monkeypatch.syspath_prepend(tmp_path)
    yield install
    for name in set(sys.modules) - before:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """The registry as a new process has it: nothing scanned, nothing made."""
    monkeypatch.setattr(lookup, "_scanned", None)
