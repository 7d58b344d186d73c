"""What a user types on the command line, as the objects that it means."""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
from collections.abc import Callable
from typing import Any


class UsageError(Exception):
    """What the user typed cannot be done; the message is one line."""


def shape(text: str) -> tuple[int, ...]:
    """Sizes such as ``3,5``."""
    sizes = _words(text)
    if not all(size.isdecimal() for size in sizes):
        msg = f"a shape is written as 3,5, but {text!r} was given"
        raise argparse.ArgumentTypeError(msg)
    return tuple(map(int, sizes))


def seed(text: str) -> int:
    """A number from 0 upwards."""
    if not text.isdecimal():
        msg = f"a seed is an integer from 0 upwards, but {text!r} was given"
        raise argparse.ArgumentTypeError(msg)
    return int(text)


def names(text: str) -> list[str]:
    """Names such as ``jax,torch``."""
    words = _words(text)
    if not words:
        msg = f"backends are written as jax,torch, but {text!r} was given"
        raise argparse.ArgumentTypeError(msg)
    return words


def _words(text: str) -> list[str]:
    return [word for word in map(str.strip, text.split(",")) if word]


def load_function(place: str) -> Callable[[Any], Any]:
    """The function at ``FILE.py:function``."""
    path, colon, name = place.rpartition(":")
    if not colon or not path or not name:
        msg = f"write FILE.py:function, but {place!r} was given"
        raise UsageError(msg)
    if not os.path.isfile(path):
        msg = f"there is no file {path!r}; write FILE.py:function with a path from {os.getcwd()!r}"
        raise UsageError(msg)
    # A name of its own: a file called jax.py must not stand in for the framework.
    spec = importlib.util.spec_from_file_location("adhelpers_compared_file", path)
    if spec is None or spec.loader is None:
        msg = f"{path!r} is not a Python file; write FILE.py:function"
        raise UsageError(msg)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))  # as `python FILE.py` would
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        msg = f"{path!r} cannot be imported: {type(error).__name__}: {error}"
        raise UsageError(msg) from error
    function = getattr(module, name, None)
    if not callable(function):
        there = [n for n, value in vars(module).items() if callable(value) and not n.startswith("_")]
        msg = f"{path!r} has no function {name!r}; it has {', '.join(there) or 'none'}"
        raise UsageError(msg)
    return function


def read_x(options: argparse.Namespace) -> Any:
    """The NumPy array that ``--shape`` or ``--x`` asks for."""
    import numpy as np

    if (options.shape is None) == (options.x is None):
        msg = "give x for the function either by --shape 3,5 or by --x FILE.npy"
        raise UsageError(msg)
    if options.shape is not None:
        try:
            return np.random.default_rng(options.seed).standard_normal(options.shape)
        except (ValueError, MemoryError) as error:
            msg = f"--shape {','.join(map(str, options.shape))} cannot be made: {error}; write a smaller shape"
            raise UsageError(msg) from error
    try:
        x = np.load(options.x, allow_pickle=False)
    except Exception as error:
        msg = f"--x {options.x!r} cannot be read as a .npy file: {error}; save x with numpy.save"
        raise UsageError(msg) from error
    if not isinstance(x, np.ndarray) or not np.issubdtype(x.dtype, np.inexact):
        received = f"an array of dtype {x.dtype}" if isinstance(x, np.ndarray) else "several arrays"
        msg = (
            f"--x {options.x!r} holds {received}, but x is one floating or complex array; "
            "save it with numpy.save, converted by astype(float) if need be"
        )
        raise UsageError(msg)
    return x
