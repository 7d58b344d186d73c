"""Calls to prepare, and what must come of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from adhelpers import ADBackend
from adhelpers import jacobian_vector_product as jvp
from adhelpers import vector_jacobian_product as vjp

PRODUCTS = pytest.mark.parametrize("product", [jvp, vjp], ids=["jvp", "vjp"])
X, U = np.array([0.5, 1.5, -2.0]), np.array([1.0, -0.5, 2.0])
BATCH = np.arange(1.0, 7.0).reshape(2, 3)


def cube(x: Any) -> Any:
    return x**3


def lifted(backend: ADBackend, *arrays: np.ndarray) -> list[Any]:
    with backend.scope():
        return [backend.asarray(array) for array in arrays]


def same(backend: ADBackend, received: Any, expected: Any) -> None:
    """The same structure, in the same order of keys, with the same values and, but for arrays, types."""
    assert repr(to_numpy_or_as_is(backend, received)) == repr(to_numpy_or_as_is(backend, expected))


def to_numpy_or_as_is(backend: ADBackend, tree: Any) -> Any:
    leaves, treedef = backend.flatten(tree)
    is_array = backend.is_array
    return treedef.unflatten([np.round(backend.to_numpy(leaf), 5) if is_array(leaf) else leaf for leaf in leaves])
