"""The caches that all calls share: each is bounded, and `clear_caches` empties them all."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from types import FunctionType
from typing import Any, Self, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

MOST_SIGNATURES = 256
"""How many signatures of one function to remember; the oldest are forgotten first."""


class Cache(dict[K, V]):
    """A dict that holds at most `most` entries and forgets the oldest first. Any thread may read it."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def keep(self, key: K, value: V) -> V:
        """Remember `value`, unless another thread was faster; return the remembered value."""
        # No lock, because compilers of Python cannot trace one: each step is atomic in the dict. Forgetting comes last,
        # so that of several threads the last one leaves as many entries as there may be.
        kept = self.setdefault(key, value)
        if len(self) > self._most:
            for oldest in list(self)[: len(self) - self._most]:
                self.pop(oldest, None)
        return kept


class FunctionCache:
    """Knowledge about functions, each by its identity, for as long as the function lives.

    Identity, never equality: two functions that compare equal may differ. A method is identified by its object and its
    function. An object without weak references gets a new record each time.
    """

    def __init__(self) -> None:
        self._records: dict[int, Cache[Hashable, Any]] = {}
        self._references: dict[int, weakref.ref[object]] = {}
        self._lock = threading.RLock()

    def record(self, f: object, signature: Hashable, make: Callable[[], V]) -> V:
        """The record of `f` at `signature`, new if there is none; `make` is its class."""
        key: Hashable = (make, signature)
        try:
            if type(f) is not FunctionType:  # most are functions, and have no owner
                method = parts_of_method(f)
                if method is not None:
                    f, key = method[0], (Identity.of(method[1]), key)
            records = self._of(f)
            found = records.get(key)
            return records.keep(key, make()) if found is None else found
        except TypeError:  # no weak reference, or a signature that does not hash
            return make()

    def _of(self, f: object) -> Cache[Hashable, Any]:
        key = id(f)
        known = self._references.get(key)
        if known is not None and known() is f:  # it lives, so only `clear` can forget it meanwhile
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
            if self._references.get(key) is reference:  # not that of a later object with the same id
                del self._references[key], self._records[key]

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._references.clear()
            self._records.clear()


def parts_of_method(value: object) -> tuple[object, object] | None:
    """The object and the function of a method, which is made anew at each access; None for anything else."""
    owner, function = getattr(value, "__self__", None), getattr(value, "__func__", None)
    return None if owner is None or function is None else (owner, function)


@dataclass(frozen=True, eq=False)
class Identity:
    """A hashable stand-in that equals only stand-ins for the same living object, which it does not keep alive."""

    number: int
    reference: weakref.ref[object]

    @classmethod
    def of(cls, value: object) -> Self:
        """The stand-in for an object; `TypeError` if there are no weak references to it."""
        return cls(id(value), weakref.ref(value))

    def __hash__(self) -> int:
        return self.number

    def __eq__(self, other: object) -> bool:
        mine = self.reference()
        return isinstance(other, Identity) and mine is not None and mine is other.reference()


FUNCTIONS = FunctionCache()
"""The knowledge of this process about functions."""

_SHARED: list[Cache[Any, Any]] = []


def shared(most: int) -> Cache[Any, Any]:
    """A cache for the whole process, which `clear_caches` empties."""
    cache: Cache[Any, Any] = Cache(most)
    _SHARED.append(cache)
    return cache


def clear_caches() -> None:
    """Forget everything that the library has learnt about functions and arrays, and free its memory.

    The caches hold the fastest formulation for each function, whether it mixes its batch, the code of backends that
    compile every call, blocks of basis vectors, and the backends of array types. Results do not change, and the next
    calls fill the caches again. Operations from `adhelpers.prepare` keep their code.

    Examples
    --------
    >>> import adhelpers
    >>> adhelpers.clear_caches()
    """
    FUNCTIONS.clear()
    for cache in _SHARED:
        cache.clear()
