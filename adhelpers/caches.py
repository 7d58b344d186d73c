"""Every cache of the library: each is bounded, and `clear_caches` empties them all."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from types import FunctionType
from typing import Any, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

MOST_SIGNATURES = 256
"""How many signatures of one function are remembered; the oldest are forgotten first."""


class Cache(dict[K, V]):
    """A dict that holds `most` entries; the oldest is forgotten first. It is read like any dict, by any thread."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def keep(self, key: K, value: V) -> V:
        """Remember `value`, unless another thread was faster; what is remembered."""
        if len(self) >= self._most and key not in self:
            # Without a lock, which compilers of Python cannot trace: each step is one of the dict's own.
            for oldest in list(self)[: len(self) - self._most + 1]:
                self.pop(oldest, None)
        return self.setdefault(key, value)


class FunctionCache:
    """What was learnt about functions, each by its identity, as long as it lives.

    Identity, never equality: two functions that compare equal may differ. A method is known by its object
    and its function. What cannot be referenced weakly is forgotten at once: it gets a new record each time.
    """

    def __init__(self) -> None:
        self._records: dict[int, Cache[Hashable, Any]] = {}
        self._references: dict[int, weakref.ref[object]] = {}
        self._lock = threading.RLock()

    def record(self, f: object, signature: Hashable, make: Callable[[], V]) -> V:
        """The record of `f` at `signature`, new if there is none; `make`, a class, tells its records from others."""
        key: Hashable = (make, signature)
        try:
            if type(f) is not FunctionType:  # which most are, and have no owner
                owner, function = getattr(f, "__self__", None), getattr(f, "__func__", None)
                if owner is not None and function is not None:
                    f, key = owner, (_Identity(id(function), weakref.ref(function)), key)
            records = self._of(f)
            found = records.get(key)
            return records.keep(key, make()) if found is None else found
        except TypeError:  # no weak reference, or a signature that does not hash
            return make()

    def _of(self, f: object) -> Cache[Hashable, Any]:
        key = id(f)
        known = self._references.get(key)
        if known is not None and known() is f:  # it lives, so that nobody forgets it meanwhile, but for `clear`
            records = self._records.get(key)
            if records is not None:
                return records
        with self._lock:
            if key not in self._references or self._references[key]() is not f:
                self._references[key] = weakref.ref(f, lambda reference: self._forget(key, reference))
                self._records[key] = Cache(MOST_SIGNATURES)
            return self._records[key]

    def _forget(self, key: int, reference: weakref.ref[object]) -> None:
        with self._lock:
            if self._references.get(key) is reference:  # and not one of a later object with the same identity
                del self._references[key], self._records[key]

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._references.clear()
            self._records.clear()


@dataclass(frozen=True, eq=False)
class _Identity:
    """A hashable stand-in that equals only a stand-in for the very same object, which still lives."""

    number: int
    of: weakref.ref[object]

    def __hash__(self) -> int:
        return self.number

    def __eq__(self, other: object) -> bool:
        mine = self.of()
        return isinstance(other, _Identity) and mine is not None and mine is other.of()


FUNCTIONS = FunctionCache()
"""What this process has learnt about functions."""

_SHARED: list[Cache[Any, Any]] = []


def shared(most: int) -> Cache[Any, Any]:
    """A cache for the whole process, which `clear_caches` empties."""
    cache: Cache[Any, Any] = Cache(most)
    _SHARED.append(cache)
    return cache


def clear_caches() -> None:
    """Forget what was learnt about functions and arrays, and free what is kept to be fast.

    That is: how a function is differentiated best and whether it mixes its batch, operations that were compiled for a
    backend which compiles every call, blocks of basis vectors, and whose arrays types are. No result changes: the next
    calls learn it again. What `adhelpers.prepare` returned keeps its code.

    Examples
    --------
    >>> import adhelpers
    >>> adhelpers.clear_caches()
    """
    FUNCTIONS.clear()
    for cache in _SHARED:
        cache.clear()
