"""The conformance suite as its users meet it: a command, a class, a report, and an exit status."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from strangers import Install, plugin, python

from adhelpers import Capability, backend
from adhelpers.testing import RULES, SUITE_VERSION, Conformance, scenarios
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


# -- the list of scenarios ------------------------------------------------------------------------------


def test_every_rule_but_kinks_has_scenarios() -> None:
    assert [rule for rule in RULES if rule not in {scenario.rule for scenario in scenarios()}] == []
    assert list(RULES) == [f"R{number}" for number in range(1, 20)]


def test_names_are_unique() -> None:
    assert [name for name, count in Counter(scenario.name for scenario in scenarios()).items() if count > 1] == []


@pytest.mark.parametrize("version", range(1, SUITE_VERSION + 1))
def test_a_version_never_changes(version: int) -> None:
    """What a release has is never taken away nor added to: a new scenario belongs to the next version."""
    frozen = (Path(__file__).parent / f"suite_version_{version}.txt").read_text().splitlines()
    assert sorted(f"{scenario.rule} {scenario.name}" for scenario in scenarios(version)) == frozen


@pytest.mark.parametrize("version", [0, SUITE_VERSION + 1, -1])
def test_a_version_that_is_none_is_refused(version: int) -> None:
    with pytest.raises(ValueError, match=f"write one from 1 to {SUITE_VERSION}"):
        scenarios(version)


# -- declarations ----------------------------------------------------------------------------------------


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


# -- the command -------------------------------------------------------------------------------------------

TOY = """
from dataclasses import dataclass
from adhelpers import ADBackend, Capability
from adhelpers_plugins.finite_difference.backend import FiniteDifferenceBackend
@dataclass(frozen=True, kw_only=True)
class Toy(FiniteDifferenceBackend):
    name = "toy"
"""
WRONG = f"""{TOY}
    def jvp(self, f, x, u):
        outputs, tangents, aux = super().jvp(f, x, u)
        return outputs, tuple(2.0 * tangent for tangent in tangents), aux
"""
FEW = ("-k", "R7-sine/ or R9-calls/jvp or declarations")


def conformance(
    path: Path, *arguments: str, name: str = "toy", cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, in an empty folder."""
    folder = cwd or path / "empty"
    folder.mkdir(exist_ok=True)
    return python(path, "-m", "adhelpers", "conformance", name, *arguments, cwd=str(folder))


def toy(install: Install, source: str) -> None:
    install("toy-adhelpers", toy_plugin=plugin(implementation="toy_backend:Toy"), toy_backend=source)


def test_a_stranger_that_conforms_exits_with_0(install: Install, tmp_path: Path) -> None:
    toy(install, TOY)
    done = conformance(tmp_path, *FEW)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Conformance of 'toy' with adhelpers" in done.stdout
    assert "* known failure calls/jvp: differences need f at two points more, or four" in done.stdout
    assert list((tmp_path / "empty").iterdir()) == []


