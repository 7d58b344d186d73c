"""Methods that are not filled in are named, with their words; what fails otherwise is left to the scenarios."""

from __future__ import annotations

from typing import Any

import pytest
from toys import NumpyBackend

from adhelpers import UnsupportedOperationError
from adhelpers.testing.running.gaps import unfinished
from adhelpers_plugins.finite_difference import FiniteDifferenceBackend


def unwritten(words: str) -> Any:
    def method(*arguments: Any) -> Any:
        raise NotImplementedError(words)

    return method


@pytest.mark.parametrize(
    ("methods", "gaps"),
    [
        ({}, []),
        ({"is_array": "say which"}, ["is_array: say which"]),
        ({"asarray": "make one", "jvp": "push"}, ["asarray: make one", "jvp: push"]),
        ({"array_namespace": "which", "vjp": ""}, ["array_namespace: which", "vjp: it raises NotImplementedError"]),
    ],
)
def test_gaps_are_named(methods: dict[str, str], gaps: list[str]) -> None:
    members = {name: unwritten(words) for name, words in methods.items()}
    assert unfinished(type("Gappy", (FiniteDifferenceBackend,), members)()) == gaps


@pytest.mark.parametrize("error", [ZeroDivisionError("mine"), UnsupportedOperationError("no forward rule")])
def test_other_errors_are_no_gaps(error: Exception) -> None:
    class Failing(NumpyBackend):
        name = "failing"

        def asarray(self, leaf: Any, like: Any = None) -> Any:
            raise error

        def jvp(self, f: Any, x: Any, u: Any) -> Any:
            raise error

    assert unfinished(Failing()) == []
