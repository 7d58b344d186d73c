"""Files of the command line: read or draw arrays, and check that reports can be written."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from typing import Any

from adhelpers.command_line.usage import UsageError


def read_x(options: argparse.Namespace) -> Any:
    """The NumPy data that ``--shape`` or ``--x`` asks for."""
    import numpy as np

    if (options.shape is None) == (options.x is None):
        msg = "give x for the function by either --shape 3,5 or --x FILE.npy"
        raise UsageError(msg)
    if options.shape is None:
        return read_file("--x", options.x, options.dtype)
    names = [name for name, _ in options.shape]
    if len(names) != len({*names}) or (None in names and len(names) > 1):
        given = " ".join(f"--shape {_written(name, sizes)}" for name, sizes in options.shape)
        msg = f"several shapes make a dict: name each, as in --shape a=3,5 --shape b=5, but {given} was given"
        raise UsageError(msg)
    random = np.random.default_rng(options.seed)
    drawn = {name: _draw(random, sizes, options.dtype, _written(name, sizes)) for name, sizes in options.shape}
    return drawn[None] if None in drawn else _nested(drawn, "--shape")


def _written(name: str | None, sizes: tuple[int, ...]) -> str:
    """The text of a shape as typed."""
    return f"{'' if name is None else f'{name}='}{','.join(map(str, sizes))}"


def _draw(random: Any, sizes: tuple[int, ...], dtype: str | None, written: str) -> Any:
    import numpy as np

    wanted = np.dtype(dtype or "float64")
    try:
        x = random.standard_normal(sizes)
        if wanted.kind == "c":
            x = x + 1j * random.standard_normal(sizes)
    except (ValueError, MemoryError) as error:
        msg = f"--shape {written} cannot be made: {error}; write a smaller shape"
        raise UsageError(msg) from error
    return np.asarray(x, wanted)


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
    place = f"{option} {path!r}"
    return _nested({name: _inexact(array, f"{place}, {name!r},", dtype) for name, array in arrays.items()}, place)


def _nested(arrays: Mapping[str, Any], place: str) -> dict[str, Any]:
    """Put arrays called ``a/b`` into nested dicts."""
    tree: dict[str, Any] = {}
    for name, array in arrays.items():
        *folders, last = name.split("/")
        inner = tree
        for folder in folders:
            inner = inner.setdefault(folder, {})
            if not isinstance(inner, dict):
                msg = f"{place} holds both an array {folder!r} and a dict of that name; rename one"
                raise UsageError(msg)
        if last in inner:
            msg = f"{place} holds both an array {last!r} and a dict of that name; rename one"
            raise UsageError(msg)
        inner[last] = array
    return tree


def _inexact(array: Any, place: str, dtype: str | None) -> Any:
    import numpy as np

    if dtype is not None and array.dtype.kind == "c" and dtype[0] == "f":
        wide = "complex128" if dtype == "float64" else "complex64"
        msg = f"{place} holds an array of dtype {array.dtype}, which --dtype {dtype} would cut; write --dtype {wide}"
        raise UsageError(msg)
    if dtype is not None and array.dtype.kind in "biufc":
        array = array.astype(dtype)
    if not np.issubdtype(array.dtype, np.inexact):
        msg = (
            f"{place} holds an array of dtype {array.dtype}, but x is floating or complex; "
            "save it converted by astype(float), or add --dtype float64"
        )
        raise UsageError(msg)
    return array


def check_writable(option: str, path: str | None) -> None:
    """Check that the file can be written, before a long run."""
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


def check_distinct(paths: Mapping[str, str | None]) -> None:
    """Check that no report overwrites another; the paths are by option."""
    named: dict[str, str] = {}
    for option, path in paths.items():
        if path is not None:
            other = named.setdefault(os.path.realpath(path), option)
            if other != option:
                msg = f"--{other} and --{option} both name the file {path!r}; name one for each"
                raise UsageError(msg)


def check_picture(path: str) -> None:
    """Check that matplotlib is installed, and knows this kind of file."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        msg = "--plot needs matplotlib: pip install 'adhelpers[plot]'"
        raise UsageError(msg) from error
    known = Figure().canvas.get_supported_filetypes()
    if os.path.splitext(path)[1][1:].lower() not in known:
        msg = f"--plot {path!r} has no known picture suffix; write FILE.png, or one of {', '.join(sorted(known))}"
        raise UsageError(msg)
