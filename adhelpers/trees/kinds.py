"""Keys of calls: what is learnt from one call of a function holds for calls with the same key."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import fields, is_dataclass
from typing import Any

from adhelpers.caches import Identity, parts_of_method
from adhelpers.plugins.objects import is_numpy_scalar


def kind_of(arg: Any) -> Hashable:
    """The shape and dtype of an array, the type of a float or complex number, the value of a bool, int or string.

    NumPy's scalars of these count by their values, too. A container or a dataclass gives the kinds of its items. Any
    other object, such as a function or a module, gives its identity: `f` may do something else with another. Few
    objects are kept alive: those without weak references.
    """
    if isinstance(arg, type):  # that of NumPy's numbers has a shape and a dtype too
        return type, Identity.of(arg)
    if is_numpy_scalar(arg) and arg.dtype.kind in "biuSU":
        return type(arg), arg.item()
    if hasattr(arg, "shape") and hasattr(arg, "dtype"):
        return tuple(arg.shape), str(arg.dtype)
    if isinstance(arg, (bool, int, str, bytes)):
        return type(arg), arg
    if isinstance(arg, (float, complex)):
        return (type(arg),)
    if isinstance(arg, (tuple, list)):
        return type(arg), tuple(map(kind_of, arg))
    if isinstance(arg, (set, frozenset)):
        return type(arg), frozenset(map(kind_of, arg))
    if isinstance(arg, dict):
        return type(arg), tuple([(kind_of(key), kind_of(value)) for key, value in arg.items()])
    if is_dataclass(arg):
        return type(arg), tuple([kind_of(getattr(arg, field.name, None)) for field in fields(arg)])
    method = parts_of_method(arg)
    if method is not None:
        return type(arg), *map(kind_of, method)
    try:
        return type(arg), Identity.of(arg)
    except TypeError:
        return type(arg), hashed(arg)


def hashed(value: Any) -> Hashable:
    """`value` as a part of a key; in place of one without a hash an object that equals nothing."""
    try:
        hash(value)
    except Exception:  # noqa: BLE001  # whatever its own hash raises
        return object()
    return value
