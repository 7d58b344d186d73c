"""Agreement of backends, pinned in a test."""

from __future__ import annotations

import pytest
from comparing import PAIR, X, cubic, ports, stopped

from adhelpers import ComparisonReport
from adhelpers.testing import assert_backends_agree


def test_agreement_is_asserted() -> None:
    assert isinstance(assert_backends_agree(cubic, X, backends=PAIR), ComparisonReport)
    with pytest.raises(AssertionError, match=r"the backends do not agree\n\nComparison of <lambda>/cubic") as raised:
        assert_backends_agree(ports(lambda x: x**2 * stopped(x)), X)
    assert "only derivatives on autograd differ" in str(raised.value)
