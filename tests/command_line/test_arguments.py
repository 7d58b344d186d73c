"""Words of the command line."""

from __future__ import annotations

import argparse

import pytest
from commands import Refused

from adhelpers.command_line import arguments

BAD_USAGE = {
    "shape in words": (("compare", "f.py:good", "--shape", "3xb"), "a shape is written as 3,5, but '3xb' was given"),
    "negative shape": (("compare", "f.py:good", "--shape=-3,5"), "a shape is written as 3,5, but '-3,5' was given"),
    "gap in a shape": (("compare", "f.py:good", "--shape", "3,,5"), "a shape is written as 3,5, but '3,,5' was given"),
    "shape without a name": (("compare", "f.py:good", "--shape", "=3,5"), "written as a=3,5, but '=3,5' was given"),
    "port without a place": (("compare", "--port", "torch"), "as torch=FILE.py:function, but 'torch' was given"),
    "port without a function": (("compare", "--port", "torch=f.py"), "=FILE.py:function, but 'torch=f.py' was given"),
    "port without a backend": (("compare", "--port", "=f.py:good"), "=FILE.py:function, but '=f.py:good' was given"),
    "fractional seed": (("compare", "--seed", "0.5"), "an integer from 0 upwards, but '0.5' was given"),
    "negative seed": (("compare", "--seed=-1"), "an integer from 0 upwards, but '-1' was given"),
    "gap in backends": (("compare", "--backends", "jax,,torch"), "written as jax,torch, but 'jax,,torch' was given"),
    "no backend": (("compare", "--backends", ","), "backends are written as jax,torch, but ',' was given"),
    "negative tolerance": (("compare", "--rtol=-1"), "a tolerance is a number from 0 upwards, but '-1' was given"),
    "tolerance in words": (("compare", "--atol", "small"), "a tolerance is a number from 0 upwards, but 'small' was"),
}


@pytest.mark.parametrize(("typed", "words"), BAD_USAGE.values(), ids=BAD_USAGE)
def test_bad_usage_exits_with_2_and_one_line(refused: Refused, typed: tuple[str, ...], words: str) -> None:
    assert words in refused(*typed)


@pytest.mark.parametrize(
    ("text", "sizes"), [("3,5", (3, 5)), (" 3 , 5 ", (3, 5)), ("7", (7,)), ("", ()), ("0,2", (0, 2))]
)
def test_shapes(text: str, sizes: tuple[int, ...]) -> None:
    assert arguments.shape(text) == sizes


@pytest.mark.parametrize(("text", "number"), [("0", 0.0), ("1e-3", 1e-3), (" 2.5 ", 2.5)])
def test_tolerances(text: str, number: float) -> None:
    assert arguments.tolerance(text) == number


@pytest.mark.parametrize("text", ["nan", "inf", "-1e-3", ""])
def test_tolerances_that_cannot_be(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="a tolerance is a number from 0 upwards, but"):
        arguments.tolerance(text)


def test_names_are_read_once_each_in_order() -> None:
    assert arguments.names("as they are written")("torch, jax,torch") == ["torch", "jax"]


@pytest.mark.parametrize(
    ("text", "named"), [("3,5", (None, (3, 5))), ("a=3,5", ("a", (3, 5))), ("a/b=7", ("a/b", (7,))), ("a=", ("a", ()))]
)
def test_shapes_with_names(text: str, named: tuple[str | None, tuple[int, ...]]) -> None:
    assert arguments.named_shape(text) == named


def test_a_port_is_a_backend_and_a_place() -> None:
    assert arguments.port("torch=a=b/f.py:g") == ("torch", "a=b/f.py:g")
