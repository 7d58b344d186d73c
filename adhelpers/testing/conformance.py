"""`Conformance`: the suite as a test class."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, ClassVar, NoReturn

import pytest

import adhelpers
from adhelpers import ADBackend, AdhelpersError, ArgumentTypeError, Capability
from adhelpers.testing.running.causes import KINDS, declared_kind, kinds, why
from adhelpers.testing.running.gaps import unfinished
from adhelpers.testing.running.outcomes import OUT_OF_REACH
from adhelpers.testing.running.threads import SOON, in_threads
from adhelpers.testing.scenario import SUITE_VERSION, Scenario
from adhelpers.testing.subject import HANGS, Failure, NotConcerned, OutOfReach
from adhelpers.testing.suite import scenarios


class Conformance:
    """Test a backend by every scenario of the suite: inherit from this class, and set `backend`.

    Attributes
    ----------
    backend
        The backend, or its name.
    suite_version
        The version of the suite; by default the newest. Pin it, so that a release of `adhelpers` adds no tests.

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
        """Make a test for each scenario."""
        if "scenario" in metafunc.fixturenames:
            version = metafunc.config.getoption("adhelpers_suite_version", None) or self.suite_version
            metafunc.parametrize(
                "scenario", scenarios(version), ids=lambda scenario: f"{scenario.rule}-{scenario.name}"
            )

    @pytest.fixture
    def tested(self, request: pytest.FixtureRequest, record_property: Any) -> ADBackend:
        """The backend; if it cannot be tested, the first test says why, and the others are skipped."""
        if type(self) in request.config.stash.setdefault(_UNTESTED, set()):
            pytest.skip("the backend cannot be tested; the first test that failed says why")
        words = ""
        try:
            backend = self._named(self.backend)
        except AdhelpersError as error:
            words = str(error)
        if words:
            record_property("adhelpers", (str(self.backend), "declarations", "declarations"))
            self._leave(request, words)
        return backend

    def _leave(self, request: pytest.FixtureRequest, words: str) -> NoReturn:
        """Fail, and skip the other tests."""
        request.config.stash[_UNTESTED].add(type(self))
        pytest.fail(words, pytrace=False)

    def _named(self, backend: Any) -> ADBackend:
        if isinstance(backend, ADBackend):
            return backend
        if isinstance(backend, str):
            return adhelpers.backend(backend)
        msg = f"its backend is {backend!r}; set backend to a backend or to its name"
        raise ArgumentTypeError(msg)

    def test_declarations(self, tested: ADBackend, record_property: Any) -> None:
        """The declarations of the backend are valid."""
        record_property("adhelpers", (_label(tested), "declarations", "declarations"))
        problems = list(faulty_declarations(tested))
        if problems:
            pytest.fail("\n".join([f"the declarations of {tested!r} are wrong:", *problems]), pytrace=False)

    def test_scenario(
        self, tested: ADBackend, scenario: Scenario, record_property: Any, request: pytest.FixtureRequest
    ) -> None:
        """The scenario passes, or it fails as declared in `known_failures`."""
        record_property("adhelpers", (_label(tested), scenario.rule, scenario.name))
        reason = scenario.why_not(tested)
        if reason is not None:
            pytest.skip(reason)
        known = tested.known_failures.get(scenario.name)
        kind = None if known is None else declared_kind(known)
        failure = _finding(tested, scenario, in_a_thread=kind == HANGS)
        if failure is None:
            if known is not None:
                pytest.fail(
                    f"scenario {scenario.name} passes, but known_failures says that it fails ({known}); "
                    "remove it from known_failures",
                    pytrace=False,
                )
            return
        if kind in kinds(failure):
            pytest.xfail(str(known))
        gaps = unfinished(tested) if type(failure.__cause__) is NotImplementedError else []
        if gaps:
            self._leave(request, "\n* ".join([f"backend {tested.name!r} lacks these methods:", *gaps]))
        record_property("adhelpers-why", asdict(why(failure, tested)))
        forgiven = "" if known is None else f"known_failures forgives {kind!r}, but not {kinds(failure)[0]!r}\n"
        pytest.fail(f"{failure}{forgiven}", pytrace=False)


_UNTESTED = pytest.StashKey[set[type]]()
"""The classes of tests whose backend cannot be tested."""


def _finding(backend: ADBackend, scenario: Scenario, *, in_a_thread: bool) -> Failure | None:
    """The failure, or None; skips a scenario that cannot be judged. A scenario that may hang runs in a thread."""
    try:
        if in_a_thread:
            in_threads(backend, [lambda subject: scenario.run(backend)], waiting=SOON)
        else:
            scenario.run(backend)
    except OutOfReach as error:
        pytest.skip(f"{OUT_OF_REACH}: {error}")
    except NotConcerned as error:
        pytest.skip(str(error))
    except Failure as failure:
        return failure
    return None


def _label(backend: ADBackend) -> str:
    """The backend's label in the closing table: its name, or its repr if its options are not the defaults."""
    try:
        return backend.name if backend == type(backend)() else repr(backend)
    except TypeError:  # an option without a default
        return repr(backend)


def faulty_declarations(backend: ADBackend) -> list[str]:
    """The problems of a backend's class attributes, a line for each."""
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
            problems.append(f"known_failures names {name!r}, which is not a scenario of the suite; remove it")
        elif not isinstance(reason, str) or not reason.strip():
            problems.append(f"known_failures gives no reason for {name!r}; write one that a user can understand")
        elif by_name[name].why_not(backend) is not None:
            problems.append(f"known_failures names {name!r}, which does not run: {by_name[name].why_not(backend)}")
        elif declared_kind(reason) is None:
            words = ", ".join(repr(f"{kind}: ") for kind in KINDS)
            problems.append(
                f"known_failures gives no kind of failure for {name!r}: {reason!r}; begin the reason with "
                f"{words} or the name of an error, such as 'TypeError: '"
            )
    return problems
