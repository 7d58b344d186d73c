"""Why a scenario failed: its kind, which `known_failures` may forgive, and its cause, which others may share."""

from __future__ import annotations

import os
import re
import traceback
from dataclasses import dataclass
from typing import Any

import numpy as np

from adhelpers import ADBackend
from adhelpers.testing.subject import HANGS, WRONG_BEHAVIOUR, WRONG_VALUE, Failure, Subject

KINDS = (WRONG_VALUE, WRONG_BEHAVIOUR, HANGS)
"""The kinds of failure without an error; an error's kind is the name of its type, or of one of that type's bases."""

_SUITE = os.path.dirname(os.path.dirname(__file__))
_ROUNDING_OF_FLOAT32 = 1e-9, 1e-4


@dataclass(frozen=True)
class Why:
    """Why a scenario failed.

    Attributes
    ----------
    kind
        One of `KINDS`, or the name of an error's type.
    cause
        The same words for all failures that may have one cause.
    example
        The message of this failure's error.
    off_by
        How much a result is wrong, relative to the largest entry of the right one.
    """

    kind: str
    cause: str
    example: str = ""
    off_by: float | None = None


def declared_kind(reason: str) -> str | None:
    """The kind of failure that a reason in `known_failures` begins with; None if there is none."""
    kind, colon, rest = reason.partition(": ")
    return kind if colon and rest.strip() and (kind in KINDS or kind.isidentifier()) else None


def kinds(failure: Failure) -> list[str]:
    """The names by which `known_failures` may call this failure, its own first."""
    if failure.__cause__ is None:
        return [failure.kind]
    return [cls.__name__ for cls in type(failure.__cause__).__mro__ if cls not in (Exception, BaseException, object)]


def why(failure: Failure, backend: ADBackend) -> Why:
    """The kind and the cause of a failure."""
    kind, error = kinds(failure)[0], failure.__cause__
    if error is not None:
        return _of_error(kind, error, backend)
    if failure.values is not None:
        return _of_values(kind, *failure.values)
    return Why(kind, _of_words(str(failure)))


def _of_error(kind: str, error: BaseException, backend: ADBackend) -> Why:
    if isinstance(error, AttributeError) and error.name and error.obj is _namespace(backend):
        return Why(kind, f"the namespace has no `{error.name}`")
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith(_SUITE)]
    message = next(iter(str(error).splitlines()), "")
    if not frames:
        return Why(kind, f"{kind}: {message}")
    place = f"{os.path.basename(frames[-1].filename)}, line {frames[-1].lineno}"
    return Why(kind, f"{kind} in {frames[-1].name} ({place})", message)


def _namespace(backend: ADBackend) -> Any:
    try:
        return Subject(backend).namespace(())
    except Exception:  # noqa: BLE001  # there are other words for that
        return None


def _of_values(kind: str, received: np.ndarray, expected: np.ndarray) -> Why:
    with np.errstate(all="ignore"):
        size = float(np.max(np.abs(expected), initial=0.0))
        off = float(np.max(np.abs(received - expected), initial=0.0)) / (size or 1.0)
        least, most = _ROUNDING_OF_FLOAT32
        if not np.isfinite(off):
            return Why(kind, "results are NaN or infinite, but finite numbers are expected")
        if size and not np.any(received):
            return Why(kind, "results are zero: was a tracer converted to a plain value?", off_by=off)
        if least <= off <= most and expected.dtype in (np.float64, np.complex128):
            return Why(kind, "results are slightly wrong: does the framework use single precision?", off_by=off)
        for words, other in (("complex conjugates", np.conjugate(expected)), ("negatives", -expected)):
            if off > most and np.max(np.abs(received - other), initial=0.0) <= most * size:
                return Why(kind, f"results are the {words} of the expected ones", off_by=off)
    return Why(kind, "results are wrong", off_by=off)


def _of_words(message: str) -> str:
    """What was received and what was expected, shortened to a line."""
    parts = [re.findall(rf"^{title}\n    (.*)$", message, flags=re.MULTILINE) for title in ("received", "expected")]
    words = ", but expected: ".join(found[-1][:_WIDTH] for found in parts if found)
    return _NUMBER.sub("...", words) or next(iter(message.splitlines()), "")


_WIDTH = 100
"""The number of characters shown of either."""

_NUMBER = re.compile(r"(?<![\w.])-?\d[\d.]*(e[+-]?\d+)?j?")
"""The numbers, which may differ between failures of one cause."""
