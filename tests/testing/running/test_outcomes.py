"""How outcomes are told; what the command prints of them is tested where it is run."""

from __future__ import annotations

from toys import ForwardToy, ReverseToy

from adhelpers.testing.running.causes import Why
from adhelpers.testing.running.outcomes import Outcome, Outcomes, by_cause, capabilities
from adhelpers_plugins.finite_difference import FiniteDifferenceBackend


def failed(name: str, cause: str, example: str = "", off_by: float | None = None) -> Outcome:
    return Outcome("toy", "R7", name, "failed", "promise R7\nmore", Why("wrong value", cause, example, off_by))


def test_failures_are_counted_by_cause_the_most_frequent_first() -> None:
    group = [failed(f"sine/{i}", "single precision?", off_by=10.0 ** (i - 8)) for i in range(6)]
    lines = list(by_cause([failed("sine/jvp", "TypeError in f (a.py, line 3)", "no int"), *group]))
    assert lines == [
        "    6  single precision? (off by 1e-08 to 1e-03 of the largest entry)",
        "       R7-sine/0, R7-sine/1, R7-sine/2, R7-sine/3, and 2 more",
        "    1  TypeError in f (a.py, line 3): no int",
        "       R7-sine/jvp",
    ]


def test_a_failure_without_a_cause_has_its_first_line() -> None:
    declarations = Outcome("toy", "declarations", "declarations", "failed", "\nthey are wrong:\nmany\n")
    assert list(by_cause([declarations])) == ["    1  they are wrong:", "       declarations"]


def test_failures_are_named_by_their_scenarios() -> None:
    passed = Outcome("toy", "R7", "sine/vjp", "passed", "")
    (text,) = Outcomes(1, [passed, failed("sine/jvp", "wrong")]).failures()
    assert text.strip("_\n").splitlines() == [f" R7-sine/jvp {'_' * 34}", "promise R7", "more"]


def test_what_died_is_a_failure_that_hangs() -> None:
    assert Outcome.died("toy", "R7-sine/a-b", "SIGSEGV\nmore") == Outcome(
        "toy", "R7", "sine/a-b", "failed", "SIGSEGV\nmore", Why("hangs", "SIGSEGV")
    )
    assert Outcome.died("toy", "declarations", "SIGSEGV").name == "declarations"


def test_what_is_declared_alone_judges_nothing() -> None:
    declarations = Outcome("toy", "declarations", "declarations", "passed", "")
    skipped = Outcome("toy", "R7", "sine/vjp", "not declared", "not declared: reverse")
    assert not Outcomes(1, [declarations, skipped]).judged()
    assert Outcomes(1, [declarations, failed("sine/jvp", "wrong")]).judged()


def test_capabilities_are_native_or_derived() -> None:
    others = dict.fromkeys(("complex", "nesting", "float32", "bfloat16", "compile", "threads", "rules"), "no")
    assert capabilities(ForwardToy()) == {"forward": "native", "reverse": "derived", "float64": "yes", **others}
    assert capabilities(ReverseToy())["reverse"] == "native"
    declared = {name for name, how in capabilities(FiniteDifferenceBackend()).items() if how != "no"}
    assert declared == {"forward", "reverse", "complex", "nesting", "float64", "float32", "threads"}
