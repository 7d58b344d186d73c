"""`Conformance`: the suite as a test class."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

import adhelpers
from adhelpers import ADBackend, ArgumentTypeError, Capability
from adhelpers.testing.scenario import SUITE_VERSION, Scenario
from adhelpers.testing.subject import Failure, NotConcerned, OutOfReach
from adhelpers.testing.suite import scenarios


class Conformance:
    """A test for each scenario, of the backend that a subclass names.

    Attributes
    ----------
    backend
        The backend, or its name.
    suite_version
        The version of the suite to be held to; the newest unless it is pinned.

    Examples
    --------
    >>> from adhelpers.testing import Conformance
    >>> class TestDifferences(Conformance):
    ...     backend = "finite-difference"
    ...     suite_version = 1
    """

    backend: ClassVar[ADBackend | str]
    suite_version: ClassVar[int] = SUITE_VERSION

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Make a test of each scenario."""
        if "scenario" in metafunc.fixturenames:
            version = metafunc.config.getoption("adhelpers_suite_version", None) or self.suite_version
            metafunc.parametrize(
                "scenario", scenarios(version), ids=lambda scenario: f"{scenario.rule}-{scenario.name}"
            )

    @pytest.fixture
    def tested(self) -> ADBackend:
        """The backend itself."""
        return self._named(self.backend)

    def _named(self, backend: Any) -> ADBackend:
        if isinstance(backend, ADBackend):
            return backend
        if isinstance(backend, str):
            return adhelpers.backend(backend)
        msg = f"its backend is {backend!r}; set backend to a backend or to its name"
        raise ArgumentTypeError(msg)

    def test_declarations(self, tested: ADBackend, record_property: Any) -> None:
        """What the backend says of itself makes sense."""
        record_property("adhelpers", (_label(tested), "declarations", "declarations"))
        problems = list(faulty_declarations(tested))
        if problems:
            pytest.fail("\n".join([f"the declarations of {tested!r} are wrong:", *problems]), pytrace=False)

    def test_scenario(self, tested: ADBackend, scenario: Scenario, record_property: Any) -> None:
        """The scenario holds, or is a declared failure that does fail."""
        record_property("adhelpers", (_label(tested), scenario.rule, scenario.name))
        reason = scenario.why_not(tested)
        if reason is not None:
            pytest.skip(reason)
        known = tested.known_failures.get(scenario.name)
        findings = _findings(tested, scenario)
        if findings and known is not None:
            pytest.xfail(known)
        if findings:
            pytest.fail(findings, pytrace=False)
        if known is not None:
            pytest.fail(
                f"scenario {scenario.name} passes, but known_failures says that it fails ({known}); "
                "take it out of known_failures",
                pytrace=False,
            )


def _findings(backend: ADBackend, scenario: Scenario) -> str:
    """What is wrong, in words, or nothing; a scenario of which nothing can be said is skipped."""
    try:
        scenario.run(backend)
    except OutOfReach as error:
        pytest.skip(f"{OUT_OF_REACH}: {error}")
    except NotConcerned as error:
        pytest.skip(str(error))
    except Failure as failure:
        return str(failure)
    return ""


def _label(backend: ADBackend) -> str:
    """What the closing table calls a backend: its name, and its options where they are not the usual ones."""
    try:
        return backend.name if backend == type(backend)() else repr(backend)
    except TypeError:  # an option without a default
        return repr(backend)


OUT_OF_REACH = "too inexact"
"""How the reason begins for which a scenario was not judged, though all that it needs is declared."""


def faulty_declarations(backend: ADBackend) -> list[str]:
    """What is wrong with the class attributes of a backend, a line for each problem."""
    problems = []
    if not backend.capabilities & {Capability.FORWARD, Capability.REVERSE}:
        problems.append("capabilities has neither FORWARD nor REVERSE; declare what the backend can do")
    if not backend.capabilities & {Capability.FLOAT64, Capability.FLOAT32}:
        problems.append("capabilities has neither FLOAT64 nor FLOAT32; declare the precision in which it computes")
    if Capability.COMPILE in backend.capabilities and not backend.compiles:
        problems.append("capabilities has COMPILE, but the backend does not override compile; do so, or leave it out")
    by_name = {scenario.name: scenario for scenario in scenarios()}
    for name, reason in backend.known_failures.items():
        if name not in by_name:
            problems.append(f"known_failures names {name!r}, which is no scenario of the suite; take it out")
        elif not isinstance(reason, str) or not reason.strip():
            problems.append(f"known_failures gives no reason for {name!r}; write one that a user can understand")
        elif by_name[name].why_not(backend) is not None:
            problems.append(f"known_failures names {name!r}, which does not run: {by_name[name].why_not(backend)}")
    return problems
