"""The suite by its command, from any directory: how it ends, and what it passes on."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from strangers import Install, python
from toy_suite import FEW, TOY, WRONG, conformance, toy


def test_a_stranger_that_conforms_exits_with_0(install: Install, tmp_path: Path) -> None:
    toy(install, TOY)
    done = conformance(tmp_path, *FEW)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Conformance of 'toy' with adhelpers" in done.stdout
    assert "* known failure calls/jvp: wrong behaviour: differences call f at two or four more points" in done.stdout
    assert list((tmp_path / "empty").iterdir()) == []


def test_a_reader_that_stops_reading_does_not_make_a_failure_a_success(install: Install, tmp_path: Path) -> None:
    toy(install, WRONG)
    (tmp_path / "empty").mkdir()
    script = f"{sys.executable} -m adhelpers conformance toy -k R7 | head -1; exit ${{PIPESTATUS[0]}}"
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    done = subprocess.run(["bash", "-c", script], env=environ, cwd=tmp_path / "empty", capture_output=True, check=False)
    assert done.returncode == 1


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


def test_failures_are_named_by_their_scenarios_and_counted_by_cause(install: Install, tmp_path: Path) -> None:
    toy(install, WRONG)
    done = conformance(tmp_path, "-k", "R7-sine/ or R7-exp/ or R7-sum/ or R7-identity/")
    assert done.returncode == 1
    assert "_ R7-sine/jvp _" in done.stdout
    assert "run.py" not in done.stdout
    assert "TestConformance" not in done.stdout
    _, _, causes = done.stdout.partition("\nFailures by cause\n")
    wrong, names, _ = causes.splitlines()
    assert wrong.startswith("    6  results are wrong (off by ")
    first = ["R7-identity/jvp", "R7-identity/transpose", "R7-sum/jvp", "R7-sum/transpose"]
    assert names == f"       {', '.join(first)}, and 2 more"
    listed = conformance(tmp_path, "-k", "R7-sine/jvp or declarations", "-v", "-v", "-rA")
    assert "declarations PASSED" in listed.stdout
    assert "FAILED R7-sine/jvp - " in listed.stdout


SINGLE = """
import numpy as np
class Single(FiniteDifferenceBackend):
    name = "toy"
    capabilities = FiniteDifferenceBackend.capabilities
    def relative_error(self, epsilon):
        return epsilon
    def jvp(self, f, x, u):
        outputs, tangents, aux = super().jvp(f, x, u)
        return outputs, tuple((1.0 + 1e-7) * tangent for tangent in tangents), aux
class Namespace:
    def __getattr__(self, name):
        if name == "sqrt":
            raise AttributeError("no sqrt", name="sqrt", obj=self)
        return getattr(np, name)
NAMESPACE = Namespace()
class Toy(Single):
    def array_namespace(self, *arrays):
        return NAMESPACE
