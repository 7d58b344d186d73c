"""Backends that are wrong by R16: loud."""

from __future__ import annotations

from typing import Any

import numpy as np

from wrong_backends.bases import AutogradBackend, Reread, getval, rebuilt
from wrong_backends.registry import wrong


@wrong("R16")
class OpensObjectArrays(AutogradBackend):
    """An array of boxes becomes an array of numbers, without a derivative."""

    def flatten(self, tree: Any) -> Any:
        leaves, treedef = super().flatten(tree)
        return tuple(map(_numbers, leaves)), treedef


def _numbers(leaf: Any) -> Any:
    if getattr(getattr(leaf, "dtype", None), "kind", "f") != "O":
        return leaf
    return np.array([float(getval(item)) for item in leaf.flat]).reshape(leaf.shape)


@wrong("R16")
class LosesSightOfLists(Reread):
    """What f puts in a list has no derivative."""

    def reread(self, tree: Any) -> Any:
        return rebuilt(tree, lambda node: [getval(item) for item in node] if type(node) is list else node)


@wrong("R16")
class LosesSightOfTuples(Reread):
    """What f puts in a tuple has no derivative."""

    def reread(self, tree: Any) -> Any:
        return rebuilt(tree, lambda node: tuple(getval(item) for item in node) if type(node) is tuple else node)