def test_a_stranger_that_is_wrong_exits_with_1_and_a_message_for_its_author(install: Install, tmp_path: Path) -> None:
    toy(install, WRONG)
    done = conformance(tmp_path, *FEW)
    assert done.returncode == 1
    for words in (
        "rule R7 (products): the JVP is the real-linear derivative",
        "scenario sine/jvp",
        "called\n    jacobian_vector_product(f, Toy(fallback=True, order=2), x, u)",
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


@pytest.mark.parametrize("name", ["SystemExit(0)", "GeneratorExit()"])
def test_a_backend_that_exits_is_a_failure_like_any_other(install: Install, tmp_path: Path, name: str) -> None:
    toy(install, f"{TOY}    def jvp(self, f, x, u):\n        raise {name}\n")
    done = conformance(tmp_path, "-k", "R7-sine/jvp")
    assert done.returncode == 1
    assert "scenario sine/jvp" in done.stdout
    assert "called\n    jacobian_vector_product(" in done.stdout


def test_a_backend_that_never_comes_back_is_given_up(install: Install, tmp_path: Path) -> None:
    stuck = "    def jvp(self, f, x, u):\n        import threading\n        threading.Event().wait()\n"
    hasty = "import adhelpers.testing.plugin\nadhelpers.testing.plugin.DEADLINE = 1.0\n"
    toy(install, f"{hasty}{TOY}{stuck}")
    done = conformance(tmp_path, "-k", "R7-sine/jvp")
    assert done.returncode == 1
    assert "test_scenario[R7-sine/jvp] still runs after 1 s" in done.stderr


def test_a_lock_that_is_not_released_is_found_and_the_message_says_after_what(install: Install, tmp_path: Path) -> None:
    lock = """
    def jvp(self, f, x, u):
        LOCK.acquire()
        result = super().jvp(f, x, u)
        LOCK.release()
        return result
"""
    toy(install, f"import threading\nLOCK = threading.RLock()\n{TOY}{lock}")
    done = conformance(tmp_path, "-k", "R10-MineError-in-f/jvp or R10-TypeError-in-f/jvp")
    assert done.returncode == 1
    assert "a thread that does not come back" in done.stdout
    assert "after\n    a call of jvp in which f raised MineError('mine')" in done.stdout


def test_a_reader_that_stops_reading_does_not_make_a_failure_a_success(install: Install, tmp_path: Path) -> None:
    toy(install, WRONG)
    (tmp_path / "empty").mkdir()
    script = f"{sys.executable} -m adhelpers conformance toy -k R7 | head -1; exit ${{PIPESTATUS[0]}}"
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    done = subprocess.run(["bash", "-c", script], env=environ, cwd=tmp_path / "empty", capture_output=True, check=False)
    assert done.returncode == 1


def test_a_loose_relative_error_hides_nothing(install: Install, tmp_path: Path) -> None:
    toy(install, f"{TOY}    def relative_error(self, epsilon):\n        return epsilon**0.5\n")
    done = conformance(tmp_path, "-k", "R12-jvp-of-jvp or u-constant/jvp-of-jvp")
    assert done.returncode == 1
    assert "which owes no digit of 2 nested derivatives" in done.stdout


def test_nothing_that_ran_is_a_failure(install: Install, tmp_path: Path) -> None:
    toy(install, TOY)
    done = conformance(tmp_path, "-k", "no_such_scenario")
    assert done.returncode == 1
    assert "no scenario ran" in done.stdout
    for words in ("bfloat16/jvp and not undeclared", "declarations"):
        assert conformance(tmp_path, "-k", words).returncode == 1


def test_a_backend_without_capabilities_fails(install: Install, tmp_path: Path) -> None:
    toy(install, f"{TOY}    capabilities = frozenset()\n    known_failures = {{}}\n")
    done = conformance(tmp_path, "-k", "declarations or undeclared")
    assert done.returncode == 1
    assert "neither FORWARD nor REVERSE" in done.stdout
    assert "undeclared-forward/jvp" in done.stdout  # which returned a number


BAD_USAGE = {
    "unknown": (("--no-such-option",), "toy", "--no-such-option"),
    "not found": ((), "tyo", "no backend is named 'tyo' (did you mean 'toy'?)"),
    "too new": (("--suite-version", "99"), "toy", "there is no version 99 of the suite"),
    "no number": (("--suite-version", "x"), "toy", "invalid int value"),
}


@pytest.mark.parametrize(("arguments", "name", "words"), BAD_USAGE.values(), ids=BAD_USAGE)
def test_bad_usage_exits_with_2(
    install: Install, tmp_path: Path, arguments: tuple[str, ...], name: str, words: str
) -> None:
    toy(install, TOY)
    done = conformance(tmp_path, *arguments, name=name)
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stderr.startswith(("adhelpers:", "ERROR: usage:")) or "pytest" in done.stderr


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (
            "import a_missing_framework",
            "backend 'toy' (entry point 'toy' of distribution 'toy-adhelpers') cannot be loaded",
        ),
        (f"{TOY}    def __post_init__(self):\n        raise RuntimeError('no licence')", "no licence"),
        (f"{TOY}    licence: str\n", "of distribution 'toy-adhelpers') cannot be loaded: TypeError"),
        (TOY.replace('name = "toy"', 'name = "other"'), "has the name 'other', but is described as 'toy'"),
        (f"{TOY}    capabilities = [Capability.FORWARD]\n", "write a frozenset of adhelpers.Capability members"),
        (f"{TOY}    known_failures = None\n", "write a dict of scenario names and reasons"),
    ],
)
def test_a_backend_that_cannot_be_loaded_exits_with_2_and_one_line(
    install: Install, tmp_path: Path, source: str, words: str
) -> None:
    toy(install, source)
    done = conformance(tmp_path)
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_the_directory_where_it_is_typed_does_not_matter(install: Install, tmp_path: Path) -> None:
    toy(install, TOY)
    folder = tmp_path / "somebodys"
    folder.mkdir()
    (folder / "conftest.py").write_text("raise RuntimeError('not mine')")
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n")
    assert conformance(tmp_path, *FEW, cwd=folder).returncode == 0


