"""The command line: what it prints, and its exit status: 0 when all agree, 1 when not, 2 for bad usage."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from adhelpers import compare
from adhelpers.command_line import main as cli
from adhelpers.comparison import gallery
from adhelpers.comparison.shown import tables

pytest.importorskip("autograd")

SHAPE = ("--shape", "3,5")

PAIR = ("--backends", "autograd,finite-difference")
"""Two backends that start quickly."""

FUNCTIONS = """
import adhelpers
from autograd.tracer import getval, isbox

def good(x):
    xp = adhelpers.array_namespace(x)
    return xp.sin(x) * x

def scalar(x):
    return adhelpers.array_namespace(x).sum(x**2)

def batch_first(x):
    return x * adhelpers.array_namespace(x).sum(x, axis=1)[:, None]

def mixing(x):
    return x / adhelpers.array_namespace(x).sum(x)

def constant(x):
    xp = adhelpers.array_namespace(x)
    weights = xp.exp(x) / xp.sum(xp.exp(x), axis=0)
    return xp.sum(weights, axis=0)

def offset(x):
    return 1e6 + good(x)

def detached(x):
    return good(getval(x)) + 0.0 * x

def detached_offset(x):
    return 1e6 + detached(x)

def branching(x):
    return 1.001 * good(x) if isbox(x) else good(x)

def raising(x):
    if isbox(x):
        raise RuntimeError("no boxes, please")
    return good(x)

calls = []

def raising_later(x):
    calls.append(isbox(x))
    if isbox(x) and calls.count(True) > 1:
        raise RuntimeError("once is enough")
    return good(x)

def always_raising(x):
    raise ValueError("never in one\\nline")

def integer(x):
    return 3

def forgetful(x):
    good(x)
