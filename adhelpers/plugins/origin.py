"""Whose error is it? A framework's word about a missing rule, and not a user's that reads alike."""

from __future__ import annotations

import dis
import importlib.util
import os
from types import TracebackType

from adhelpers.caches import shared


def raised_by_library(error: BaseException, package: str) -> bool:
    """Whether the code of `package`, and not a ``raise`` of the user's, raised `error`.

    The last frame of the traceback decides: it lies in the package's files or, where compiled code raised or
    the package strips its own frames, its last instruction is a call and no ``raise``.

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
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            return None
        known = _FOLDERS.keep(package, os.path.dirname(spec.origin))
    return known


_FOLDERS = shared(32)
"""Where the packages lie that were asked about."""


def _raises(frame: TracebackType) -> bool:
    """Whether a ``raise`` of this frame began it. One without an error, a ``with`` and a ``finally`` pass one on."""
    opcode, count = frame.tb_frame.f_code.co_code[frame.tb_lasti :][:2]
    return dis.opname[opcode] == "RAISE_VARARGS" and count > 0
