"""Along what is differentiated: given, or drawn."""

from __future__ import annotations

import numpy as np
from comparing import X, cubic, ports, quickly, stopped

from adhelpers import array_namespace, compare


def test_u_is_the_tangent_or_the_cotangent() -> None:
    """At a tangent of zeros every jvp is zero, whatever the function; the cotangent is drawn."""
    report = quickly({"autograd": cubic}, X, np.zeros_like(X), reference=None)
    assert report.agree
    wrong = quickly(ports(lambda x: x**2 * stopped(x), cubic), {"a": X}["a"], np.zeros_like(X), operations=["jvp"])
    assert wrong.agree
    scalar = quickly(lambda x: array_namespace(x).sum(x), X, np.asarray(0.0), operations=["vjp"])
    assert scalar.agree


def test_seed_decides_what_is_drawn() -> None:
    def deviation(seed: int) -> float:
        report = compare(np.sin, np.ones(3), backends=["autograd"], operations=["jvp"], timing=False, seed=seed)
        (result,) = [result for result in report.results if result.operation == "jvp"]
        assert result.deviation is not None
        return result.deviation.max_abs

    assert deviation(1) == deviation(1) != deviation(2)
