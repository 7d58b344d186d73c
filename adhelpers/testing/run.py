"""The file that pytest collects for ``adhelpers conformance NAME``."""

from __future__ import annotations

import pytest

from adhelpers.testing.conformance import Conformance


class TestConformance(Conformance):
    """The suite, for the backend that the command line names."""

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Make the tests of that backend."""
        type(self).backend = metafunc.config.getoption("adhelpers_backend")
        super().pytest_generate_tests(metafunc)
