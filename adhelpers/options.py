"""Options of operations, and the checks of their values."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, TypedDict

from adhelpers.errors import ArgumentError, ArgumentTypeError, BatchAxisError

Check = Callable[[str, Any], None]
"""``check(name, value)`` refuses a bad value of the option `name`."""


class Options(TypedDict, total=False):
    """The keywords of every operation besides ``has_aux``."""

    args: tuple[Any, ...]


def flag(name: str, value: object) -> None:
    """Refuse a value that is not a bool: ``"no"`` would count as True."""
    if not isinstance(value, bool):
        msg = f"{name} is {value!r}; write True or False"
        raise ArgumentTypeError(msg)


def word(known: Sequence[str]) -> Check:
    """A check that refuses all except the known words."""

    def refuse(name: str, value: object) -> None:
        if not isinstance(value, str) or value not in known:
            words = [repr(word) for word in known]
            msg = f"{name} is {value!r}; write {', '.join(words[:-1])} or {words[-1]}"
            raise ArgumentError(msg)

    return refuse


def chunk_size(name: str, value: object) -> None:
    """Refuse a value that is neither a positive int nor None."""
    try:
        is_count = not isinstance(value, bool) and operator.index(value) > 0  # type: ignore[arg-type]
    except TypeError:
        is_count = False
    if value is not None and not is_count:
        msg = f"{name} is {value!r}; write a positive int, or None for an automatic choice"
        raise ArgumentError(msg)


def batch_axis(name: str, value: object) -> None:
    """Refuse a batch axis other than -1 and 0."""
    if not isinstance(value, int) or isinstance(value, bool) or value not in (-1, 0):
        msg = f"{name} is {value!r}; write -1 for the batch last, or 0 for the batch first"
        raise BatchAxisError(msg)


def check(name: str, value: object) -> None:
    """Refuse a value other than True, False and ``"always"``."""
    if not isinstance(value, bool) and not (isinstance(value, str) and value == "always"):
        msg = f"{name} is {value!r}; write True, False or 'always'"
        raise ArgumentError(msg)


def check_or_none(name: str, value: object) -> None:
    """Like `check`, but None is allowed: the older name is optional."""
    if value is not None:
        check(name, value)


def function_or_none(name: str, value: object) -> None:
    """Refuse a loss that is neither callable nor None."""
    if value is not None and not callable(value):
        msg = (
            f"{name} is {value!r}; give a function of f(x) that returns one number, or None for half the sum of squares"
        )
        raise ArgumentTypeError(msg)
