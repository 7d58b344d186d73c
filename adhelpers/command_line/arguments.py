"""Parse the words of the command line: shapes, ports, seeds, tolerances and names."""

from __future__ import annotations

import argparse
from collections.abc import Callable

DTYPES = ("float16", "float32", "float64", "complex64", "complex128")


def shape(text: str) -> tuple[int, ...]:
    """Sizes such as ``3,5``; an empty text for a single number."""
    sizes = _words(text) if text.strip() else []
    if not all(size.isdecimal() for size in sizes):
        msg = f"a shape is written as 3,5, but {text!r} was given"
        raise argparse.ArgumentTypeError(msg)
    return tuple(map(int, sizes))


def named_shape(text: str) -> tuple[str | None, tuple[int, ...]]:
    """A shape, or a name and a shape such as ``a=3,5``."""
    name, equals, sizes = text.rpartition("=")
    if not equals:
        return None, shape(text)
    if not all(name.split("/")):
        msg = f"a shape with a name is written as a=3,5, but {text!r} was given"
        raise argparse.ArgumentTypeError(msg)
    return name, shape(sizes)


def port(text: str) -> tuple[str, str]:
    """A backend and its function, such as ``torch=FILE.py:function``."""
    name, _, place = text.partition("=")
    if not name or ":" not in place:
        msg = f"a port is written as torch=FILE.py:function, but {text!r} was given"
        raise argparse.ArgumentTypeError(msg)
    return name, place


def seed(text: str) -> int:
    """A number from 0 upwards."""
    if not text.isdecimal():
        msg = f"a seed is an integer from 0 upwards, but {text!r} was given"
        raise argparse.ArgumentTypeError(msg)
    return int(text)


def tolerance(text: str) -> float:
    """A number from 0 upwards."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0.0 <= number < float("inf"):
        msg = f"a tolerance is a number from 0 upwards, but {text!r} was given"
        raise argparse.ArgumentTypeError(msg)
    return number


def seconds(text: str) -> float:
    """A positive number."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0.0 < number < float("inf"):
        msg = f"a time is a positive number of seconds, but {text!r} was given"
        raise argparse.ArgumentTypeError(msg)
    return number


def names(rule: str) -> Callable[[str], list[str]]:
    """A parser of names such as ``jax,torch`` without duplicates; `rule` begins its error message."""

    def read(text: str) -> list[str]:
        words = _words(text)
        if not all(words):
            msg = f"{rule}, but {text!r} was given"
            raise argparse.ArgumentTypeError(msg)
        return list(dict.fromkeys(words))

    return read


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",")]
