"""What was learnt about a function, kept as long as the function lives."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

MOST_SIGNATURES = 256
"""How many signatures of one function are remembered; the oldest are forgotten first."""


@dataclass
class Record:
    """What is known of one function at one signature (shape, dtype, ...)."""

    output_size: int | None = None
    """The size M of ``f(x)`` for one batch element."""
    gives_several: bool = False
    """Whether `f` was seen to give something else than one number of the dtype of `x`."""
    batch_checked: bool = False
    """Whether `f` was seen to treat batch elements independently."""
    formulations: tuple[Any, ...] = ()
    """The ways to its batched Jacobian, the fastest first."""
    copies: dict[Hashable, bool | None] = field(default_factory=dict)
    """For each kind of call that was seen, whether copies of the batch give copies of ``f(x)``; None if untried."""
    fallback_logged: bool = False
    """Whether it was logged that a rule is missing."""
    prepared: Any = None
    """An operation on `f`, prepared because the backend compiles every call; it calls `f`, but does not keep it."""


class Memory:
    """Records by function identity and signature.

    Identity, never equality: two functions that compare equal may differ. A method is known by its object
    and its function. What cannot be referenced weakly is forgotten at once: it gets a new record each time.
    """

    def __init__(self) -> None:
        self._records: dict[int, dict[Hashable, Record]] = {}
        self._references: dict[int, weakref.ref[object]] = {}
        self._lock = threading.RLock()

    def record(self, f: object, signature: Hashable) -> Record:
        """The record of `f` at `signature`, new if there is none."""
        owner = getattr(f, "__self__", None)
        function = getattr(f, "__func__", None)
        try:
            if owner is not None and function is not None:
                f, signature = owner, (_Identity(id(function), weakref.ref(function)), signature)
            return self._remember(f, signature)
        except TypeError:  # no weak reference, or a signature that does not hash
            return Record()

    def _remember(self, f: object, signature: Hashable) -> Record:
        key = id(f)
        with self._lock:
            if key not in self._references or self._references[key]() is not f:
                self._references[key] = weakref.ref(f, lambda reference: self._forget(key, reference))
                self._records[key] = {}
            records = self._records[key]
            if signature not in records:
                while len(records) >= MOST_SIGNATURES:
                    del records[next(iter(records))]
                records[signature] = Record()
            return records[signature]

    def _forget(self, key: int, reference: weakref.ref[object]) -> None:
        with self._lock:
            if self._references.get(key) is reference:  # and not one of a later object with the same identity
                del self._references[key], self._records[key]


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


FUNCTIONS = Memory()
"""What this process has learnt."""
