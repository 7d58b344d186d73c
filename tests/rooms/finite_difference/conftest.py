"""The backend of either order."""

from __future__ import annotations

import pytest

import adhelpers


@pytest.fixture(params=[2, 4])
def order(request: pytest.FixtureRequest) -> int:
    return request.param


@pytest.fixture
def central(order: int) -> adhelpers.ADBackend:
    """The backend of either order."""
    return adhelpers.backend("finite-difference", order=order)