"""


def test_a_framework_of_single_precision_and_few_functions_is_told_so(install: Install, tmp_path: Path) -> None:
    head = TOY.partition("@dataclass")[0]
    toy(install, head + SINGLE)
    done = conformance(tmp_path, "-k", "R7-sine/jvp or R7-one-array-twice/jvp or R7-elementary/")
    assert done.returncode == 1
    assert "results are slightly wrong: does the framework use single precision? (off by 1e-07 to" in done.stdout
    assert "the namespace has no `sqrt`" in done.stdout


# -- however the process of the suite ends ----------------------------------------------------------------

ENDS = {
    "crash": ("ctypes.string_at(0)", "the process was ended by SIGSEGV"),
    "exit": ("os._exit(0)", "the process ended by itself, with status 0"),
    "loop in C": ("sum(range(10**12))", "it has not let Python run for"),
    "lock in C": ("ctypes.PyDLL(None).pause()", "it has not let Python run for"),
}


@pytest.mark.parametrize(("line", "words"), ENDS.values(), ids=ENDS)
def test_an_end_without_a_word_is_a_failure_with_a_table(
    install: Install, tmp_path: Path, line: str, words: str
) -> None:
    toy(
        install,
        f"import ctypes, os{WRONG}        {line}\n".replace("        outputs", f"        {line}\n        outputs"),
    )
    done = conformance(
        tmp_path, "-k", "declarations or R2-asarray or R7-sine/jvp", "--timeout", "0.5", "--json", "report.json"
    )
    assert done.returncode == 1
    assert "_ R7-sine/jvp _" in done.stdout
    assert words in done.stdout
    assert "INTERRUPTED" in done.stdout
    assert "in jvp" in done.stderr or line == "os._exit(0)"
    assert '"conforms": false' in (tmp_path / "empty" / "report.json").read_text()


@pytest.mark.skipif(importlib.util.find_spec("xdist") is None, reason="pytest-xdist is not installed")
def test_with_several_processes_one_that_dies_is_a_failure_among_others(install: Install, tmp_path: Path) -> None:
    crash = "    def vjp(self, f, x):\n        import ctypes\n        ctypes.string_at(0)\n"
    toy(install, f"{TOY}{crash}")
    done = conformance(tmp_path, "-n", "2", "-k", "R7-sine/jvp or R7-sine/vjp or declarations")
    assert done.returncode == 1
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("all ")]
    assert line.split()[1:3] == ["2", "1"]
    assert "_ R7-sine/vjp _" in done.stdout
    assert "its process died\n       R7-sine/vjp" in done.stdout


def test_a_thread_that_is_left_behind_does_not_keep_the_run_from_its_end(install: Install, tmp_path: Path) -> None:
    leave = "        threading.Thread(target=threading.Event().wait).start()\n        return super().jvp(f, x, u)\n"
    toy(install, f"import threading{TOY}    def jvp(self, f, x, u):\n{leave}")
    done = conformance(tmp_path, "-k", "R7-sine/jvp")
    assert (done.returncode, done.stderr) == (0, "")


INTERRUPTED = {
    "in Python": ("time.sleep(60)", "KeyboardInterrupt"),
    "in C": ("sum(range(10**12))", "the process was ended by SIGABRT"),
}


@pytest.mark.skipif(sys.platform == "win32", reason="processes are interrupted in groups")
@pytest.mark.parametrize(("line", "words"), INTERRUPTED.values(), ids=INTERRUPTED)
def test_an_interruption_leaves_the_table(install: Install, tmp_path: Path, line: str, words: str) -> None:
    started = tmp_path / "started"
    toy(
        install,
        f"import pathlib, time{TOY}    def jvp(self, f, x, u):\n        pathlib.Path({str(started)!r}).touch()\n"
        f"        {line}\n",
    )
    with started_conformance(tmp_path, "-k", "declarations or R7-sine/jvp") as process:
        wait_for(started.exists)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        output, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "INTERRUPTED" in output
    assert words in output
    assert "adhelpers: interrupted" in errors


@pytest.mark.parametrize("options", [(), ("-n", "1")], ids=["one process", "xdist"])
def test_nothing_runs_on_when_the_command_is_killed(install: Install, tmp_path: Path, options: tuple[str, ...]) -> None:
    if options:
        pytest.importorskip("xdist")
    log = tmp_path / "log"
    log.touch()
    slow = "    def jvp(self, f, x, u):\n        import time\n        time.sleep(0.1)\n"
    write = f"        print(1, file=open({str(log)!r}, 'a'))\n        return super().jvp(f, x, u)\n"
    toy(install, f"{TOY}{slow}{write}")
    with started_conformance(tmp_path, "-k", "R7", *options) as process:
        wait_for(lambda: log.stat().st_size > 0)
        process.kill()
        process.communicate(timeout=60)
    time.sleep(1.0)
    size = log.stat().st_size
    time.sleep(1.0)
    assert log.stat().st_size == size


def started_conformance(path: Path, *arguments: str) -> subprocess.Popen[str]:
    """The command in a process group of its own."""
    (path / "empty").mkdir()
    # Whoever started the tests in the background may have them ignore the signal.
    heed = "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    run = "runpy.run_module('adhelpers', run_name='__main__', alter_sys=True)"
    return subprocess.Popen(
        [sys.executable, "-c", heed + run, "conformance", "toy", *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(path), *sys.path])},
        cwd=path / "empty",
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60.0
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


# -- what is refused --------------------------------------------------------------------------------------


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
