"""The arguments of `assert_rule_correct`, checked: a check of nothing would pass for any rule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import adhelpers
from adhelpers import ADBackend
from adhelpers.comparison.given import usable_backends
from adhelpers.errors import ArgumentError, DTypeError
from adhelpers.plugins.containers import describe, flatten
from adhelpers.trees.matching import leaf_paths


def require_double(x: Any) -> None:
    """Differences in single precision are too inexact; whole numbers are refused where derivatives are asked for."""
    leaves, treedef = flatten(x)
    arrays = dict(zip(leaf_paths(treedef, "x"), map(np.asarray, leaves), strict=True))
    if not any(array.size for array in arrays.values()):
        msg = f"x is {describe(x)} without elements, so that nothing can be checked; give an x of a few numbers"
        raise ArgumentError(msg)
    for path, array in arrays.items():
        wide = "complex128" if array.dtype.kind == "c" else "float64"
        if array.dtype.kind in "fc" and array.dtype != wide:
            msg = (
                f"{path} has dtype {array.dtype}, but must be float64 or complex128; write {path}.astype(numpy.{wide})"
            )
            raise DTypeError(msg)


def chosen(backends: Sequence[str | ADBackend] | None) -> list[ADBackend]:
    """The named backends, or all installed ones that follow rules."""
    if backends is not None:
        return list(usable_backends(backends, wide=False)[0].values())
    loaded = [adhelpers.backend(each.name) for each in adhelpers.backends() if each.loads]
    following = [each for each in loaded if type(each).apply_rule is not ADBackend.apply_rule]
    if not following:
        msg = (
            "no installed backend follows rules, so that nothing can be checked; "
            "install one (`adhelpers backends` tells what to type), or write backends=['finite-difference']"
        )
        raise ArgumentError(msg)
    return following
