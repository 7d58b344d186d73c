"""Backends that are wrong by R3: no silent casts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from adhelpers.extend import Leaves
from adhelpers_plugins.finite_difference import FiniteDifferenceBackend
from wrong_backends.bases import AutogradBackend, Compiling
from wrong_backends.registry import wrong


@wrong("R3")
class FillsItsPartner(AutogradBackend):
    """A number becomes an array of its partner's shape."""

    def asarray(self, leaf: Any, like: Any = None) -> Any:
        if like is not None and isinstance(leaf, float):
            return np.full(like.shape, leaf, dtype=like.dtype)
        return super().asarray(leaf, like)


@wrong("R3")
class CastsToItsPartner(AutogradBackend):
    """A float32 array is no array of its own: it is lifted, to its partner's dtype."""

    def is_array(self, leaf: Any) -> bool:
        return super().is_array(leaf) and leaf.dtype != np.float32

    def asarray(self, leaf: Any, like: Any = None) -> Any:
        array = super().asarray(leaf, like)
        return array if like is None else array.astype(like.dtype)


@wrong("R3")
class ReadsEverythingInDoublePrecision(AutogradBackend):
    """Precisions match, for there is only one."""

    def flatten(self, tree: Any) -> Any:
        leaves, treedef = super().flatten(tree)
        return tuple(leaf.astype(float) if getattr(leaf, "dtype", None) == "f4" else leaf for leaf in leaves), treedef


@wrong("R3")
class ReadsEverythingFlat(AutogradBackend):
    """Shapes match if sizes do."""

    def flatten(self, tree: Any) -> Any:
        leaves, treedef = super().flatten(tree)
        return tuple(leaf.reshape(-1) if type(leaf) is np.ndarray else leaf for leaf in leaves), treedef


@wrong("R3")
class DropsImaginaryPartsOfU(AutogradBackend):
    """A complex u fits a real x."""

    def is_array(self, leaf: Any) -> bool:
        return super().is_array(leaf) and leaf.dtype != np.complex128

    def asarray(self, leaf: Any, like: Any = None) -> Any:
        array = super().asarray(leaf, like)
        return array.real.copy() if like is not None and like.dtype.kind == "f" else array


@wrong("R3")
class FillsWithDifferences(FiniteDifferenceBackend):
    """A number becomes an array of its partner's shape, with NumPy alone."""

    def asarray(self, leaf: Any, like: Any = None) -> Any:
        if like is not None and isinstance(leaf, float):
            return np.full(like.shape, leaf, dtype=like.dtype)
        return super().asarray(leaf, like)


@wrong("R3")
class CompiledOperandsAreBroadcast(Compiling):
    """Compiled code takes a u of any shape that fits."""

    def run(self, function: Callable[..., Any], known: dict[Any, Any], arrays: Leaves) -> Any:
        return function(arrays[0], *(np.broadcast_to(array, arrays[0].shape) for array in arrays[1:]))
