"""Functions that return the same memory at each call: right results in separate memory, or an error (R8).

Solvers with a workspace and wrapped libraries do so. A framework may refuse to write to arrays that f closes over.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

import adhelpers
from adhelpers import Capability
from adhelpers.testing.models import numbers
from adhelpers.testing.operations import MODES, OPERATIONS, bound, differentiate, or_refused, require_own
from adhelpers.testing.scenario import Catalogue
from adhelpers.testing.subject import Function, Subject

SCENARIOS = Catalogue()

X, U = np.array([[0.5, 1.5, -2.0]]), np.array([[1.0, -0.5, 2.0]])


def _cubes(subject: Subject) -> Function:
    """Cubes, in one buffer for all calls."""
    buffer = subject.arrays(np.zeros(X.shape))

    def f(xp: Any, x: Any) -> Any:
        buffer[...] = x**3
        return buffer

    return f


def _right(operation: str, subject: Subject) -> None:
    received = differentiate(subject, operation, _cubes(subject), subject.arrays(X), subject.arrays(U))
    subject.expect_close(received, 3.0 * X**2 * U)


def _entry_by_entry(mode: str, subject: Subject) -> None:
    buffer = subject.arrays(np.zeros(2))

    def f(xp: Any, x: Any) -> Any:
        buffer[0] = x[0] ** 2
        buffer[1] = x[0] * x[1]
        return buffer

    x = np.array([1.0, 2.0])
    subject.record(f"jacobian(f, backend, x, mode={mode!r})", f, x=x)
    received = adhelpers.jacobian(bound(subject, f), subject.backend, subject.arrays(x), mode=mode)  # type: ignore[call-overload]
    subject.expect_close(received, np.array([[2.0, 0.0], [2.0, 1.0]]))


def _later_calls(name: str, subject: Subject) -> None:
    """The results of a call do not change when the function is called again."""
    buffer = subject.arrays(np.zeros(X.shape))

    def f(xp: Any, x: Any) -> Any:
        buffer[...] = x**3
        return buffer, buffer

    first = subject.value_and_product(name, f, subject.arrays(X), subject.arrays(U), has_aux=True)
    expected = (X**3, 3.0 * X**2 * U, X**3)
    for what in ("the value, the product and aux", "the same after f was called elsewhere"):
        subject.expect_close(first, expected, what=what)
        subject.value_and_product(name, f, subject.arrays(2.0 * X), subject.arrays(U), has_aux=True)


def _two_pullbacks(subject: Subject) -> None:
    """A pullback stays that of its own point, even after f was called at another one."""
    require_own(subject.backend, "vjp")
    cubes = _cubes(subject)

    def f(x: Any) -> Any:
        return (cubes(None, x),), ()

    subject.record("backend.vjp at x and at 2 * x, then both pullbacks", cubes, x=X, u=U)
    pullbacks = [subject.backend.vjp(f, subject.arrays((k * X,)))[1] for k in (1.0, 2.0)]
    for k, pullback in zip((1.0, 2.0), pullbacks, strict=True):
        subject.expect_close(pullback(subject.arrays((U,))), (3.0 * (k * X) ** 2 * U,), what="pullback(u)")


def _swept(name: str, subject: Subject) -> None:
    """The vectors of a sweep do not share memory."""
    cubes, backend, stack = _cubes(subject), subject.backend, numbers(4, *X.shape)

    def f(x: Any) -> Any:
        return (cubes(None, x),), ()

    subject.record(f"backend.{name}_sweep of f at x", cubes, x=X, u=stack)
    x, vectors = subject.arrays((X,)), subject.arrays((stack,))
    if name == "jvp":
        outputs, swept, _ = backend.jvp_sweep(f, x, vectors)
    else:
        outputs, pullback, _ = backend.vjp(f, x)
        swept = backend.vjp_sweep(pullback, vectors)
    f(subject.arrays(5.0 * X))
    subject.expect_close((*outputs, *swept), (X**3, 3.0 * X**2 * stack), what="the outputs and the stack of a sweep")


for _operation, _needs in OPERATIONS.items():
    SCENARIOS.add(f"one-buffer/{_operation}", "R8", _needs)(partial(or_refused, partial(_right, _operation)))
for _jacobian, _capability in (("forward", Capability.FORWARD), ("reverse", Capability.REVERSE)):
    SCENARIOS.add(f"one-buffer-entry-by-entry/{_jacobian}", "R8", [_capability])(
        partial(or_refused, partial(_entry_by_entry, _jacobian))
    )
for _name, _mode in MODES.items():
    SCENARIOS.add(f"one-buffer-later-calls/{_name}", "R8", [_mode])(partial(or_refused, partial(_later_calls, _name)))
    SCENARIOS.add(f"contract/one-buffer-in-a-sweep/{_name}", "R8", [_mode])(partial(or_refused, partial(_swept, _name)))
SCENARIOS.add("contract/one-buffer-of-two-pullbacks", "R8", [Capability.REVERSE])(partial(or_refused, _two_pullbacks))
