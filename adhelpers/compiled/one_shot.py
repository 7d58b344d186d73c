"""Calls on a backend that compiles every call: each is prepared, and remembered with its function."""

from __future__ import annotations

import types
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from adhelpers.caches import FUNCTIONS
from adhelpers.compiled.prepared import Operation, Prepared
from adhelpers.engine import journal
from adhelpers.plugins.contract import ADBackend
from adhelpers.trees.leafwise import require_tuple


@dataclass(slots=True)
class OneShot:
    """An operation prepared for one function, which it does not keep alive."""

    prepared: Prepared | None = None


def compiled_call(
    operation: Operation,
    f: Callable[..., Any],
    backend: ADBackend,
    operands: tuple[Any, ...],
    args: tuple[Any, ...],
    has_aux: bool,
    options: dict[str, Any],
) -> Any:
    """``(f(x), result)`` of the operation, which is prepared once and forgotten with `f`."""
    require_tuple(args)
    known = FUNCTIONS.record(f, (operation, backend, has_aux, *options.items()), OneShot)
    if known.prepared is None:
        try:
            weakly = _Weakly(f)
        except TypeError:  # a function without weak references would be compiled every time
            with journal.call_of(operation.name, f, backend.name):
                return operation.evaluate(f, backend.eager(), operands, args, has_aux, options)
        options = {"has_aux": has_aux, **options}
        known.prepared = Prepared(operation, operation, weakly, backend, with_value=True, strict=False, options=options)
    return known.prepared(*operands, *args)


class _Weakly:
    """A function that is called, but not kept alive."""

    def __init__(self, f: Callable[..., Any]) -> None:
        self._reference = weakref.WeakMethod(f) if isinstance(f, types.MethodType) else weakref.ref(f)
        self.__name__ = getattr(f, "__name__", type(f).__name__)
        self.__qualname__ = getattr(f, "__qualname__", type(f).__qualname__)

    def __call__(self, *args: Any) -> Any:
        f = self._reference()
        assert f is not None, "the caller of the operation holds its function"
        return f(*args)
