"""The suite as a class of tests: what it says of declarations, and of failures that are known."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from strangers import Install, python
from toy_suite import TOY, WRONG, conformance, toy

from adhelpers import ArgumentTypeError, Capability, backend
from adhelpers.testing import Conformance
from adhelpers.testing.conformance import faulty_declarations
from adhelpers_plugins.finite_difference import FiniteDifferenceBackend


class TestFiniteDifferenceOfOrderFour(Conformance):
    """The class that authors import, on an instance; the shipped backends run by command, in a session apart."""

    backend = FiniteDifferenceBackend(order=4)


@pytest.mark.skipif(importlib.util.find_spec("autograd") is None, reason="autograd is not installed")
class TestAutograd(Conformance):
    """The same by name, and of a pinned version."""

    backend = "autograd"
    suite_version = 1


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"known_failures": {"sine/jpv": "reason"}}, "'sine/jpv', which is not a scenario"),
        ({"known_failures": {"sine/jvp": "  "}}, "no reason for 'sine/jvp'"),
        ({"known_failures": {"bfloat16/jvp": "none"}}, "'bfloat16/jvp', which does not run: not declared: bfloat16"),
        (
            {"known_failures": {"sine/jvp": "it is hard"}},
            "gives no kind of failure for 'sine/jvp': 'it is hard'",
        ),
        ({"capabilities": frozenset({Capability.FLOAT32}), "known_failures": {}}, "neither FORWARD nor REVERSE"),
        ({"capabilities": frozenset(set(Capability) - {Capability.BFLOAT16})}, "does not override compile"),
    ],
)
def test_faulty_declarations_are_named(attributes: dict[str, Any], words: str) -> None:
    faulty = type("Faulty", (FiniteDifferenceBackend,), attributes)()
    (problem,) = faulty_declarations(faulty)
    assert words in problem


def test_shipped_declarations_make_sense() -> None:
    assert faulty_declarations(backend("finite-difference")) == []


class WithoutBackend(Conformance):
    backend = FiniteDifferenceBackend  # type: ignore[assignment]  # the class, where an instance is wanted


def test_what_is_no_backend_is_refused() -> None:
    with pytest.raises(TypeError, match="set backend to a backend or to its name") as raised:
        WithoutBackend()._named(WithoutBackend.backend)
    assert isinstance(raised.value, ArgumentTypeError)
    assert "FiniteDifferenceBackend" in str(raised.value)


@pytest.mark.parametrize(
    ("known_failures", "status", "words"),
    [
        ({"sine/jvp": "wrong value: twice"}, 1, "1 failed"),  # the other precision and the transpose are wrong too
        (dict.fromkeys(("sine/jvp", "sine/float32-jvp"), "wrong value: twice"), 0, "sine/jvp: wrong value: twice"),
        ({"sine/vjp": "hangs: long"}, 1, "sine/vjp passes, but known_failures says that it fails (hangs: long)"),
        ({"no/such": "reason"}, 1, "known_failures names 'no/such', which is not a scenario"),
        ({"sine/jvp": ""}, 1, "gives no reason for 'sine/jvp'"),
    ],
)
def test_known_failures_are_strict(
    install: Install, tmp_path: Path, known_failures: dict[str, str], status: int, words: str
) -> None:
    toy(install, f"{WRONG}    known_failures = {known_failures!r}\n")
    done = conformance(tmp_path, "-k", "R7-sine/jvp or R7-sine/vjp or R4-sine/float32-jvp or declarations")
    wrong = known_failures == {"sine/jvp": "wrong value: twice"}
    assert done.returncode == status, done.stdout
    assert (words if not wrong else "sine/float32-jvp") in done.stdout


RAISING = f"{TOY}    def jvp(self, f, x, u):\n        raise FileNotFoundError('mine')\n"
HANGING = f"{TOY}    def jvp(self, f, x, u):\n        import threading\n        threading.Event().wait()\n"


@pytest.mark.parametrize(
    ("source", "reason", "status", "words"),
    [
        (WRONG, "wrong value: twice", 0, "1 xfailed"),
        (WRONG, "wrong behaviour: twice", 1, "known_failures forgives 'wrong behaviour', but not 'wrong value'"),
        (WRONG, "TypeError: twice", 1, "known_failures forgives 'TypeError', but not 'wrong value'"),
        (RAISING, "FileNotFoundError: none", 0, "1 xfailed"),
        (RAISING, "OSError: none", 0, "1 xfailed"),
        (RAISING, "Exception: any", 1, "known_failures forgives 'Exception', but not 'FileNotFoundError'"),
        (RAISING, "wrong value: twice", 1, "known_failures forgives 'wrong value', but not 'FileNotFoundError'"),
        (HANGING, "hangs: it waits", 0, "1 xfailed"),
        (WRONG, "hangs: it waits", 1, "known_failures forgives 'hangs', but not 'wrong value'"),
    ],
)
def test_a_known_failure_forgives_the_kind_that_it_names(
    install: Install, tmp_path: Path, source: str, reason: str, status: int, words: str
) -> None:
    toy(install, f"{source}    known_failures = {{'sine/jvp': {reason!r}}}\n")
    done = conformance(tmp_path, "-k", "R7-sine/jvp")
    assert words in done.stdout
    assert done.returncode == status


TESTS = """
from adhelpers.testing import Conformance
class TestToy(Conformance):
    backend = "toy"
class TestTyo(Conformance):
    backend = "tyo"
def test_alone():
    pass
"""


def test_a_backend_that_cannot_be_tested_fails_once(install: Install, tmp_path: Path) -> None:
    toy(install, f"{TOY}    def jvp(self, f, x, u):\n        raise NotImplementedError('push a tangent')\n")
    (tmp_path / "test_toy.py").write_text(TESTS)
    done = python(
        tmp_path, "-m", "pytest", "-q", "-k", "R7-s or alone", "-rN", "-p", "no:cacheprovider", cwd=str(tmp_path)
    )
    assert done.stdout.count("no backend is named 'tyo' (did you mean 'toy'?); name one of ") == 1
    assert done.stdout.count("backend 'toy' lacks these methods:\n* jvp: push a tangent\n") == 1
    counts = dict(reversed(count.split()) for count in done.stdout.splitlines()[-1].partition(" in ")[0].split(", "))
    assert (counts["failed"], counts["error"], counts["passed"]) == ("1", "1", "1")
    assert int(counts["skipped"]) > 20


def test_a_class_that_is_skipped_asks_for_no_backend(install: Install, tmp_path: Path) -> None:
    toy(install, TOY)
    skipped = TESTS.replace("class TestTyo", "import pytest\n@pytest.mark.skip\nclass TestTyo")
    (tmp_path / "test_toy.py").write_text(skipped)
    done = python(tmp_path, "-m", "pytest", "-q", "-k", "R7-sine", "-p", "no:cacheprovider", cwd=str(tmp_path))
    assert done.returncode == 0, done.stdout


def test_a_backend_without_capabilities_fails(install: Install, tmp_path: Path) -> None:
    toy(install, f"{TOY}    capabilities = frozenset()\n    known_failures = {{}}\n")
    done = conformance(tmp_path, "-k", "declarations or undeclared")
    assert done.returncode == 1
    assert "neither FORWARD nor REVERSE" in done.stdout
    assert "undeclared-forward/jvp" in done.stdout  # which returned a number
