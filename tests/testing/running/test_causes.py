"""The kind of a failure, which is forgiven by name, and the cause that many may share."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from adhelpers.testing import Failure, Scenario
from adhelpers.testing.running.causes import declared_kind, kinds, why
from adhelpers.testing.subject import Subject
from adhelpers_plugins.finite_difference import FiniteDifferenceBackend

RIGHT = np.asarray([1.0, 2.0j])


def failure_of(check: Any) -> Failure:
    """What a scenario raises, as the suite sees it."""
    with pytest.raises(Failure) as raised:
        Scenario("of-mine/jvp", "R7", check).run(FiniteDifferenceBackend())
    return raised.value


class Exact(FiniteDifferenceBackend):
    """Held to rounding."""

    def relative_error(self, epsilon: float) -> float:
        return epsilon


class OwnError(LookupError):
    pass


def missing_name(subject: Subject) -> None:
    subject.namespace(()).no_such_name()


def elsewhere(subject: Subject) -> None:
    [].no_such_name()  # type: ignore[attr-defined]


def own_error(subject: Subject) -> None:
    msg = "mine\nin two lines"
    raise OwnError(msg)


def another_error(subject: Subject) -> None:
    subject.expect_error(TypeError, lambda: own_error(subject))


def no_error(subject: Subject) -> None:
    subject.expect_error(TypeError, lambda: np.ones(1))


def afterwards(subject: Subject) -> None:
    with subject.after("something"):
        subject.expect_equal(np.asarray(1.0), np.asarray(2.0))


def off_by(factor: Any) -> Any:
    return lambda subject: Subject(Exact()).expect_close(RIGHT * factor, RIGHT)


@pytest.mark.parametrize(
    ("check", "kind", "cause"),
    [
        (off_by(1 + 3e-6), "wrong value", "slightly wrong: does the framework use single precision?"),
        (off_by(1.5), "wrong value", "results are wrong"),
        (off_by(0.0), "wrong value", "results are zero"),
        (off_by(np.nan), "wrong value", "results are NaN or infinite"),
        (off_by(-1.0), "wrong value", "the negatives of the expected ones"),
        (
            lambda subject: Subject(Exact()).expect_close(np.conjugate(RIGHT), RIGHT),
            "wrong value",
            "the complex conjugates of the expected ones",
        ),
        (
            lambda subject: Subject(Exact()).expect_close(np.float32(1.5), np.float32(1.5001)),
            "wrong value",
            "results are wrong",
        ),
        (lambda subject: subject.expect_close(np.ones(2), np.ones(3)), "wrong behaviour", "the result of shape (...,)"),
        (afterwards, "wrong value", "the result = array(...), but expected: exactly array(...)"),
        (
            lambda subject: subject.expect(False, "dtype float64, -1.5e-7j", "two of 2"),
            "wrong behaviour",
            "dtype float64, ..., but expected: two of ...",
        ),
        (no_error, "wrong behaviour", "array([...]), but expected: TypeError"),
        (missing_name, "AttributeError", "the namespace has no `no_such_name`"),
        (elsewhere, "AttributeError", "AttributeError in elsewhere (test_causes.py, line "),
        (own_error, "OwnError", "OwnError in own_error (test_causes.py, line "),
        (another_error, "OwnError", "OwnError in own_error (test_causes.py, line "),
    ],
)
def test_kinds_and_causes(check: Any, kind: str, cause: str) -> None:
    failure = failure_of(check)
    found = why(failure, FiniteDifferenceBackend())
    assert (found.kind, kinds(failure)[0]) == (kind, kind)
    assert cause in found.cause


def test_what_is_off_a_little_says_by_how_much() -> None:
    assert why(failure_of(off_by(1 + 3e-6)), Exact()).off_by == pytest.approx(3e-6)


def test_an_error_has_its_message_for_an_example_and_the_names_of_its_bases() -> None:
    failure = failure_of(own_error)
    assert why(failure, FiniteDifferenceBackend()).example == "mine"
    assert kinds(failure) == ["OwnError", "LookupError"]


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("wrong value: of the max", "wrong value"),
        ("wrong behaviour: it counts: two", "wrong behaviour"),
        ("hangs: in C", "hangs"),
        ("TypeError: no int", "TypeError"),
        ("wrong value:", None),
        ("wrong value:  ", None),
        ("wrong values: many", None),
        ("no idea of arrays without dimensions", None),
        (": what", None),
    ],
)
def test_a_reason_begins_with_a_kind(reason: str, kind: str | None) -> None:
    assert declared_kind(reason) == kind
