"""Derivatives of analytic functions by complex steps over NumPy: exact to rounding, and no framework's.

``Im f(x + i h u) / h`` is the derivative in direction u, with an error of order h**2 and no difference that
could cancel, so that h may be tiny (Squire & Trapp 1998, doi:10.1137/S003614459631241X).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import optree

from adhelpers.extend import NAMESPACE

_STEP = 1e-100


def pushforward(f: Callable[[Any], Any], x: Any, u: Any) -> Any:
    """The Jacobian-vector product of `f`, which takes and returns NumPy arrays in any structure."""
    moved = _map(lambda leaf, tangent: leaf + 1j * _STEP * tangent, x, u)
    return _map(lambda leaf: np.imag(leaf) / _STEP, f(moved))


def pullback(f: Callable[[Any], Any], x: Any, u: Any) -> Any:
    """The vector-Jacobian product of `f`, one column of the Jacobian after another."""
    leaves, treedef = optree.tree_flatten(x, namespace=NAMESPACE)
    pulled = [np.zeros(np.shape(leaf)) for leaf in leaves]
    for i, leaf in enumerate(leaves):
        for index in np.ndindex(np.shape(leaf)):
            direction = [np.zeros(np.shape(other)) for other in leaves]
            direction[i][index] = 1.0
            column = pushforward(f, x, treedef.unflatten(direction))
            terms = _map(lambda cotangent, tangent: np.sum(cotangent * tangent), u, column)
            pulled[i][index] = sum(optree.tree_leaves(terms, namespace=NAMESPACE))
    return treedef.unflatten(pulled)


def jacobian(f: Callable[[np.ndarray], np.ndarray], x: np.ndarray) -> np.ndarray:
    """The full Jacobian ``y.shape + x.shape`` of a function of one array."""
    columns = []
    for index in np.ndindex(x.shape):
        direction = np.zeros(x.shape)
        direction[index] = 1.0
        columns.append(pushforward(f, x, direction))
    return np.moveaxis(np.array(columns).reshape((*x.shape, *columns[0].shape)), range(x.ndim), range(-x.ndim, 0))


def batched_jacobian(f: Callable[[np.ndarray], np.ndarray], x: np.ndarray) -> np.ndarray:
    """The diagonal blocks ``(M, N, B)`` of the full Jacobian, the batch last."""
    batch = x.shape[-1]
    full = jacobian(f, x)
    outputs = full.size // (batch * x.size)
    return np.einsum("mbnb->mnb", full.reshape(outputs, batch, -1, batch))


def _map(function: Callable[..., Any], tree: Any, *partners: Any) -> Any:
    return optree.tree_map(function, tree, *partners, namespace=NAMESPACE)
