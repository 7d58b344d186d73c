"""``adhelpers compare``: what it prints and writes, and its exit status."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from commands import FUNCTIONS, PAIR, SHAPE, Main, Refused, process, row

from adhelpers.comparison import gallery

pytest.importorskip("autograd")


def test_module_and_gallery_run_in_a_process_of_their_own() -> None:
    run = process("compare", *PAIR)
    assert run.returncode == 0
    assert run.stderr == "adhelpers: comparing well-known functions on every backend, which takes up to a minute\n"
    tasks = sum(3 if problem.jacobian is not None else 2 for problem in gallery.problems())
    assert f"{2 * tasks} of {2 * tasks} results agree." in run.stdout
    assert "Lorenz                  batched" in run.stdout


def test_function_is_compared_in_all_three_operations(main: Main) -> None:
    status, output, errors = main("compare", "f.py:good", "--shape", "3,5", *PAIR)
    assert (status, errors) == (0, "")
    assert "x of shape (3, 5)" in output
    assert all(row(output, operation, "autograd") for operation in ("value", "jvp", "vjp", "batched_jacobian"))
    assert "8 of 8 results agree." in output


@pytest.mark.parametrize(("axis", "agree"), [("0", 8), ("-1", 6)])
def test_batch_axis_says_where_the_batch_is(main: Main, axis: str, agree: int) -> None:
    status, output, _ = main("compare", "f.py:batch_first", "--shape", "3,5", "--batch-axis", axis, *PAIR)
    assert status == 0
    assert f"{agree} of {agree} results agree." in output
    assert ("batched_jacobian was left out: BatchMixingError: " in output) == (axis == "-1")


@pytest.mark.parametrize(
    ("function", "words"),
    [("scalar", "BatchAxisError: x has shape"), ("mixing", "BatchMixingError: f mixes the batch")],
)
def test_function_without_a_batch_is_compared_in_the_two_products(main: Main, function: str, words: str) -> None:
    status, output, _ = main("compare", f"f.py:{function}", "--shape", "3,5", *PAIR)
    assert status == 0
    assert "6 of 6 results agree." in output
    assert f"batched_jacobian was left out: {words}" in output


def test_batched_jacobian_that_was_asked_for_and_does_not_exist_failed(main: Main) -> None:
    status, output, _ = main("compare", "f.py:mixing", *SHAPE, "--operations", "batched_jacobian", *PAIR)
    assert status == 1
    assert "* batched_jacobian on autograd: BatchMixingError: f mixes the batch" in output
    assert not [line for line in output.splitlines() if " jvp " in line]


def test_backend_that_is_named_twice_is_compared_once(main: Main) -> None:
    status, output, _ = main("compare", "f.py:good", *SHAPE, "--backends", "autograd,autograd")
    assert status == 0
    assert "4 of 4 results agree." in output


def test_tolerances_are_those_that_are_given(main: Main) -> None:
    assert main("compare", "f.py:branching", *SHAPE, *PAIR)[0] == 1
    assert main("compare", "f.py:branching", *SHAPE, *PAIR, "--rtol", "1e-2")[0] == 0
    assert main("compare", "f.py:branching", *SHAPE, *PAIR, "--atol", "1e-1")[0] == 0


def test_reports_are_written(main: Main) -> None:
    pytest.importorskip("matplotlib")
    files = ("--json", "r.json", "--html", "r.html", "--markdown", "r.md", "--plot", "r.png")
    assert main("compare", "f.py:detached", *SHAPE, *PAIR, *files)[0] == 1
    report = json.loads(Path("r.json").read_text())
    assert report["agree"] is False
    statuses = {(r["operation"], r["backend"]): r["status"] for r in report["results"]}
    assert statuses["jvp", "autograd"] == "differs"
    assert statuses["value", "autograd"] == statuses["jvp", "finite-difference"] == "agrees"
    assert {"prepare_seconds", "prepared_seconds"} <= report["results"][0].keys()
    assert "detached" in Path("r.html").read_text()
    assert Path("r.md").read_text().startswith("## Comparison of detached at x of shape")
    assert Path("r.png").read_bytes().startswith(b"\x89PNG")


def test_gallery_may_be_named_and_narrowed(main: Main) -> None:
    status, output, _ = main(
        "compare", "--gallery", "--backends", "finite-difference", "--operations", "jvp", "--json", "r.json"
    )
    assert status == 0
    report = json.loads(Path("r.json").read_text())
    assert {result["operation"] for result in report["results"]} == {"jvp"}
    assert f"{len(report['results'])} of {len(report['results'])} results agree." in output


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_function_that_is_wrong_on_one_backend_is_named(main: Main, dtype: str) -> None:
    np.save("x.npy", np.random.default_rng(0).standard_normal((3, 5)).astype(dtype))
    status, output, _ = main("compare", "f.py:detached", "--x", "x.npy", *PAIR)
    assert status == 1
    assert "5 of 8 results agree." in output
    for operation in ("jvp", "vjp", "batched_jacobian"):
        assert row(output, operation, "differs").split()[2] == "1e+00"
        assert f"* {operation}: " in output
    assert "jvp, vjp and batched_jacobian: the values of f agree; only derivatives on autograd differ" in output


@pytest.mark.parametrize("function", ["branching", "detached_offset"])
def test_small_faults_are_seen(main: Main, function: str) -> None:
    status, output, _ = main("compare", f"f.py:{function}", "--shape", "3,5", *PAIR)
    assert status == 1
    assert "only derivatives on autograd differ" in output or "the value of f on autograd is not that" in output
    assert row(output, "jvp", "differs")


@pytest.mark.parametrize(("function", "words"), [("raising", "no boxes, please"), ("raising_later", "once is enough")])
def test_function_that_raises_on_one_backend_fails_there_alone(main: Main, function: str, words: str) -> None:
    status, output, _ = main("compare", f"f.py:{function}", "--shape", "3,5", *PAIR)
    assert status == 1
    assert row(output, "vjp", "failed").split() == ["vjp", "failed", "unchecked"]  # the reference is alone there
    assert f" on autograd: RuntimeError: {words}" in output


def test_operations_are_named(main: Main) -> None:
    names = "gradient,hessian_vector_product,hessian,jacobian_vector_product"
    status, output, errors = main("compare", "f.py:scalar", *SHAPE, *PAIR, "--operations", names)
    assert (status, errors) == (0, "")
    assert all(row(output, name, "autograd") for name in ("gradient", "hessian_vector_product", "hessian", "jvp"))
    assert "10 of 10 results agree." in output


def test_a_rule_is_held_to_what_it_stands_for(main: Main) -> None:
    for rule, status in (("right_rule", 0), ("wrong_rule", 1)):
        found, output, errors = main("compare", f"f.py:{rule}", *SHAPE, *PAIR, "--without-rule", "--no-timing")
        assert (found, errors) == (status, ""), output
        assert "autograd without rule" in output
    assert row(output, "jvp").split()[1] == "differs"


def test_a_function_that_others_cannot_run_is_told_of_ports(main: Main) -> None:
    Path("raw.py").write_text("def f(x): return x.no_such_attribute\n")
    status, _, errors = main("compare", "raw.py:f", *SHAPE, *PAIR)
    assert status == 2
    assert "AttributeError: " in errors
    assert "or give each backend its own function by --port" in errors


def test_output_without_a_terminal_has_no_escape_codes(tmp_path: Path) -> None:
    (tmp_path / "f.py").write_text(FUNCTIONS)
    colourful = {**os.environ, "FORCE_COLOR": "1", "TERM": "xterm-256color"}
    run = process("compare", "f.py:detached", *SHAPE, *PAIR, cwd=tmp_path, env=colourful)
    assert run.returncode == 1
    assert "\x1b" not in run.stdout + run.stderr


def test_terminal_gets_colours_and_progress(tmp_path: Path) -> None:
    pytest.importorskip("rich")
    pty = pytest.importorskip("pty")
    (tmp_path / "f.py").write_text(FUNCTIONS)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "adhelpers", "compare", "f.py:detached", *SHAPE, *PAIR]
    environ = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120"}
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, cwd=tmp_path, env=environ) as run:
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # Linux says so when the other end is closed
            while part := os.read(ours, 4096):
                shown += part
    os.close(ours)
    assert run.returncode == 1
    assert b"\x1b[31mdiffers 1e+00" in shown
    assert b"\x1b[1;31m5 of 8 results agree. autograd differs in jvp, vjp and batched_jacobian." in shown
    assert b"detached: batched_jacobian" in shown  # which of its steps is a matter of time


def test_terminal_without_rich_gets_plain_text(main: Main, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("rich", "rich.box", "rich.console"):
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    status, output, errors = main("compare", "f.py:good", *SHAPE, *PAIR)
    assert (status, errors) == (0, "")
    assert "jvp               autograd" in output


BAD_USAGE = {
    "x without function": (("compare", *SHAPE), "write `adhelpers compare FILE.py:function --shape 3,5`"),
    "batch axis": (("compare", "--batch-axis", "1"), "argument --batch-axis: invalid choice: 1"),
    "u of another shape": (("compare", "f.py:good", *SHAPE, "--u", "u.npy"), "u is shaped neither as x nor as f(x)"),
    "u without function": (("compare", "--u", "u.npy"), "--shape, --x and --u are for a function"),
    "unknown operation": (("compare", "--operations", "jpv"), "operations must be among jvp, vjp, batched_jacobian"),
    "unknown dtype": (("compare", "f.py:good", *SHAPE, "--dtype", "int8"), "invalid choice: 'int8'"),
    "dtype without function": (("compare", "--dtype", "float32"), "--dtype is for a function"),
    "seed without function": (("compare", "--seed", "3"), "--seed and --batch-axis are for a function"),
    "batch axis without function": (("compare", "--gallery", "--batch-axis", "0"), "--seed 0 --batch-axis 0`"),
    "gallery and function": (("compare", "f.py:good", "--gallery", *SHAPE), "leave one of them out"),
    "unknown backend": (("compare", "--backends", "jaks"), "no backend is named 'jaks'; name one of 'autograd'"),
    "raises everywhere": (
        ("compare", "f.py:always_raising", *SHAPE),
        "backend: ValueError: never in one line\n",
    ),
    "refuses arrays": (("compare", "f.py:for_lists", *SHAPE), "AttributeError: lists, please; write it with xp = "),
    "rule without function": (("compare", "--without-rule"), "--without-rule is for a function"),
    "rule with ports": (("compare", "--port", "jax=f.py:good", *SHAPE, "--without-rule"), "leave --port out"),
    "no rule": (("compare", "f.py:good", *SHAPE, "--without-rule"), "needs a function made by adhelpers.custom_rule"),
    "gallery and port": (("compare", "--port", "jax=f.py:good", "--gallery", *SHAPE), "leave one of them out"),
    "gradients of the gallery": (
        ("compare", "--operations", "gradient"),
        "the gallery has closed forms for jvp, vjp",
    ),
    "one file twice": (
        ("compare", "--json", "r", "--html", "./r"),
        "--json and --html both name the file './r'; name one for each",
    ),
    "no result": (("compare", "f.py:forgetful", *SHAPE, *PAIR), "f(x) has no leaves, so that there is nothing to"),
    "integer result": (("compare", "f.py:integer", *SHAPE), "fails on every backend: "),
}


@pytest.mark.parametrize(("arguments", "words"), BAD_USAGE.values(), ids=BAD_USAGE)
def test_bad_usage_exits_with_2_and_one_line(refused: Refused, arguments: tuple[str, ...], words: str) -> None:
    np.save("u.npy", np.ones(7))
    assert words in refused(*arguments)


def test_comparing_without_numpy_names_the_install_line(refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)
    assert "compare needs NumPy: pip install numpy" in refused("compare")
