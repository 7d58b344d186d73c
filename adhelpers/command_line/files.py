"""Files of the command line: functions and arrays that are read, and reports that can be written."""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
from collections.abc import Callable
from typing import Any

from adhelpers.command_line.usage import UsageError


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
    """The NumPy data that ``--shape`` or ``--x`` asks for."""
    import numpy as np

    if (options.shape is None) == (options.x is None):
        msg = "give x for the function either by --shape 3,5 or by --x FILE.npy"
        raise UsageError(msg)
    if options.shape is None:
        return read_file("--x", options.x, options.dtype)
    dtype = np.dtype(options.dtype or "float64")
    random = np.random.default_rng(options.seed)
    try:
        x = random.standard_normal(options.shape)
        if dtype.kind == "c":
            x = x + 1j * random.standard_normal(options.shape)
    except (ValueError, MemoryError) as error:
        msg = f"--shape {','.join(map(str, options.shape))} cannot be made: {error}; write a smaller shape"
        raise UsageError(msg) from error
    return np.asarray(x, dtype)


def read_file(option: str, path: str, dtype: str | None) -> Any:
    """The array in a .npy file, or the dict of arrays in a .npz file."""
    import numpy as np

    kind = ".npz" if path.endswith(".npz") else ".npy"
    try:
        data = np.load(path, allow_pickle=False)
        if isinstance(data, np.ndarray):
            return _inexact(data, f"{option} {path!r}", dtype)
        with data:
            arrays = {name: data[name] for name in data.files}
    except UsageError:
        raise
    except Exception as error:
        save = "numpy.save" if kind == ".npy" else "numpy.savez"
        msg = f"{option} {path!r} cannot be read as a {kind} file: {error}; save it with {save}"
        raise UsageError(msg) from error
    tree: dict[str, Any] = {}
    for name, array in arrays.items():
        *folders, last = name.split("/")
        inner = tree
        for folder in folders:
            inner = inner.setdefault(folder, {})
            if not isinstance(inner, dict):
                msg = f"{option} {path!r} holds both an array {folder!r} and a dict of that name; rename one"
                raise UsageError(msg)
        if last in inner:
            msg = f"{option} {path!r} holds both an array {last!r} and a dict of that name; rename one"
            raise UsageError(msg)
        inner[last] = _inexact(array, f"{option} {path!r}, {name!r},", dtype)
    return tree


def _inexact(array: Any, place: str, dtype: str | None) -> Any:
    import numpy as np

    if dtype is not None and array.dtype.kind in "biufc" and not (array.dtype.kind == "c" and dtype[0] == "f"):
        array = array.astype(dtype)
    if not np.issubdtype(array.dtype, np.inexact):
        msg = (
            f"{place} holds an array of dtype {array.dtype}, but x is floating or complex; "
            "save it converted by astype(float), or add --dtype float64"
        )
        raise UsageError(msg)
    return array


def check_writable(option: str, path: str | None) -> None:
    """A long run should not end in this error."""
    if path is None:
        return
    new = not os.path.exists(path)
    try:
        with open(path, "a", encoding="utf-8"):
            pass
    except OSError as error:
        msg = f"--{option} {path!r} cannot be written: {error}; name a file in a folder that exists"
        raise UsageError(msg) from error
    if new:
        os.remove(path)


def check_picture(path: str) -> None:
    """That matplotlib is there, and knows this kind of file."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        msg = "--plot needs matplotlib: pip install 'adhelpers[plot]'"
        raise UsageError(msg) from error
    known = Figure().canvas.get_supported_filetypes()
    if os.path.splitext(path)[1][1:].lower() not in known:
        msg = f"--plot {path!r} names no kind of picture; write FILE.png, or another of {', '.join(sorted(known))}"
        raise UsageError(msg)
