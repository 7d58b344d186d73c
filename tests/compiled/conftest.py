"""What tests of compiled code share."""

from __future__ import annotations

from types import ModuleType

import pytest

from conftest import make


@pytest.fixture
def jax() -> ModuleType:
    make("jax")
    import jax

    return jax
