"""The array namespace of JAX: every case that the one for autograd is held to.

They take ten minutes of compilation, and run by ``nox -s namespaces`` alone.
"""

from __future__ import annotations

import pytest
from namespace_cases.case import Case
from namespace_cases.on_framework import check, uses

# It compiles every shape.
pytestmark = pytest.mark.slow


@pytest.mark.parametrize("use", uses("jax"))
def test_values_products_and_a_second_derivative(use: Case) -> None:
    check("jax", use)
