"""Keys of calls: which arguments of a function are of one kind."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import adhelpers
from adhelpers.trees.kinds import kind_of


class Settings:
    """An object of a user's."""

    def method(self) -> None:
        """It is made anew at each access."""


SETTINGS = Settings()


class Unhashable:
    """It has no weak reference and no hash: nothing is remembered of it."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]


@dataclass
class Layer:
    """A dataclass, as modules of JAX's libraries are: made anew at each step."""

    weights: Any
    activation: Any = max


ALIKE = [
    (np.zeros(3), np.ones(3)),
    (2.0, 3.0),
    ((1, 2.0), (1, 3.0)),
    ({"a": 2.0}, {"a": 3.0}),
    (np.float64(2.0), np.float64(3.0)),
    (np.int64(2), np.int64(2)),
    ({"a", 1}, {1, "a"}),
    (len, len),
    (Layer(np.zeros(3)), Layer(np.ones(3))),
    (SETTINGS.method, SETTINGS.method),
    (SETTINGS, SETTINGS),
]
DIFFERENT = [
    (np.zeros(3), np.zeros(4)),
    (np.zeros(3), np.zeros(3, np.float32)),
    (2, 3),
    (True, 1),
    (1, 1.0),
    ("a", "b"),
    ((1, 2.0), [1, 2.0]),
    (np.bool_(False), np.bool_(True)),
    (np.int64(2), np.int64(3)),
    (np.int64(2), np.int32(2)),
    (np.str_("a"), np.str_("b")),
    ({"a"}, {"a", "b"}),
    (len, max),
    (Layer(np.zeros(3)), Layer(np.zeros(4))),
    (Layer(np.zeros(3)), Layer(np.zeros(3), min)),
    (Unhashable(), Unhashable()),
    ({"a": 2.0}, {"b": 2.0}),
    (np.float32, np.float32(1.0)),
    (np.float32, "float32"),
    (Settings(), SETTINGS),
    (Settings().method, SETTINGS.method),
]


def test_a_key_keeps_no_object_alive_and_equals_no_later_one() -> None:
    thing = Settings()
    key, reference = kind_of((thing, {"method": thing.method})), weakref.ref(thing)
    del thing
    assert reference() is None
    assert all(key != kind_of((later, {"method": later.method})) for later in [Settings() for _ in range(100)])


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_one_kind(one: Any, other: Any) -> None:
    assert kind_of(one) == kind_of(other)
    assert hash(kind_of(one)) == hash(kind_of(other))


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_two_kinds(one: Any, other: Any) -> None:
    assert kind_of(one) != kind_of(other)


@pytest.mark.parametrize("kind", [np.float64, np.ndarray, float])
def test_an_argument_may_be_a_type(backend: adhelpers.ADBackend, kind: type) -> None:
    """Those of NumPy have a shape and a dtype, as arrays have."""
    x = backend.asarray(np.array([1.0, 2.0]))
    J = adhelpers.jacobian(lambda x, kind: x**2, backend, x, args=(kind,))
    np.testing.assert_allclose(backend.to_numpy(J), np.diag([2.0, 4.0]), atol=1e-6)
