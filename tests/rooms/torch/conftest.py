"""The two ways of the backend: with knowledge of which transformations are active, and without."""

from __future__ import annotations

import pytest


@pytest.fixture(params=[True, False], ids=["direct", "torch.func alone"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test also holds where PyTorch does not tell which transformations are active."""
    if not request.param and request.node.get_closest_marker("direct"):
        pytest.skip("torch.func alone cannot do this")
    levels = pytest.importorskip("adhelpers_plugins.torch.levels")
    monkeypatch.setattr(levels, "KNOWN", request.param and levels.KNOWN)
