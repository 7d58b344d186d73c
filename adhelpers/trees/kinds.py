"""Keys of calls: what is learnt from one call of a function holds for calls with the same key."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any


def kind_of(arg: Any) -> Hashable:
    """The shape and dtype of an array, the type of a float or complex number, the value of a bool, int or string.

    A container gives the kinds of its items. Other objects give only their type, because a cache keeps its keys alive.
    """
    if isinstance(arg, type):  # that of NumPy's numbers has a shape and a dtype too
        return (type(arg),)
    if hasattr(arg, "shape") and hasattr(arg, "dtype"):
        return tuple(arg.shape), str(arg.dtype)
    if isinstance(arg, (bool, int, str, bytes)):
        return type(arg), arg
    if isinstance(arg, (tuple, list)):
        return type(arg), tuple(map(kind_of, arg))
    if isinstance(arg, dict):
        return type(arg), tuple([(kind_of(key), kind_of(value)) for key, value in arg.items()])
    return (type(arg),)
