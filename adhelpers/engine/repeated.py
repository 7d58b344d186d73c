"""Derivatives that are composed of several runs of one function, which must compute the same."""

from __future__ import annotations

from adhelpers.engine.rounding import Tolerance
from adhelpers.errors import ArgumentError
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.functions import Leaves


def require_same_values(backend: ADBackend, x: Leaves, expected: Leaves, received: Leaves) -> None:
    """Refuse a function that has returned other values of `x` when it ran again: no function has such a derivative."""
    if any(map(backend.is_traced, (*expected, *received))) or _are_equal(backend, expected, received):
        return
    if not Tolerance(backend, x, expected).allows_all(received, expected):
        msg = (
            "f must run several times for this derivative, and returns another result each time: it changes what it "
            "closes over, or is random; let it take that as an argument, change it outside of f, or seed the numbers"
        )
        raise ArgumentError(msg)


def _are_equal(backend: ADBackend, expected: Leaves, received: Leaves) -> bool:
    """Whether all numbers are the same, as they mostly are: this costs less than to ask for rounding."""
    for a, b in zip(map(backend.stop_gradient, expected), map(backend.stop_gradient, received), strict=True):
        if a is not b and bool(backend.array_namespace(a, b).any(a != b)):
            return False
    return True