"""

Main = Callable[..., tuple[int, str, str]]


@pytest.fixture
def main(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Main:
    """Run the command in a folder with ``f.py``: exit status, standard output and standard error."""
    (tmp_path / "f.py").write_text(FUNCTIONS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path.copy())  # to which compare adds the folder of its file

    def run(*arguments: str) -> tuple[int, str, str]:
        status = cli.main(arguments)
        return status, *capsys.readouterr()

    return run


def process(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    command = [sys.executable, "-m", "adhelpers", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]


def row(output: str, *first: str) -> str:
    """The line of a table that begins with these cells."""
    (line,) = [line for line in output.splitlines() if line.split()[: len(first)] == list(first)]
    return line


# -- backends -----------------------------------------------------------------------------------------


def test_backends_shows_name_version_origin_and_capabilities(main: Main) -> None:
    status, output, errors = main("backends")
    assert (status, errors) == (0, "")
    assert row(output, "finite-difference").split()[1:4] == ["numpy", np.__version__, "adhelpers"]
    assert "complex, float32, forward" in row(output, "autograd")
    assert len(output.splitlines()) >= 4 + 4


def test_module_and_gallery_run_in_a_process_of_their_own() -> None:
    run = process("compare", *PAIR)
    assert (run.returncode, run.stderr) == (0, "")
    tasks = sum(3 if problem.jacobian is not None else 2 for problem in gallery.problems())
    assert f"{2 * tasks} of {2 * tasks} results agree." in run.stdout
    assert "Lorenz                  batched" in run.stdout


# -- compare: what agrees -----------------------------------------------------------------------------


def test_function_is_compared_in_all_three_operations(main: Main) -> None:
    status, output, errors = main("compare", "f.py:good", "--shape", "3,5", *PAIR)
    assert (status, errors) == (0, "")
    assert "x of shape (3, 5)" in output
    assert all(row(output, "good", operation) for operation in ("value", "jvp", "vjp", "batched_jacobian"))
    assert "8 of 8 results agree." in output


@pytest.mark.parametrize("dtype", ["float64", "float32", "complex128", ">f8"])
@pytest.mark.parametrize("function", ["good", "constant", "offset"])
def test_x_is_read_from_a_file(main: Main, dtype: str, function: str) -> None:
    np.save("x.npy", np.random.default_rng(0).standard_normal((3, 5)).astype(dtype))
    status, output, errors = main("compare", f"f.py:{function}", "--x", "x.npy", *PAIR)
    assert (status, errors) == (0, ""), output
    assert "x of shape (3, 5)" in output


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
    assert "mixing, batched_jacobian on autograd: BatchMixingError: f mixes the batch" in output
    assert not [line for line in output.splitlines() if " jvp " in line]


def test_seed_decides_what_is_drawn() -> None:
    def deviation(seed: int) -> float:
        report = compare(np.sin, np.ones(3), backends=["autograd"], operations=["jvp"], timing=False, seed=seed)
        (result,) = [result for result in report.results if result.operation == "jvp"]
        assert result.deviation is not None
        return result.deviation.max_abs

    assert deviation(1) == deviation(1) != deviation(2)


def test_backend_that_is_named_twice_is_compared_once(main: Main) -> None:
    status, output, _ = main("compare", "f.py:good", *SHAPE, "--backends", "autograd,autograd")
    assert status == 0
    assert "4 of 4 results agree." in output


def test_x_and_u_may_be_structures(main: Main) -> None:
    Path("s.py").write_text("def f(x): return {'y': x['layer']['w'] * x['b']}\n")
    np.savez("x.npz", **{"layer/w": np.ones(3), "b": np.arange(3)})
    np.savez("u.npz", y=np.ones(3))
    status, output, errors = main("compare", "s.py:f", "--x", "x.npz", "--u", "u.npz", "--dtype", "float32", *PAIR)
    assert (status, errors) == (0, ""), output
    assert "x of 2 leaves, float32" in output
    assert "6 of 6 results agree." in output


@pytest.mark.parametrize("dtype", ["float32", "complex64", "complex128"])
def test_dtype_of_what_is_drawn(main: Main, dtype: str) -> None:
    status, output, errors = main("compare", "f.py:good", *SHAPE, "--dtype", dtype, "--no-timing", *PAIR)
    assert (status, errors) == (0, ""), output
    assert f"x of shape (3, 5), {dtype}" in output


def test_tolerances_are_those_that_are_given(main: Main) -> None:
    assert main("compare", "f.py:branching", *SHAPE, *PAIR)[0] == 1
    assert main("compare", "f.py:branching", *SHAPE, *PAIR, "--rtol", "1e-2")[0] == 0
    assert main("compare", "f.py:branching", *SHAPE, *PAIR, "--atol", "1e-1")[0] == 0


def test_reports_are_written(main: Main) -> None:
    pytest.importorskip("matplotlib")
    files = ("--json", "r.json", "--html", "r.html", "--plot", "r.png")
    assert main("compare", "f.py:detached", *SHAPE, *PAIR, *files)[0] == 1
    report = json.loads(Path("r.json").read_text())
    assert report["agree"] is False
    statuses = {(r["operation"], r["backend"]): r["status"] for r in report["results"]}
    assert statuses["jvp", "autograd"] == "differs"
    assert statuses["value", "autograd"] == statuses["jvp", "finite-difference"] == "agrees"
    assert "detached" in Path("r.html").read_text()
    assert Path("r.png").read_bytes().startswith(b"\x89PNG")


def test_gallery_may_be_named_and_narrowed(main: Main) -> None:
    status, output, _ = main(
        "compare", "--gallery", "--backends", "finite-difference", "--operations", "jvp", "--json", "r.json"
    )
    assert status == 0
    report = json.loads(Path("r.json").read_text())
    assert {result["operation"] for result in report["results"]} == {"jvp"}
    assert f"{len(report['results'])} of {len(report['results'])} results agree." in output


# -- compare: what does not ---------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_function_that_is_wrong_on_one_backend_is_named(main: Main, dtype: str) -> None:
    np.save("x.npy", np.random.default_rng(0).standard_normal((3, 5)).astype(dtype))
    status, output, _ = main("compare", "f.py:detached", "--x", "x.npy", *PAIR)
    assert status == 1
    assert "5 of 8 results agree." in output
    for operation in ("jvp", "vjp", "batched_jacobian"):
        assert row(output, "detached", operation).split()[2] == "differs"
        assert f"* detached, {operation} on autograd: deviates by 1.0e+00, more than " in output


@pytest.mark.parametrize("function", ["branching", "detached_offset"])
def test_small_faults_are_seen(main: Main, function: str) -> None:
    status, output, _ = main("compare", f"f.py:{function}", "--shape", "3,5", *PAIR)
    assert status == 1
    assert f"{function}, jvp on autograd: deviates by" in output


@pytest.mark.parametrize(("function", "words"), [("raising", "no boxes, please"), ("raising_later", "once is enough")])
def test_function_that_raises_on_one_backend_fails_there_alone(main: Main, function: str, words: str) -> None:
    status, output, _ = main("compare", f"f.py:{function}", "--shape", "3,5", *PAIR)
    assert status == 1
    assert row(output, function, "vjp").split()[2] == "failed"
    assert row(output, function, "vjp").split()[3] == "0e+00"
    assert "5 of 8 results agree." in output
    assert f"* {function}, jvp on autograd: RuntimeError: {words}" in output


# -- bad usage ----------------------------------------------------------------------------------------


BAD_USAGE = {
    "no command": ((), "required: {backends,compare,conformance}; `adhelpers --help`"),
    "unknown command": (("compute",), "invalid choice: 'compute' (choose from "),
    "unknown option": (("backends", "--all"), "unrecognized arguments: --all; `adhelpers backends --help`"),
    "no colon": (("compare", "f.py", *SHAPE), "write FILE.py:function, but 'f.py' was given"),
    "no name": (("compare", "f.py:", *SHAPE), "write FILE.py:function, but 'f.py:' was given"),
    "no such file": (("compare", "g.py:f", *SHAPE), "there is no file 'g.py'; write FILE.py:function"),
    "no Python file": (("compare", "x.txt:f", *SHAPE), "'x.txt' is not a Python file; write FILE.py:function"),
    "no such function": (("compare", "f.py:bad", *SHAPE), "has no function 'bad'; it has getval, isbox, good, scalar"),
    "no callable": (("compare", "f.py:calls", *SHAPE), "has no function 'calls'; it has"),
    "syntax error": (("compare", "syntax.py:f", *SHAPE), "'syntax.py' cannot be imported: SyntaxError"),
    "file that raises": (("compare", "raises.py:f", *SHAPE), "cannot be imported: RuntimeError: more than a line"),
    "file that exits": (("compare", "exits.py:f", *SHAPE), "'exits.py' cannot be imported: SystemExit: 0"),
    "no x": (("compare", "f.py:good"), "either by --shape 3,5 or by --x FILE.npy"),
    "x twice": (("compare", "f.py:good", *SHAPE, "--x", "x.npy"), "either by --shape 3,5 or by --x FILE.npy"),
    "x without function": (("compare", *SHAPE), "write `adhelpers compare FILE.py:function --shape 3,5`"),
    "shape in words": (("compare", "f.py:good", "--shape", "3xb"), "a shape is written as 3,5, but '3xb' was given"),
    "negative shape": (("compare", "f.py:good", "--shape=-3,5"), "a shape is written as 3,5, but '-3,5' was given"),
    "fractional seed": (("compare", "--seed", "0.5"), "an integer from 0 upwards, but '0.5' was given"),
    "negative seed": (("compare", "--seed=-1"), "an integer from 0 upwards, but '-1' was given"),
    "batch axis": (("compare", "--batch-axis", "1"), "argument --batch-axis: invalid choice: 1"),
    "missing x": (("compare", "f.py:good", "--x", "no.npy"), "--x 'no.npy' cannot be read as a .npy file: "),
    "empty x": (("compare", "f.py:good", "--x", "x.txt"), "cannot be read as a .npy file: No data left in file"),
    "x in words": (("compare", "f.py:good", "--x", "f.py"), "cannot be read as a .npy file: "),
    "integer x": (("compare", "f.py:good", "--x", "integers.npy"), "holds an array of dtype int64, but x is floating"),
    "broken npz": (("compare", "f.py:good", "--x", "broken.npz"), "--x 'broken.npz' cannot be read as a .npz file: "),
    "integers in npz": (("compare", "f.py:good", "--x", "several.npz"), "'n', holds an array of dtype int64, but x"),
    "u in words": (("compare", "f.py:good", *SHAPE, "--u", "f.py"), "--u 'f.py' cannot be read as a .npy file: "),
    "u of another shape": (("compare", "f.py:good", *SHAPE, "--u", "u.npy"), "u is shaped neither as x nor as f(x)"),
    "u without function": (("compare", "--u", "u.npy"), "--shape, --x and --u are for a function"),
    "gap in a shape": (("compare", "f.py:good", "--shape", "3,,5"), "a shape is written as 3,5, but '3,,5' was given"),
    "gap in backends": (("compare", "--backends", "jax,,torch"), "written as jax,torch, but 'jax,,torch' was given"),
    "unknown operation": (("compare", "--operations", "jpv"), "operations are some of jvp, vjp, batched_jacobian"),
    "unknown dtype": (("compare", "f.py:good", *SHAPE, "--dtype", "int8"), "invalid choice: 'int8'"),
    "dtype without function": (("compare", "--dtype", "float32"), "--dtype is for a function"),
    "negative tolerance": (("compare", "--rtol=-1"), "a tolerance is a number from 0 upwards, but '-1' was given"),
    "tolerance in words": (("compare", "--atol", "small"), "a tolerance is a number from 0 upwards, but 'small' was"),
    "gallery and function": (("compare", "f.py:good", "--gallery", *SHAPE), "write one of the two"),
    "no folder": (("compare", "--json", "no/r.json"), "--json 'no/r.json' cannot be written: "),
    "unknown backend": (("compare", "--backends", "jaks"), "no backend is named 'jaks'; name one of 'autograd'"),
    "no backend": (("compare", "--backends", ","), "backends are written as jax,torch, but ',' was given"),
    "raises everywhere": (("compare", "f.py:always_raising", *SHAPE), "ValueError: never in one line; write it with"),
    "no result": (("compare", "f.py:forgetful", *SHAPE, *PAIR), "f(x) has no leaves, so that there is nothing to"),
    "dict and array": (("compare", "f.py:good", "--x", "both.npz"), "both an array 'a' and a dict of that name"),
    "integer result": (("compare", "f.py:integer", *SHAPE), "no reference to compare with"),
}


@pytest.mark.parametrize(("arguments", "words"), BAD_USAGE.values(), ids=BAD_USAGE)
def test_bad_usage_exits_with_2_and_one_line(main: Main, arguments: tuple[str, ...], words: str) -> None:
    Path("syntax.py").write_text("def f(x:\n")
    Path("raises.py").write_text("raise RuntimeError('more than\\na line')\n")
    Path("exits.py").write_text("import sys\nsys.exit(0)\n")
    Path("x.txt").touch()
    np.save("integers.npy", np.ones((3, 5), dtype=np.int64))
    np.savez("several.npz", x=np.ones(3), n=np.ones(3, dtype=np.int64))
    np.savez("both.npz", **{"a/b": np.ones(3), "a": np.ones(3)})  # type: ignore[arg-type]
    Path("broken.npz").write_bytes(b"PK")
    np.save("u.npy", np.ones(7))
    status, output, errors = main(*arguments)
    assert (status, output) == (2, "")
    assert errors.startswith("adhelpers: ")
    assert words in errors
    assert errors.endswith("\n")
    assert errors.count("\n") == 1


def test_interruption_has_no_traceback(main: Main) -> None:
    Path("interrupts.py").write_text("raise KeyboardInterrupt\n")
    assert main("compare", "interrupts.py:f", *SHAPE) == (130, "", "adhelpers: interrupted\n")


def test_status_of_the_process_is_that_of_the_command(tmp_path: Path) -> None:
    run = process("compare", "f.py", *PAIR, cwd=tmp_path)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == "adhelpers: write FILE.py:function, but 'f.py' was given\n"


# -- files that are compared --------------------------------------------------------------------------


def test_file_may_import_its_neighbours_and_be_called_as_a_framework(main: Main) -> None:
    Path("neighbour.py").write_text("def f(x): return 2.0 * x\n")
    Path("autograd.py").write_text("from neighbour import f\n")
    before = sys.modules["autograd"]
    assert main("compare", "autograd.py:f", *SHAPE, *PAIR)[0] == 0
    assert sys.modules["autograd"] is before


# -- output -------------------------------------------------------------------------------------------


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
    assert b"detached: batched_jacobian" in shown  # which of its steps is a matter of time


def test_terminal_without_rich_gets_plain_text(main: Main, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("rich", "rich.box", "rich.console"):
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    status, output, errors = main("compare", "f.py:good", *SHAPE, *PAIR)
    assert (status, errors) == (0, "")
    assert "good      jvp" in output


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
def test_reader_that_has_seen_enough_is_no_error(unbuffered: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "adhelpers", "compare", "--backends", "finite-difference"]
    environ = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    run = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False, env=environ)
    os.close(writer)
    assert (run.returncode, run.stderr) == (0, "")


def test_plain_table_is_aligned() -> None:
    assert tables.Table("T", ["a", "name"], [["long cell", "b"], ["", "c"]]).plain().splitlines() == [
        "T",
        "",
        "a          name",
        "---------  ----",
        "long cell  b",
        "           c",
    ]


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_exit_with_0(main: Main, capsys: pytest.CaptureFixture[str], option: str) -> None:
    with pytest.raises(SystemExit) as exited:
        main(option)
    assert exited.value.code == 0
    assert capsys.readouterr().out
