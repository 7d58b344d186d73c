"""Tell a framework's errors, such as those about a missing rule, from the same errors of a user's function."""

from __future__ import annotations

import dis
import importlib.util
import os
from types import TracebackType

from adhelpers.caches import shared


def raised_by_library(error: BaseException, package: str) -> bool:
    """Whether the code of `package`, and not a ``raise`` of the user's, raised `error`.

    The last frame of the traceback decides. It lies in the package's files, or its last instruction is a call and not
    a ``raise``: then compiled code raised, or the package strips its own frames.

    Examples
    --------
    >>> from adhelpers.extend import raised_by_library
    >>> try:
    ...     raise NotImplementedError("Differentiation rule not implemented")
    ... except NotImplementedError as error:
    ...     print(raised_by_library(error, "numpy"))
    False
    """
    last = error.__traceback__
    if last is None:
        return False
    while last.tb_next is not None:
        last = last.tb_next
    return _lies_in(last, package) or not _raises(last)


def _lies_in(frame: TracebackType, package: str) -> bool:
    folder = _folder(package)
    return folder is not None and frame.tb_frame.f_code.co_filename.startswith(folder + os.sep)


def _folder(package: str) -> str | None:
    known: str | None = _FOLDERS.get(package)
    if known is None:
        try:
            spec = importlib.util.find_spec(package)
        except ValueError:  # a script, whose folder tells nothing: the user's functions lie there too
            return None
        if spec is None or spec.origin is None:
            return None
        known = _FOLDERS.keep(package, os.path.dirname(spec.origin))
    return known


_FOLDERS = shared(32)
"""The folders of packages."""


def _raises(frame: TracebackType) -> bool:
    """Whether the error began at a ``raise`` of this frame.

    A bare ``raise``, a ``with`` and a ``finally`` pass on an error that began elsewhere.
    """
    opcode, count = frame.tb_frame.f_code.co_code[frame.tb_lasti :][:2]
    return dis.opname[opcode] == "RAISE_VARARGS" and count > 0
