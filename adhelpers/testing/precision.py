"""Trees of NumPy's arrays in single precision."""

from __future__ import annotations

from typing import Any

import numpy as np
import optree

from adhelpers.extend import NAMESPACE

_HALVES = {"f8": "f4", "c16": "c8"}


def in_single(tree: Any) -> Any:
    """`tree` with NumPy's arrays and scalars of double precision in single; all else as it is."""
    return optree.tree_map(_leaf_in_single, tree, namespace=NAMESPACE)


def _leaf_in_single(leaf: Any) -> Any:
    if not (type(leaf) is np.ndarray or isinstance(leaf, np.generic)):
        return leaf
    order, kind = leaf.dtype.str[0], leaf.dtype.str[1:]
    return leaf.astype(order + _HALVES[kind]) if kind in _HALVES else leaf
