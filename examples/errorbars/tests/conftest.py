"""Tests with the fixture `user` run once for each framework that is installed, as its users would call the package."""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass
from typing import Any

import adhelpers
import numpy as np
import pytest


@dataclass(frozen=True)
class User:
    """Somebody with a framework.

    Attributes
    ----------
    backend
        What they pass: None if their arrays show the framework.
    module, asarray, array_type
        Where their arrays come from, the function that makes them, and their type.
    error
        The relative error of the derivatives.
    """

    backend: adhelpers.ADBackend | str | None
    module: str
    asarray: str
    array_type: str
    error: float

    def arrays(self, tree: Any) -> Any:
        """NumPy arrays and numbers as arrays of the framework, in single precision where that is its default."""
        function = getattr(importlib.import_module(self.module), self.asarray)
        dtype = np.float32 if self.module == "jax.numpy" else np.float64
        return adhelpers.tree_map(lambda leaf: function(np.asarray(leaf, dtype)), tree)

    def assert_close(self, received: Any, expected: Any) -> None:
        """The same structure, in arrays of the framework, with the numbers that are expected."""
        kind = getattr(importlib.import_module(self.module), self.array_type)

        def check(a: Any, b: Any) -> None:
            assert isinstance(a, (kind, np.generic) if kind is np.ndarray else kind)
            np.testing.assert_allclose(np.asarray(a), b, rtol=self.error, atol=self.error * np.max(np.abs(b)))

        adhelpers.tree_map(check, received, expected)


USERS = {
    "jax": User(None, "jax.numpy", "asarray", "ndarray", 2e-4),
    "torch": User(None, "torch", "asarray", "Tensor", 1e-9),
    "autograd": User("autograd", "numpy", "asarray", "ndarray", 1e-9),
    "numpy": User("finite-difference", "numpy", "asarray", "ndarray", 1e-5),
}


@pytest.fixture(params=USERS)
def user(request: pytest.FixtureRequest) -> User:
    """Each installed framework in turn."""
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    return USERS[request.param]
