"""The array namespace of PyTorch: every case that the one for autograd is held to."""

from __future__ import annotations

import pytest
from namespace_cases.case import Case
from namespace_cases.on_framework import check, uses


@pytest.mark.parametrize("use", uses("torch"))
def test_values_products_and_a_second_derivative(use: Case) -> None:
    check("torch", use)
