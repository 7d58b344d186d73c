"""What stands in for a rule that a framework lacks, when it may not, and what is said of it."""

from __future__ import annotations

import gc
import logging
import weakref
from typing import Any, ClassVar

import numpy as np
import pytest
from toys import NumpyBackend

from adhelpers import UnsupportedOperationError, explain
from adhelpers.engine.journal import call_of
from adhelpers.engine.missing_rules import Lack, either


class MissingError(Exception):
    """How this framework says that it lacks a rule."""


class Toy(NumpyBackend):
    name: ClassVar[str] = "toy"

    def vjp(self, f: Any, x: Any) -> Any:
        raise NotImplementedError

    def is_missing_rule(self, error: Exception) -> bool:
        return isinstance(error, MissingError)


class Function:
    """What is differentiated: something that is made of the user's function for each call."""

    def __init__(self, function: Any) -> None:
        self.function = function
        self.signature: tuple[Any, ...] = ()
        self.kind = "values"


def user() -> Any:
    """A function of a user's."""
    return lambda x: x


def raising(error: BaseException) -> Any:
    def call() -> Any:
        raise error

    return call


def try_either(native: Any, substitute: Any, f: Any = None, *, allowed: bool = True) -> Any:
    f = Function(user() if f is None else f)
    return either(Toy(), f, native, substitute, rule="reverse rule", way="a sweep", allowed=allowed)


def test_the_native_way_is_taken_where_there_is_one() -> None:
    assert try_either(lambda: "native", raising(AssertionError())) == "native"


def test_the_substitute_stands_in_for_a_missing_rule() -> None:
    assert try_either(raising(MissingError("no rule for cube")), lambda: "substitute") == "substitute"


def test_what_core_lacks_itself_counts_too() -> None:
    """As of a nested operation, or of a backend without that mode."""
    assert try_either(raising(UnsupportedOperationError("no reverse mode")), lambda: "substitute") == "substitute"


@pytest.mark.parametrize("error", [ValueError("mine"), NotImplementedError("mine"), KeyError("mine")], ids=repr)
def test_any_other_error_is_the_users(error: Exception) -> None:
    """NotImplementedError too: whether it is the framework's word is for the backend to say."""
    with pytest.raises(type(error)) as raised:
        try_either(raising(error), raising(AssertionError()))
    assert raised.value is error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(2)], ids=repr)
def test_what_ends_the_program_is_not_asked_about(error: BaseException) -> None:
    with pytest.raises(type(error)):
        try_either(raising(error), raising(AssertionError()))


def test_where_nothing_may_stand_in_the_error_says_what_could() -> None:
    cause = MissingError("no rule for cube")
    with pytest.raises(UnsupportedOperationError) as raised:
        try_either(raising(cause), raising(AssertionError()), allowed=False)
    assert str(raised.value) == (
        "backend 'toy' lacks a reverse rule (no rule for cube); make the backend with fallback=True to use a sweep"
    )
    assert raised.value.__cause__ is cause


def test_where_the_substitute_lacks_a_rule_too_the_error_names_both() -> None:
    cause = MissingError("nor for square")
    with pytest.raises(UnsupportedOperationError) as raised:
        try_either(raising(MissingError("no rule for cube")), raising(cause))
    message = str(raised.value)
    assert message.startswith("backend 'toy' lacks a reverse rule (no rule for cube), and a sweep cannot stand in")
    assert "(nor for square)" in message
    assert "'finite-difference'" in message
    assert raised.value.__cause__ is cause


def test_errors_of_the_substitute_are_the_users() -> None:
    error = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError) as raised:
        try_either(raising(MissingError()), raising(error))
    assert raised.value is error


def test_it_is_logged_once_for_each_function(caplog: pytest.LogCaptureFixture) -> None:
    f, g = user(), user()
    with caplog.at_level(logging.INFO, logger="adhelpers"):
        for function in (f, f, g, f):
            try_either(raising(MissingError("no rule")), lambda: None, function)
    said = "backend 'toy' lacks a reverse rule (no rule); using a sweep"
    assert [(r.levelname, r.getMessage()) for r in caplog.records] == [("INFO", said)] * 2


def test_each_rule_is_logged_for_itself(caplog: pytest.LogCaptureFixture) -> None:
    f = Function(user())
    with caplog.at_level(logging.INFO, logger="adhelpers"):
        for rule in ("reverse rule", "forward rule", "reverse rule"):
            either(Toy(), f, raising(MissingError()), lambda: None, rule=rule, way="another", allowed=True)
    assert len(caplog.records) == 2


def test_every_time_is_told_to_who_listens() -> None:
    f = user()
    with explain() as log, call_of("gradient", f, "toy"):
        for _ in range(2):
            try_either(raising(MissingError("no\n   rule")), lambda: None, f)
    notes = log.calls[0].notes
    assert notes == [("fallback", "toy lacks a reverse rule (no rule): a sweep instead", 2)]


def test_the_frameworks_error_and_what_it_holds_are_let_go() -> None:
    """A lack can be kept with a pullback, for as long as that; the error's traceback would hold `x` and more."""

    class Big:
        pass

    def lack_of(big: Any) -> Lack:
        try:
            raise MissingError("no rule")
        except MissingError as error:
            lack = Lack.told_by(error, Toy(), "rule", "way", allowed=True)
        assert lack is not None
        return lack

    big = Big()
    alive = weakref.ref(big)
    lack = lack_of(big)
    del big
    gc.collect()
    assert alive() is None
    assert lack.words == "no rule"


def test_no_lack_is_told_by_other_errors() -> None:
    assert Lack.told_by(ValueError(), Toy(), "rule", "way", allowed=False) is None


def test_numbers_go_through() -> None:
    """What a way gives is what comes back, whatever it counts as."""
    assert try_either(lambda: None, raising(AssertionError())) is None
    received = try_either(raising(MissingError()), lambda: np.zeros(0))
    assert received.shape == (0,)
