"""Backends that say of themselves what cannot be."""

from __future__ import annotations

from typing import Any, ClassVar

from adhelpers.extend import ADBackend, Capability
from adhelpers_plugins.finite_difference import FiniteDifferenceBackend


class UnknownFailure(FiniteDifferenceBackend):
    known_failures: ClassVar[Any] = {"no-such-scenario": "it is hard"}


class FailureWithoutReason(FiniteDifferenceBackend):
    known_failures: ClassVar[Any] = {"calls/jvp": " "}


class FailureThatDoesNotRun(FiniteDifferenceBackend):
    known_failures: ClassVar[Any] = {"bfloat16/jvp": "it is hard"}


class NeitherMode(FiniteDifferenceBackend):
    capabilities: ClassVar[frozenset[Capability]] = frozenset({Capability.FLOAT32})


class NoPrecision(FiniteDifferenceBackend):
    capabilities: ClassVar[frozenset[Capability]] = frozenset({Capability.FORWARD})


class CompilesWithoutCompile(FiniteDifferenceBackend):
    capabilities: ClassVar[frozenset[Capability]] = FiniteDifferenceBackend.capabilities | {Capability.COMPILE}


class StaleFailure(FiniteDifferenceBackend):
    known_failures: ClassVar[Any] = {"sine/jvp": "wrong value: it was hard once"}


FAULTY_DECLARATIONS: dict[type[ADBackend], str] = {
    UnknownFailure: "not a scenario",
    FailureWithoutReason: "no reason",
    FailureThatDoesNotRun: "does not run",
    NeitherMode: "neither FORWARD nor REVERSE",
    NoPrecision: "neither FLOAT64 nor FLOAT32",
    CompilesWithoutCompile: "does not override compile",
}
