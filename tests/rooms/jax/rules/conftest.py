"""Rules are tested in double precision."""

from __future__ import annotations

from typing import Any

import pytest

import adhelpers


@pytest.fixture(autouse=True)
def double_precision() -> Any:
    with adhelpers.backend("jax", x64=True).scope():
        yield
