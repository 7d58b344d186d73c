"""Backends that follow rules."""

from __future__ import annotations

import pytest

from adhelpers import ADBackend


def _following(backend: ADBackend) -> ADBackend:
    if type(backend).apply_rule is ADBackend.apply_rule:
        pytest.skip(f"backend {backend.name!r} knows no rules yet")
    return backend


@pytest.fixture
def backend(backend: ADBackend) -> ADBackend:
    """Every backend in turn that knows rules, differences among them."""
    return _following(backend)


@pytest.fixture
def framework(framework: ADBackend) -> ADBackend:
    """Every backend in turn that differentiates by a rule."""
    return _following(framework)
