"""The suite as a class of tests: what it says of declarations, and of failures that are known."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from strangers import Install
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
        ({"known_failures": {"sine/jpv": "reason"}}, "'sine/jpv', which is no scenario"),
        ({"known_failures": {"sine/jvp": "  "}}, "no reason for 'sine/jvp'"),
        ({"known_failures": {"bfloat16/jvp": "none"}}, "'bfloat16/jvp', which does not run: not declared: bfloat16"),
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
        ({"sine/jvp": "doubled"}, 1, "1 failed"),  # the other precision and the transpose are wrong too
        ({"sine/jvp": "doubled", "sine/float32-jvp": "doubled", "sine/transpose": "doubled"}, 0, "sine/jvp: doubled"),
        ({"sine/vjp": "stale"}, 1, "sine/vjp passes, but known_failures says that it fails (stale)"),
        ({"no/such": "reason"}, 1, "known_failures names 'no/such', which is no scenario"),
        ({"sine/jvp": ""}, 1, "gives no reason for 'sine/jvp'"),
    ],
)
def test_known_failures_are_strict(
    install: Install, tmp_path: Path, known_failures: dict[str, str], status: int, words: str
) -> None:
    toy(install, f"{WRONG}    known_failures = {known_failures!r}\n")
    done = conformance(tmp_path, "-k", "R7-sine/jvp or R7-sine/vjp or R4-sine/float32-jvp or declarations")
    wrong = known_failures == {"sine/jvp": "doubled"}
    assert done.returncode == status, done.stdout
    assert (words if not wrong else "sine/float32-jvp") in done.stdout


def test_a_backend_without_capabilities_fails(install: Install, tmp_path: Path) -> None:
    toy(install, f"{TOY}    capabilities = frozenset()\n    known_failures = {{}}\n")
    done = conformance(tmp_path, "-k", "declarations or undeclared")
    assert done.returncode == 1
    assert "neither FORWARD nor REVERSE" in done.stdout
    assert "undeclared-forward/jvp" in done.stdout  # which returned a number
