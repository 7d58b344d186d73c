"""What is asked for, and what came of one evaluation."""

from __future__ import annotations

from typing import Any

from comparing import X, autograd, ports, quickly, statuses


def test_missing_rules_are_unsupported() -> None:
    @autograd.extend.primitive
    def opaque(x: Any) -> Any:
        return x**3

    report = quickly(ports(opaque), X)
    assert statuses(report, "autograd") == {
        "value": "agrees",
        "jvp": "unsupported",
        "vjp": "unsupported",
        "batched_jacobian": "unsupported",
    }
