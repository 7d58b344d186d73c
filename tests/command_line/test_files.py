"""Arrays that are read or drawn, and files that are written."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import pytest
from commands import PAIR, SHAPE, Main, Refused

from adhelpers.command_line import files
from adhelpers.command_line.usage import UsageError

BAD_USAGE = {
    "no x": (("compare", "f.py:good"), "by either --shape 3,5 or --x FILE.npy"),
    "x twice": (("compare", "f.py:good", *SHAPE, "--x", "x.npy"), "by either --shape 3,5 or --x FILE.npy"),
    "missing x": (("compare", "f.py:good", "--x", "no.npy"), "--x 'no.npy' cannot be read as a .npy file: "),
    "empty x": (("compare", "f.py:good", "--x", "x.txt"), "cannot be read as a .npy file: No data left in file"),
    "x in words": (("compare", "f.py:good", "--x", "f.py"), "cannot be read as a .npy file: "),
    "integer x": (("compare", "f.py:good", "--x", "integers.npy"), "holds an array of dtype int64, but x is floating"),
    "broken npz": (("compare", "f.py:good", "--x", "broken.npz"), "--x 'broken.npz' cannot be read as a .npz file: "),
    "complex x": (
        ("compare", "f.py:good", "--x", "complex.npy", "--dtype", "float32"),
        "'complex.npy' holds an array of dtype complex128, which --dtype float32 would cut; write --dtype complex64",
    ),
    "integers in npz": (("compare", "f.py:good", "--x", "several.npz"), "'n', holds an array of dtype int64, but x"),
    "dict and array": (("compare", "f.py:good", "--x", "both.npz"), "both an array 'a' and a dict of that name"),
    "u in words": (("compare", "f.py:good", *SHAPE, "--u", "f.py"), "--u 'f.py' cannot be read as a .npy file: "),
    "names and none": (("compare", "f.py:good", "--shape", "3", "--shape", "b=5"), "--shape 3 --shape b=5 was given"),
    "name twice": (("compare", "f.py:good", "--shape", "a=3", "--shape", "a=5"), "--shape a=3 --shape a=5 was given"),
    "two shapes": (("compare", "f.py:good", *SHAPE, *SHAPE), "name each, as in --shape a=3,5 --shape b=5, but "),
    "shape and dict": (("compare", "f.py:good", "--shape", "a=3", "--shape", "a/b=5"), "--shape holds both an array"),
    "no folder": (("compare", "--json", "no/r.json"), "--json 'no/r.json' cannot be written: "),
}


@pytest.mark.parametrize(("arguments", "words"), BAD_USAGE.values(), ids=BAD_USAGE)
def test_bad_usage_exits_with_2_and_one_line(refused: Refused, arguments: tuple[str, ...], words: str) -> None:
    Path("x.txt").touch()
    np.save("integers.npy", np.ones((3, 5), dtype=np.int64))
    np.save("complex.npy", np.ones((3, 5), dtype=np.complex128))
    np.savez("several.npz", x=np.ones(3), n=np.ones(3, dtype=np.int64))
    np.savez("both.npz", **{"a/b": np.ones(3), "a": np.ones(3)})  # type: ignore[arg-type]
    Path("broken.npz").write_bytes(b"PK")
    assert words in refused(*arguments)


@pytest.mark.parametrize("dtype", ["float64", "float32", "complex128", ">f8"])
@pytest.mark.parametrize("function", ["good", "constant", "offset"])
def test_x_is_read_from_a_file(main: Main, dtype: str, function: str) -> None:
    np.save("x.npy", np.random.default_rng(0).standard_normal((3, 5)).astype(dtype))
    status, output, errors = main("compare", f"f.py:{function}", "--x", "x.npy", *PAIR)
    assert (status, errors) == (0, ""), output
    assert "x of shape (3, 5)" in output


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


def test_a_file_is_not_left_behind_by_the_question_whether_it_can_be_written(tmp_path: Path) -> None:
    there = tmp_path / "there.json"
    there.write_text("kept")
    for path in (there, tmp_path / "new.json"):
        files.check_writable("json", str(path))
    assert [path.name for path in tmp_path.iterdir()] == ["there.json"]
    assert there.read_text() == "kept"


def test_pictures_have_a_kind_that_matplotlib_knows() -> None:
    pytest.importorskip("matplotlib")
    files.check_picture("r.PNG")
    with pytest.raises(UsageError, match=r"--plot 'r.jsn' has no known picture suffix; write FILE.png, or one of"):
        files.check_picture("r.jsn")


def test_pictures_need_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(UsageError, match=r"--plot needs matplotlib: pip install 'adhelpers\[plot\]'"):
        files.check_picture("r.png")


@pytest.mark.parametrize("dtype", [None, "float32", "complex64"])
def test_x_is_drawn_from_the_seed(dtype: str | None) -> None:
    options = argparse.Namespace(shape=[(None, (2, 3))], x=None, dtype=dtype, seed=4)
    x = files.read_x(options)
    assert (x.shape, x.dtype) == ((2, 3), np.dtype(dtype or "float64"))
    np.testing.assert_array_equal(x.real, np.random.default_rng(4).standard_normal((2, 3)).astype(x.real.dtype))
    np.testing.assert_array_equal(x, files.read_x(options))


def test_shapes_with_names_make_a_dict() -> None:
    """Drawn one after the other, in the order in which they were typed."""
    shapes = [("layer/w", (2, 3)), ("b", ())]
    x = files.read_x(argparse.Namespace(shape=shapes, x=None, dtype=None, seed=4))
    random = np.random.default_rng(4)
    np.testing.assert_array_equal(x["layer"]["w"], random.standard_normal((2, 3)))
    np.testing.assert_array_equal(x["b"], random.standard_normal(()))
    assert x.keys() == {"layer", "b"}


def test_a_function_of_a_dict_is_compared(main: Main) -> None:
    Path("s.py").write_text("def f(x): return {'y': x['layer']['w'] * x['b']}\n")
    status, output, errors = main("compare", "s.py:f", "--shape", "layer/w=3", "--shape", "b=", *PAIR)
    assert (status, errors) == (0, ""), output
    assert "x of 2 leaves, float64" in output
    assert "6 of 6 results agree." in output
