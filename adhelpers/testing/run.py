"""The file that pytest collects for ``adhelpers conformance NAME``."""

from __future__ import annotations

import pytest

from adhelpers import registry
from adhelpers.contract import ADBackend
from adhelpers.testing.conformance import Conformance


class TestConformance(Conformance):
    """The suite, for the backend that the command line names."""

    @pytest.fixture
    def tested(self, request: pytest.FixtureRequest) -> ADBackend:
        """The backend called by that name."""
        return registry.backend(request.config.getoption("adhelpers_backend"))
