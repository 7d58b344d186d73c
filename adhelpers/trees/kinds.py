"""What calls of one function have in common by which what was learnt from one holds for the other."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any


def kind_of(arg: Any) -> Hashable:
    """The shape and dtype of an array, the type of a number that may vary, and the value of a flag, count or word.

    Of containers it is that of their items. Other objects are told apart by their type alone, for a cache that holds
    its keys would keep them alive.
    """
    if hasattr(arg, "shape") and hasattr(arg, "dtype"):
        return tuple(arg.shape), str(arg.dtype)
    if isinstance(arg, (bool, int, str, bytes)):
        return type(arg), arg
    if isinstance(arg, (tuple, list)):
        return type(arg), tuple(map(kind_of, arg))
    if isinstance(arg, dict):
        return type(arg), tuple([(kind_of(key), kind_of(value)) for key, value in arg.items()])
    return (type(arg),)
