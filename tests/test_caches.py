"""What is remembered of a function, for how long, and by what it is known."""

from __future__ import annotations

import functools
import gc
import types
import weakref
from typing import Any

from adhelpers.caches import FunctionCache as Memory
from adhelpers.engine import records as memory


def test_a_function_is_known_by_identity_and_signature() -> None:
    def f() -> None: ...

    store = Memory()
    store.record(f, (1, "a")).output_size = 7
    assert store.record(f, (1, "a")).output_size == 7
    assert store.record(f, (2, "a")).output_size is None
    assert store.record(lambda: None, (1, "a")).output_size is None


def test_equal_functions_are_not_the_same() -> None:
    class Equal:
        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 1

        def method(self) -> None: ...

    store, a, b = Memory(), Equal(), Equal()
    store.record(a, 0).batch_checked = True
    assert not store.record(b, 0).batch_checked
    store.record(a.method, 0).batch_checked = True
    assert not store.record(b.method, 0).batch_checked


def test_a_bound_method_is_known_by_its_object_and_function() -> None:
    class Model:
        def one(self) -> None: ...

        def two(self) -> None: ...

    store, model = Memory(), Model()
    store.record(model.one, 0).batch_checked = True
    assert store.record(model.one, 0).batch_checked  # another object than before, the same method
    assert not store.record(model.two, 0).batch_checked
    assert not store.record(model, 0).batch_checked


def test_nothing_is_kept_alive() -> None:
    store = Memory()

    class Model:
        def method(self) -> None: ...

    def f() -> None: ...

    model = Model()
    held = [weakref.ref(f), weakref.ref(model)]
    store.record(f, 0)
    store.record(model.method, 0)
    del f, model
    gc.collect()
    assert [reference() for reference in held] == [None, None]
    assert not store._records


def test_what_cannot_be_remembered_is_new_each_time() -> None:
    class Slotted:
        __slots__ = ()

        def __call__(self) -> None: ...

    store, f = Memory(), Slotted()
    store.record(f, 0).batch_checked = True
    assert not store.record(f, 0).batch_checked
    unhashable: Any = []
    assert not store.record(functools.partial(print), unhashable).batch_checked


def test_signatures_are_limited() -> None:
    def f() -> None: ...

    store = Memory()
    for i in range(2 * memory.MOST_SIGNATURES):
        store.record(f, i).batch_checked = True
    assert store.record(f, 2 * memory.MOST_SIGNATURES - 1).batch_checked
    assert not store.record(f, 0).batch_checked


def test_a_method_whose_function_holds_its_object_dies_with_it() -> None:
    class Model:
        pass

    model = Model()

    def function(self: Any) -> None: ...

    function.holds = model
    model.call = types.MethodType(function, model)
    store = Memory()
    store.record(model.call, 0).batch_checked = True
    assert store.record(model.call, 0).batch_checked
    reference = weakref.ref(model)
    del model, function
    gc.collect()
    assert reference() is None
