"""What is remembered of a function, for how long, and by what it is known; caches are bounded, and can be emptied."""

from __future__ import annotations

import functools
import gc
import threading
import types
import weakref
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import adhelpers
from adhelpers import caches
from adhelpers.caches import Cache, FunctionCache, clear_caches, shared


@dataclass
class Record:
    """What is learnt of a function here."""

    is_seen: bool = False


class Other(Record):
    """Another kind of record."""


# -- functions ----------------------------------------------------------------------------------------


def test_a_function_is_known_by_identity_and_signature() -> None:
    def f() -> None: ...

    store = FunctionCache()
    store.record(f, (1, "a"), Record).is_seen = True
    assert store.record(f, (1, "a"), Record).is_seen
    assert not store.record(f, (2, "a"), Record).is_seen
    assert not store.record(lambda: None, (1, "a"), Record).is_seen


def test_the_class_of_a_record_tells_it_from_others() -> None:
    def f() -> None: ...

    store = FunctionCache()
    store.record(f, 0, Record).is_seen = True
    other = store.record(f, 0, Other)
    assert type(other) is Other
    assert not other.is_seen
    assert type(store.record(f, 0, Record)) is Record
    assert store.record(f, 0, Record).is_seen


def test_a_record_that_counts_as_false_is_kept() -> None:
    def f() -> None: ...

    store = FunctionCache()
    first = store.record(f, 0, list)
    assert store.record(f, 0, list) is first


def test_equal_functions_are_not_the_same() -> None:
    class Equal:
        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 1

        def method(self) -> None: ...

    store, a, b = FunctionCache(), Equal(), Equal()
    store.record(a, 0, Record).is_seen = True
    assert not store.record(b, 0, Record).is_seen
    store.record(a.method, 0, Record).is_seen = True
    assert not store.record(b.method, 0, Record).is_seen


def test_a_bound_method_is_known_by_its_object_and_function() -> None:
    class Model:
        def one(self) -> None: ...

        def two(self) -> None: ...

    store, model = FunctionCache(), Model()
    store.record(model.one, 0, Record).is_seen = True
    assert store.record(model.one, 0, Record).is_seen  # another object than before, the same method
    assert not store.record(model.two, 0, Record).is_seen
    assert not store.record(model, 0, Record).is_seen


def test_nothing_is_kept_alive() -> None:
    store = FunctionCache()

    class Model:
        def method(self) -> None: ...

    def f() -> None: ...

    model = Model()
    held = [weakref.ref(f), weakref.ref(model)]
    records = [weakref.ref(store.record(f, 0, Record)), weakref.ref(store.record(model.method, 0, Record))]
    del f, model
    gc.collect()
    assert [reference() for reference in held] == [None, None]
    assert [reference() for reference in records] == [None, None]


def test_what_cannot_be_remembered_is_new_each_time() -> None:
    class Slotted:
        __slots__ = ()

        def __call__(self) -> None: ...

    store, f = FunctionCache(), Slotted()
    store.record(f, 0, Record).is_seen = True
    assert not store.record(f, 0, Record).is_seen
    g, unhashable = functools.partial(print), []
    store.record(g, unhashable, Record).is_seen = True
    assert not store.record(g, unhashable, Record).is_seen


def test_signatures_are_limited() -> None:
    def f() -> None: ...

    store = FunctionCache()
    for i in range(2 * caches.MOST_SIGNATURES):
        store.record(f, i, Record).is_seen = True
    assert store.record(f, 2 * caches.MOST_SIGNATURES - 1, Record).is_seen
    assert store.record(f, caches.MOST_SIGNATURES, Record).is_seen
    assert not store.record(f, 0, Record).is_seen


def test_a_method_whose_function_holds_its_object_dies_with_it() -> None:
    class Model:
        pass

    model = Model()

    def function(self: Any) -> None: ...

    function.holds = model
    model.call = types.MethodType(function, model)
    store = FunctionCache()
    store.record(model.call, 0, Record).is_seen = True
    assert store.record(model.call, 0, Record).is_seen
    reference = weakref.ref(model)
    del model, function
    gc.collect()
    assert reference() is None


def test_a_later_function_at_the_same_address_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caches, "id", lambda _: 7, raising=False)

    def f() -> None: ...

    def g() -> None: ...

    store = FunctionCache()
    store.record(f, 0, Record).is_seen = True
    assert not store.record(g, 0, Record).is_seen
    store.record(g, 0, Record).is_seen = True
    del f
    gc.collect()  # and what dies now is not the later one's record
    assert store.record(g, 0, Record).is_seen


def test_clearing_forgets_functions() -> None:
    def f() -> None: ...

    store = FunctionCache()
    store.record(f, 0, Record).is_seen = True
    store.clear()
    assert not store.record(f, 0, Record).is_seen


# -- bounded caches -----------------------------------------------------------------------------------


def test_the_oldest_entry_is_forgotten_first() -> None:
    cache: Cache[str, int] = Cache(2)
    for key, value in (("a", 1), ("b", 2), ("c", 3)):
        assert cache.keep(key, value) == value
    assert dict(cache) == {"b": 2, "c": 3}


def test_what_is_remembered_stays() -> None:
    cache: Cache[str, int] = Cache(2)
    cache.keep("a", 1)
    cache.keep("b", 2)
    assert cache.keep("a", 3) == 1, "another thread was faster"
    assert dict(cache) == {"a": 1, "b": 2}, "and nothing was forgotten for it"


def test_threads_remember_the_same() -> None:
    cache: Cache[int, object] = Cache(8)
    barrier, kept = threading.Barrier(8), []

    def keep() -> None:
        barrier.wait()
        kept.extend(cache.keep(key, object()) for key in range(8))

    threads = [threading.Thread(target=keep) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(kept) == 64
    assert {id(value) for value in kept} == {id(value) for value in cache.values()}


def test_clearing_empties_every_cache_of_the_process() -> None:
    cache = shared(4)
    cache.keep("a", 1)

    def f() -> None: ...

    caches.FUNCTIONS.record(f, 0, Record).is_seen = True
    clear_caches()
    assert not cache
    assert not caches.FUNCTIONS.record(f, 0, Record).is_seen


def test_after_clearing_a_function_is_checked_once_more() -> None:
    """What a user sees of it: a batch that is mixed by now is noticed."""
    mixes = False

    def f(x: Any) -> Any:
        return x.sum(axis=-1, keepdims=True) * x if mixes else x**2

    x = np.asarray([[1.0, 2.0, 3.0]])
    adhelpers.batched_jacobian(f, "finite-difference", x)
    mixes = True
    adhelpers.batched_jacobian(f, "finite-difference", x)
    clear_caches()
    with pytest.raises(adhelpers.BatchMixingError):
        adhelpers.batched_jacobian(f, "finite-difference", x)


def test_what_was_prepared_outlives_clearing() -> None:
    x = np.asarray([1.0, 2.0])
    gradient = adhelpers.prepare(adhelpers.gradient, lambda x: (x**2).sum(), "finite-difference", x)
    clear_caches()
    np.testing.assert_allclose(gradient(3.0 * x), 6.0 * x, rtol=1e-6)
