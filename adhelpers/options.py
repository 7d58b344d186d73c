"""Options of operations: what each may be."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, TypedDict

from adhelpers.errors import ArgumentError, ArgumentTypeError, BatchAxisError

Check = Callable[[str, Any], None]
"""``check(name, value)`` refuses a value that the option of that name may not have."""


class Options(TypedDict, total=False):
    """What every operation takes besides ``has_aux``."""

    args: tuple[Any, ...]


def flag(name: str, value: object) -> None:
    """Refuse what is neither True nor False: ``"no"`` would count as yes."""
    if not isinstance(value, bool):
        msg = f"{name} is {value!r}; write True or False"
        raise ArgumentTypeError(msg)


def word(known: Sequence[str]) -> Check:
    """A check that refuses what is none of the known words."""

    def refuse(name: str, value: object) -> None:
        if not isinstance(value, str) or value not in known:
            words = [repr(word) for word in known]
            msg = f"{name} is {value!r}; write {', '.join(words[:-1])} or {words[-1]}"
            raise ArgumentError(msg)

    return refuse


def chunk_size(name: str, value: object) -> None:
    """Refuse what is neither a positive int nor None."""
    is_count = hasattr(value, "__index__") and not isinstance(value, bool) and operator.index(value) > 0
    if value is not None and not is_count:
        msg = f"{name} is {value!r}; write a positive int, or None to have one chosen"
        raise ArgumentError(msg)


def batch_axis(name: str, value: object) -> None:
    """Refuse another batch axis than the last or the first."""
    if not isinstance(value, int) or isinstance(value, bool) or value not in (-1, 0):
        msg = f"{name} is {value!r}; write -1 for the batch last, or 0 for the batch first"
        raise BatchAxisError(msg)


def check(name: str, value: object) -> None:
    """Refuse another check than there is."""
    if not isinstance(value, bool) and not (isinstance(value, str) and value == "always"):
        msg = f"{name} is {value!r}; write True, False or 'always'"
        raise ArgumentError(msg)


def check_or_none(name: str, value: object) -> None:
    """The same for the older name, which need not be given."""
    if value is not None:
        check(name, value)


def function_or_none(name: str, value: object) -> None:
    """Refuse a loss that cannot be called."""
    if value is not None and not callable(value):
        msg = f"{name} is {value!r}; give a function of f(x) that returns one number, or None for half of the squares"
        raise ArgumentTypeError(msg)
