"""Backends that are wrong by R19: errors."""

from __future__ import annotations

from typing import Any

import numpy as np

from adhelpers_plugins.finite_difference import FiniteDifferenceBackend
from wrong_backends.bases import AutogradBackend
from wrong_backends.registry import wrong


@wrong("R19")
class RefusesIntegersItself(AutogradBackend):
    """In words that do not say what to do."""

    def is_array(self, leaf: Any) -> bool:
        return super().is_array(leaf) and leaf.dtype.kind not in "ib"

    def asarray(self, leaf: Any, like: Any = None) -> Any:
        if getattr(leaf, "dtype", np.dtype(float)).kind in "ib":
            raise TypeError("bad dtype")
        return super().asarray(leaf, like)


@wrong("R19")
class DoesNotSayHowToConvert(AutogradBackend):
    """A masked array passes for one of its own until it is used."""

    def is_array(self, leaf: Any) -> bool:
        if isinstance(leaf, np.ma.MaskedArray):
            raise TypeError("bad array")
        return super().is_array(leaf)


@wrong("R19")
class ComplainsOfLengths(AutogradBackend):
    """Lists of two lengths meet zip's own error."""

    def flatten(self, tree: Any) -> Any:
        if type(tree) is dict and {type(v) for v in tree.values()} == {list, np.ndarray} and len(tree["w"]) == 1:
            raise ValueError("zip() argument 2 is shorter than argument 1")
        return super().flatten(tree)


@wrong("R19")
class TakesAnythingWithAShape(AutogradBackend):
    """So that a foreign array is not refused by name."""

    def is_array(self, leaf: Any) -> bool:
        return hasattr(leaf, "shape") or super().is_array(leaf)


@wrong("R19")
class RefusesFloatsInIntegersWords(FiniteDifferenceBackend):
    """In words that do not say what to do, with NumPy alone."""

    def is_array(self, leaf: object) -> bool:
        return super().is_array(leaf) and leaf.dtype.kind not in "ib"

    def asarray(self, leaf: Any, like: Any = None) -> Any:
        if getattr(leaf, "dtype", np.dtype(float)).kind in "ib":
            raise TypeError("bad dtype")
        return super().asarray(leaf, like)
