"""Functions of a batch, for several tests."""

from __future__ import annotations

from typing import Any

import pytest

import adhelpers
from adhelpers import (
    array_namespace,
)

Backend = adhelpers.ADBackend
MODES = ["auto", "forward", "reverse"]
every_mode = pytest.mark.parametrize("mode", MODES)


def rows(x: Any) -> Any:
    """Three inputs to two outputs, the batch last, of no symmetry that would hide a wrong layout."""
    xp = array_namespace(x)
    return xp.stack([x[0] * x[1] ** 2, xp.sin(x[2]) * x[0]])


def first(f: Any) -> Any:
    """The same function with the batch first."""

    def with_batch_first(x: Any) -> Any:
        xp = array_namespace(x)
        return xp.moveaxis(f(xp.moveaxis(x, 0, -1)), -1, 0)

    return with_batch_first
