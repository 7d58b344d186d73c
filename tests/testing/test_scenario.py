"""A scenario that fails tells the backend's author all that he needs to know."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
from strangers import Install
from toy_suite import FEW, TOY, WRONG, conformance, toy

from adhelpers import Capability
from adhelpers.testing import RULES, Failure, NotConcerned, OutOfReach, Scenario
from adhelpers.testing.scenario import Catalogue
from adhelpers.testing.subject import Subject
from adhelpers_plugins.finite_difference import FiniteDifferenceBackend


def test_a_stranger_that_is_wrong_exits_with_1_and_a_message_for_its_author(install: Install, tmp_path: Path) -> None:
    toy(install, WRONG)
    done = conformance(tmp_path, *FEW)
    assert done.returncode == 1
    for words in (
        "promise R7 (products): the JVP is the real-linear derivative",
        "scenario sine/jvp",
        "called\n    jacobian_vector_product(f, Toy(fallback=True, order=2, relative=False), x, u)",
        "def sine(xp: Any, x: Any) -> Any:\n        return xp.sin(x)",
        "x\n    array(0.42",
        "u\n    array(3.1",
        "received\n    the result = array(5.7",
        "expected\n    array(2.867",
        "is off by 2.9",
    ):
        assert words in done.stdout
    assert "Traceback" not in done.stdout


def test_an_error_in_a_backend_comes_with_its_traceback(install: Install, tmp_path: Path) -> None:
    toy(install, TOY + "    def jvp(self, f, x, u):\n        return missing_name\n")
    done = conformance(tmp_path, *FEW)
    assert done.returncode == 1
    assert "return missing_name" in done.stdout
    assert "NameError: name 'missing_name' is not defined" in done.stdout
    assert "scenario.py" not in done.stdout  # the suite's own frames would be noise


@pytest.mark.parametrize("name", ["SystemExit(0)", "GeneratorExit()"])
def test_a_backend_that_exits_is_a_failure_like_any_other(install: Install, tmp_path: Path, name: str) -> None:
    toy(install, f"{TOY}    def jvp(self, f, x, u):\n        raise {name}\n")
    done = conformance(tmp_path, "-k", "R7-sine/jvp")
    assert done.returncode == 1
    assert "scenario sine/jvp" in done.stdout
    assert "called\n    jacobian_vector_product(" in done.stdout


# -- one scenario by itself -----------------------------------------------------------------------------------


class Doubling(FiniteDifferenceBackend):
    """Has another backend for double precision."""

    def double_precision(self) -> Any:
        return FiniteDifferenceBackend(order=4)


def of(check: Any, **fields: Any) -> Scenario:
    return Scenario("of-mine/jvp", "R7", check, **fields)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, None),
        ({"needs": frozenset({Capability.FORWARD, Capability.COMPLEX})}, None),
        ({"needs": frozenset({Capability.COMPILE, Capability.BFLOAT16})}, "not declared: bfloat16, compile"),
        ({"lacks": Capability.BFLOAT16}, None),
        ({"lacks": Capability.FORWARD}, "forward is declared"),
    ],
)
def test_a_scenario_says_why_it_does_not_concern_a_backend(fields: dict[str, Any], reason: str | None) -> None:
    assert of(lambda subject: None, **fields).why_not(FiniteDifferenceBackend()) == reason


def test_a_backend_is_checked_in_double_precision_or_as_its_users_get_it() -> None:
    seen: list[Any] = []
    for as_given in (False, True):
        of(lambda subject: seen.append(subject.backend), as_given=as_given).run(Doubling())
    assert seen == [FiniteDifferenceBackend(order=4), Doubling()]


def test_a_failure_cites_the_rule_and_the_latest_call() -> None:
    def check(subject: Subject) -> None:
        subject.record("something(f)")
        subject.expect(False, "one", "two")

    title, sentence = RULES["R7"]
    with pytest.raises(Failure) as raised:
        of(check).run(FiniteDifferenceBackend())
    assert str(raised.value) == (
        f"promise R7 ({title}): {sentence}\nscenario of-mine/jvp\n\n"
        "called\n    something(f)\nreceived\n    one\nexpected\n    two\n"
    )


def test_an_error_becomes_a_failure_that_holds_it() -> None:
    error = ZeroDivisionError("mine")

    def check(subject: Subject) -> None:
        raise error

    with pytest.raises(Failure, match="ZeroDivisionError: mine") as raised:
        of(check).run(FiniteDifferenceBackend())
    assert raised.value.__cause__ is error


@pytest.mark.parametrize("error", [OutOfReach("no digits"), NotConcerned("not mine"), KeyboardInterrupt()])
def test_what_is_no_verdict_passes_through(error: BaseException) -> None:
    def check(subject: Subject) -> None:
        raise error

    with pytest.raises(type(error)) as raised:
        of(check).run(FiniteDifferenceBackend())
    assert raised.value is error


def test_warnings_are_no_verdict() -> None:
    of(lambda subject: warnings.warn("an infinite slope", stacklevel=1)).run(FiniteDifferenceBackend())


def test_a_catalogue_enters_what_it_decorates_in_order() -> None:
    catalogue = Catalogue()

    @catalogue.add("one/jvp", "R1", [Capability.FORWARD])
    def one(subject: Subject) -> None:
        """The first."""

    two = catalogue.add("two/vjp", "R2", lacks=Capability.REVERSE, as_given=True, since=3)(one)
    assert two is one
    assert catalogue == [
        Scenario("one/jvp", "R1", one, needs=frozenset({Capability.FORWARD})),
        Scenario("two/vjp", "R2", one, lacks=Capability.REVERSE, as_given=True, since=3),
    ]
