"""What the command adds to pytest: a table, a report, an exit status, and an end to waiting."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
from strangers import Install
from toy_suite import FEW, TOY, WRONG, conformance, toy

from adhelpers.testing import RULES, scenarios
from adhelpers.testing.plugin import _name


def test_a_backend_that_never_comes_back_is_given_up(install: Install, tmp_path: Path) -> None:
    stuck = "    def jvp(self, f, x, u):\n        import threading\n        threading.Event().wait()\n"
    toy(install, f"{TOY}{stuck}")
    done = conformance(tmp_path, "-k", "declarations or R7-sine/jvp", "--timeout", "1", "--json", "report.json")
    assert done.returncode == 1
    assert "in jvp\n    threading.Event().wait()" in done.stderr
    assert "_ R7-sine/jvp _" in done.stdout
    assert "it was ended after 1 s: it waits, perhaps for a lock" in done.stdout
    assert "INTERRUPTED" in done.stdout
    report = json.loads((tmp_path / "empty" / "report.json").read_text())["toy"]
    assert (report["complete"], report["conforms"]) == (False, False)
    assert [(s["scenario"], s["outcome"]) for s in report["scenarios"]] == [
        ("declarations", "passed"),
        ("sine/jvp", "failed"),
    ]


def test_a_backend_that_computes_for_ever_is_given_up(install: Install, tmp_path: Path) -> None:
    toy(install, f"{TOY}    def jvp(self, f, x, u):\n        while True: pass\n")
    done = conformance(tmp_path, "-k", "R7-sine/jvp", "--timeout", "0.5")
    assert done.returncode == 1
    assert "s of the processor's time; --timeout allows more" in done.stdout


def test_a_process_that_is_stopped_for_a_while_goes_on(install: Install, tmp_path: Path) -> None:
    stopping = """
    def jvp(self, f, x, u):
        import os, signal, subprocess
        if not STOPPED:
            STOPPED.append(subprocess.Popen(["sh", "-c", f"sleep 3; kill -CONT {os.getpid()}"]))
            os.kill(os.getpid(), signal.SIGSTOP)
        return super().jvp(f, x, u)
"""
    toy(install, f"STOPPED = []{TOY}{stopping}")
    done = conformance(tmp_path, "-k", "R7-sine/jvp", "--timeout", "2")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("seconds", ["0", "-1", "soon", "inf"])
def test_a_timeout_is_a_positive_number(seconds: str, tmp_path: Path, install: Install) -> None:
    toy(install, TOY)
    done = conformance(tmp_path, "--timeout", seconds)
    assert done.returncode == 2
    assert f"a time is a positive number of seconds, but '{seconds}' was given" in done.stderr


@pytest.mark.parametrize("file", ["", "run.py", "../a[b]::c/run.py"])
def test_a_test_is_named_by_its_scenario(file: str) -> None:
    assert _name(f"{file}::TestConformance::test_scenario[R7-sine/jvp]") == "R7-sine/jvp"
    assert _name(f"{file}::TestConformance::test_declarations") == "declarations"


def test_nothing_that_ran_is_a_failure(install: Install, tmp_path: Path) -> None:
    toy(install, TOY)
    done = conformance(tmp_path, "-k", "no_such_scenario")
    assert done.returncode == 1
    assert "no scenario ran" in done.stdout
    for words in ("bfloat16/jvp and not undeclared", "declarations"):
        assert conformance(tmp_path, "-k", words).returncode == 1


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
        "float64": "yes",
        "float32": "yes",
        "bfloat16": "no",
        "compile": "no",
        "threads": "yes",
        "rules": "no",
    }
    assert report["rules"]["R9"] == {"known failure": 1}
    outcomes = {scenario["scenario"]: scenario for scenario in report["scenarios"]}
    assert outcomes["sine/jvp"]["outcome"] == "failed"
    assert "is off by" in outcomes["sine/jvp"]["reason"]
    assert outcomes["calls/jvp"]["outcome"] == "known failure"


@pytest.mark.skipif(importlib.util.find_spec("xdist") is None, reason="pytest-xdist is not installed")
def test_several_processes_make_one_table(install: Install, tmp_path: Path) -> None:
    toy(install, TOY)
    done = conformance(tmp_path, "-n", "2", "-k", "R7-sine/ or R9-", "--json", "report.json")
    assert done.returncode == 0, done.stdout + done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("all ")]
    assert line.split()[1:4] == ["3", "-", "2"]
    (report,) = json.loads((tmp_path / "empty" / "report.json").read_text()).values()
    received = [outcome["scenario"] for outcome in report["scenarios"] if outcome["rule"] in RULES]
    assert len(received) == 11
    assert received == [scenario.name for scenario in scenarios() if scenario.name in received]
