"""Functions that are compared: their files, and ports of one model."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from commands import PAIR, SHAPE, Main, Refused, row

from adhelpers.command_line.functions import Functions

PORT = "autograd=f.py:detached"
BAD_USAGE = {
    "no colon": (("compare", "f.py", *SHAPE), "write FILE.py:function, but 'f.py' was given"),
    "no name": (("compare", "f.py:", *SHAPE), "write FILE.py:function, but 'f.py:' was given"),
    "no such file": (("compare", "g.py:f", *SHAPE), "there is no file 'g.py'; write FILE.py:function"),
    "no Python file": (("compare", "x.txt:f", *SHAPE), "'x.txt' is not a Python file; write FILE.py:function"),
    "no such function": (("compare", "f.py:bad", *SHAPE), "has no function 'bad'; it has getval, isbox, good, scalar"),
    "no callable": (("compare", "f.py:calls", *SHAPE), "has no function 'calls'; it has"),
    "syntax error": (("compare", "syntax.py:f", *SHAPE), "'syntax.py' cannot be imported: SyntaxError"),
    "file that raises": (("compare", "raises.py:f", *SHAPE), "cannot be imported: RuntimeError: more than a line"),
    "file that exits": (("compare", "exits.py:f", *SHAPE), "'exits.py' cannot be imported: SystemExit: 0"),
    "second port": (("compare", "--port", PORT, "--port", PORT, *SHAPE), "is the second one for 'autograd'"),
    "port of nobody": (
        ("compare", "f.py:good", "--port", PORT, *SHAPE, "--backends", "jax"),
        "add autograd to --backends",
    ),
    "unknown backend": (("compare", "--port", "jaks=f.py:good", *SHAPE), "no backend is named 'jaks'"),
    "missing port": (("compare", "--port", PORT, *SHAPE, *PAIR), "but none for finite-difference"),
}


@pytest.mark.parametrize(("arguments", "words"), BAD_USAGE.values(), ids=BAD_USAGE)
def test_bad_usage_exits_with_2_and_one_line(refused: Refused, arguments: tuple[str, ...], words: str) -> None:
    Path("syntax.py").write_text("def f(x:\n")
    Path("raises.py").write_text("raise RuntimeError('more than\\na line')\n")
    Path("exits.py").write_text("import sys\nsys.exit(0)\n")
    Path("x.txt").touch()
    assert words in refused(*arguments)


def test_file_may_import_its_neighbours_and_be_called_as_a_framework(main: Main) -> None:
    Path("neighbour.py").write_text("def f(x): return 2.0 * x\n")
    Path("autograd.py").write_text("from neighbour import f\n")
    before = sys.modules["autograd"]
    assert main("compare", "autograd.py:f", *SHAPE, *PAIR)[0] == 0
    assert sys.modules["autograd"] is before


def test_a_file_is_run_once_whatever_is_taken_from_it(tmp_path: Path) -> None:
    path = tmp_path / "counted.py"
    path.write_text("things = []\ndef f(x): things.append(x); return things\ndef g(x): return f(x)\n")
    functions = Functions()
    f, g = (functions.load(f"{path}:{name}") for name in "fg")
    assert f(1) is g(2)


def test_files_do_not_stand_in_for_one_another(tmp_path: Path) -> None:
    """Each has a module of its own, in which its dataclasses find their names."""
    for name in ("one", "two"):
        (tmp_path / f"{name}.py").write_text(f"def f(x): return {name!r}\n")
    functions = Functions()
    one, two = (functions.load(f"{tmp_path / name}.py:f") for name in ("one", "two"))
    assert (one(0), two(0)) == ("one", "two")
    assert sys.modules[one.__module__] is not sys.modules[two.__module__]
    assert sys.modules[one.__module__].f is one


def test_ports_are_compared_under_their_names(main: Main) -> None:
    status, output, errors = main(
        "compare", "--port", PORT, "--port", "finite-difference=f.py:good", *SHAPE, "--no-timing"
    )
    assert (status, errors) == (1, "")
    assert output.startswith("Comparison of detached/good at x of shape (3, 5), float64")
    assert row(output, "jvp").split() == ["jvp", "differs", "1e+00", "reference"]
    assert "the values of f agree; only derivatives on autograd differ" in output


def test_a_port_takes_the_place_of_the_function_that_others_share(main: Main) -> None:
    status, output, _ = main("compare", "f.py:good", "--port", PORT, *SHAPE, *PAIR, "--no-timing")
    assert status == 1
    assert row(output, "value").split() == ["value", "0", "reference"]
    assert row(output, "jvp").split()[1] == "differs"


def test_functions_for_all_that_is_installed() -> None:
    here = f"{__file__}:row"
    found = Functions().ports(here, [("autograd", f"{__file__}:Main")], None)
    assert found["finite-difference"] is not found["autograd"]
    assert found.keys() >= {"autograd", "finite-difference"}
