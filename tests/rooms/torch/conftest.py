"""PyTorch may tell which transformations are active, or not: the backend must be right either way."""

from __future__ import annotations

import pytest


@pytest.fixture(params=[True, False], ids=["direct", "torch.func alone"])
def levels_known(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test also holds where PyTorch does not tell which transformations are active."""
    if not request.param and request.node.get_closest_marker("direct"):
        pytest.skip("torch.func alone cannot do this")
    names = pytest.importorskip("adhelpers_plugins.torch.names")
    monkeypatch.setattr(names, "KNOWN", request.param and names.KNOWN)
