"""A report with one fault, for the tests of what shows it."""

from __future__ import annotations

from typing import Any

import pytest

from adhelpers import ComparisonReport, compare


@pytest.fixture(scope="session")
def report() -> ComparisonReport:
    """Of a function with a name that must be escaped, wrong in one derivative."""
    from comparing import X, ports, stopped  # skips where autograd is not installed

    def model_with_a_star(x: Any) -> Any:
        return x**2 * stopped(x)

    model_with_a_star.__name__ = "<model> *|&"
    return compare(ports(model_with_a_star), X)