def test_pytests_options_pass_through(install: Install, tmp_path: Path) -> None:
    toy(install, WRONG)
    done = conformance(tmp_path, "-k", "R7-sine", "-x", "-v")
    assert "1 failed" in done.stdout
    assert "stopping after 1 failures" in done.stdout
    listed = conformance(tmp_path, *FEW, "--collect-only")
    assert listed.returncode == 0
    assert "sine/transpose" in listed.stdout


def test_a_report_for_machines(install: Install, tmp_path: Path) -> None:
    toy(install, WRONG)
    done = conformance(tmp_path, *FEW, "--json", "report.json", "--suite-version", "1")
    assert done.returncode == 1
    report = json.loads((tmp_path / "empty" / "report.json").read_text())["toy"]
    assert (report["suite_version"], report["complete"], report["conforms"]) == (1, False, False)
    assert report["capabilities"] == {
        "forward": "native",
        "reverse": "derived",
        "complex": "yes",
        "nesting": "yes",
        "float32": "yes",
        "bfloat16": "no",
        "compile": "no",
        "threads": "yes",
    }
    assert report["rules"]["R9"] == {"known failure": 1}
    outcomes = {scenario["scenario"]: scenario for scenario in report["scenarios"]}
    assert outcomes["sine/jvp"]["outcome"] == "failed"
    assert "is off by" in outcomes["sine/jvp"]["reason"]
    assert outcomes["calls/jvp"]["outcome"] == "known failure"


def test_a_report_that_cannot_be_written_is_said_before_the_run(install: Install, tmp_path: Path) -> None:
    toy(install, TOY)
    done = conformance(tmp_path, *FEW, "--json", str(tmp_path / "no" / "folder.json"))
    assert done.returncode == 2
    assert "no/folder.json" in done.stderr
    assert done.stdout == ""


def test_broken_plugins_disturb_nobody_elses_conformance(install: Install, tmp_path: Path) -> None:
    toy(install, TOY)
    install("broken-distribution", "broken-entry", broken_module="raise RuntimeError('boom')")
    assert conformance(tmp_path, *FEW).returncode == 0
    listed = python(tmp_path, "-m", "adhelpers", "backends")
    assert listed.returncode == 0
    (line,) = [line for line in listed.stdout.splitlines() if line.startswith("toy ")]
    assert line.split()[2] == "toy-adhelpers"
    assert "broken-distribution" in listed.stdout
    broken = conformance(tmp_path, name="broken-entry")
    assert broken.returncode == 2
    assert "plugin 'broken-entry' (entry point 'broken-entry' of distribution 'broken-distribution')" in broken.stderr


def test_without_pytest_the_message_says_what_to_install(install: Install, tmp_path: Path) -> None:
    toy(install, TOY)
    (tmp_path / "pytest.py").write_text("raise ModuleNotFoundError(\"No module named 'pytest'\")")
    done = conformance(tmp_path)
    assert done.returncode == 2
    assert done.stderr.endswith("pip install 'adhelpers[testing]'\n")


# -- pytest with several processes -------------------------------------------------------------------------


@pytest.mark.skipif(importlib.util.find_spec("xdist") is None, reason="pytest-xdist is not installed")
def test_several_processes_make_one_table(install: Install, tmp_path: Path) -> None:
    toy(install, TOY)
    done = conformance(tmp_path, "-n", "2", "-k", "R7-sine/ or R9-")
    assert done.returncode == 0, done.stdout + done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("all ")]
    assert line.split()[1:4] == ["3", "-", "2"]
