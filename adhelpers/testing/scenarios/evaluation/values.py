"""The value of f alone, for which a backend copies arrays (R4, R8, R12)."""

from __future__ import annotations

import itertools
from functools import partial
from typing import Any

import numpy as np

from adhelpers import Capability, value
from adhelpers.testing.models import numbers
from adhelpers.testing.operations import OPERATIONS, call, differentiate, nested
from adhelpers.testing.scenario import Catalogue
from adhelpers.testing.scenarios.operands.memory import assigned_in_place, multiplied_in_place
from adhelpers.testing.subject import Function, Subject, share_memory

SCENARIOS = Catalogue()

X, U = np.array([[0.5, 1.5, -2.0]]), np.array([[1.0, -0.5, 2.0]])


@SCENARIOS.add("contract/copy", "R4")
def _copy(subject: Subject) -> None:
    """A copy has the shape, dtype and elements of the original."""
    for array in (numbers(3, 2), np.asarray(2.5), np.zeros((0, 3))):
        subject.expect_equal(subject.backend.copy(subject.arrays(array)), array, what=f"copy({array!r})")


@SCENARIOS.add("contract/copy-in-float32", "R4", [Capability.FLOAT32])
def _copy_single(subject: Subject) -> None:
    array = numbers(3).astype(np.float32)
    subject.expect_equal(subject.backend.copy(subject.arrays(array)), array, what="a copy of float32")


@SCENARIOS.add("contract/copy-complex", "R4", [Capability.COMPLEX])
def _copy_complex(subject: Subject) -> None:
    array = numbers(3) + 1j
    subject.expect_equal(subject.backend.copy(subject.arrays(array)), array, what="a copy of complex128")


def _memory(f: Function, subject: Subject) -> None:
    """Leaves of f(x) and aux share memory neither with x, nor with one another, nor with what f closes over."""
    x, held = subject.arrays(X), subject.arrays(U)
    received = call(value, subject, lambda xp, x: f(xp, x, held), x, has_aux=True)
    leaves = subject.backend.flatten((received, x, held))[0]
    for a, b in itertools.combinations(map(subject.backend.to_numpy, leaves), 2):
        subject.expect(
            not share_memory(a, b), "two of f(x), aux, x and what f closes over share memory", "separate memory"
        )


@SCENARIOS.add("number/value", "R4")
def _number(subject: Subject) -> None:
    """A single number comes back as an array, even if the framework's functions return a scalar."""
    x = subject.arrays(X)
    received = call(value, subject, lambda xp, x: xp.sum(x), x)
    subject.expect_close(received, np.asarray(np.sum(X)))
    subject.expect(type(received) is type(x), f"a result of type {type(received)}", f"{type(x)}, as x is")


def _in_place(f: Function, expected: Any, subject: Subject) -> None:
    x = subject.arrays(X)
    try:
        received = call(value, subject, f, x)
    except Exception:  # a framework need not allow it
        if f is not assigned_in_place:
            raise
    else:
        subject.expect_close(received, expected)
    after = subject.numpy(x)
    subject.expect(np.array_equal(after, X), f"x is {after!r} after the call", f"{X!r}, as before")


for _label, _f in (
    ("identity", lambda xp, x, held: (x, x)),
    ("repeated", lambda xp, x, held: ((x, x), ())),
    ("viewed", lambda xp, x, held: (x[:, 1:], xp.reshape(x, (3,)))),
    ("held", lambda xp, x, held: ([held, x], held)),
):
    SCENARIOS.add(f"memory-{_label}/value", "R8")(partial(_memory, _f))
SCENARIOS.add("multiplied-in-place/value", "R8")(partial(_in_place, multiplied_in_place, 4.0 * X**2))
SCENARIOS.add("assigned-in-place/value", "R8")(
    partial(_in_place, assigned_in_place, np.concatenate([[[125.0]], X[:, 1:] ** 3], axis=1))
)


def _inside(operation: str, subject: Subject) -> None:
    """A derivative passes through `value` as through a call of its function."""

    def f(xp: Any, x: Any) -> Any:
        return value(lambda x: x**3, subject.backend, x)

    received = differentiate(subject, operation, f, subject.arrays(X), subject.arrays(U))
    subject.expect_close(received, 3.0 * X**2 * U)


for _operation in OPERATIONS:
    SCENARIOS.add(f"value-inside/{_operation}", "R12", nested(_operation))(partial(_inside, _operation))
