"""The methods of a backend that are not filled in yet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from adhelpers import ADBackend
from adhelpers.testing.operations import implements


def unfinished(backend: ADBackend) -> list[str]:
    """The methods that raise `NotImplementedError`, with their messages, which say what to fill in."""
    one: Any = np.asarray(1.0)
    with backend.scope():
        found = {"is_array": _gap(backend.is_array, one), "asarray": _gap(backend.asarray, one)}
        one = one if found["asarray"] else _lifted(backend, one)
        found["array_namespace"] = _gap(backend.array_namespace, one)
        if implements(backend, "jvp"):
            found["jvp"] = _gap(backend.jvp, _identity, (one,), (one,))
        if implements(backend, "vjp"):
            found["vjp"] = _gap(backend.vjp, _identity, (one,))
    methods = {words: method for method, words in reversed(found.items())}  # the first of those that call it
    return [f"{method}: {words}" for method, words in found.items() if words and methods[words] == method]


def _identity(x: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    return (x,), ()


def _lifted(backend: ADBackend, number: Any) -> Any:
    try:
        return backend.asarray(number)
    except Exception:  # noqa: BLE001  # the scenarios will tell
        return number


def _gap(method: Callable[..., Any], *arguments: Any) -> str:
    """The message of a method that is not filled in; empty for any other, even if that fails."""
    try:
        method(*arguments)
    except Exception as error:  # noqa: BLE001  # the scenarios will tell
        # A subclass may mean a missing rule.
        return str(error) or "it raises NotImplementedError" if type(error) is NotImplementedError else ""
    return ""
