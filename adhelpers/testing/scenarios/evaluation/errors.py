"""Errors in f, and what a call leaves behind (R10, R14)."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from adhelpers import Capability
from adhelpers.testing.operations import MODES, OPERATIONS, differentiate
from adhelpers.testing.running.threads import in_threads
from adhelpers.testing.scenario import Catalogue
from adhelpers.testing.subject import Failure, Subject, section

SCENARIOS = Catalogue()

X, U = np.array([[0.5, 1.5, -2.0]]), np.array([[1.0, -0.5, 2.0]])


def cube(xp: Any, x: Any) -> Any:
    return x**3


class MineError(Exception):
    """An error that only the user's own code raises."""


ERRORS: tuple[BaseException, ...] = (
    MineError("mine"),
    TypeError("mine"),
    NotImplementedError("mine"),
    NotImplementedError("VJP of mine wrt argnums (0,) not defined"),
    RuntimeError("derivative for aten::mine is not implemented"),
    KeyboardInterrupt("mine"),
)


def _error_in_f(operation: str, error: BaseException, subject: Subject) -> None:
    """An error passes through as the same object, and the next calls work, in this thread and in another one."""

    def f(xp: Any, x: Any) -> Any:
        y = x**3
        raise error
        return y

    def call() -> None:
        differentiate(subject, operation, f, subject.arrays(X), subject.arrays(U))

    _same_error(error, call)
    with subject.after(f"a call of {operation} in which f raised {error!r}"):
        _works(operation, subject)
        in_threads(subject.backend, [partial(_works, operation)])


def _same_error(error: BaseException, call: Callable[[], None]) -> None:
    expected = f"{error!r} of the user's function, the same object"
    try:
        call()
    except BaseException as received:  # a KeyboardInterrupt among them
        if received is not error:
            raise Failure(section("raised", repr(received)) + section("expected", expected)) from None
    else:
        raise Failure(section("received", "no error") + section("expected", expected))


def _works(operation: str, subject: Subject) -> None:
    x, u = subject.arrays(X), subject.arrays(U)
    subject.expect_close(differentiate(subject, operation, cube, x, u), 3 * X**2 * U, what="the result of a later call")


def _error_inside(outer: str, subject: Subject) -> None:
    """An error two levels deep unwinds both, and one that f catches harms nothing."""
    error = MineError("mine")

    def failing(xp: Any, x: Any) -> Any:
        raise error

    def f(xp: Any, x: Any) -> Any:
        return differentiate(subject, outer, failing, x, xp.ones_like(x))

    def caught(xp: Any, x: Any) -> Any:
        try:
            f(xp, x)
        except MineError:
            return x**3
        return x

    x, u = subject.arrays(X), subject.arrays(U)
    _same_error(error, lambda: differentiate(subject, outer, f, x, u))
    _works(outer, subject)
    subject.expect_close(differentiate(subject, outer, caught, x, u), 3 * X**2 * U)
    _works(outer, subject)


def _aux(operation: str, subject: Subject) -> None:
    """Arrays in aux come back with values, and everything else in aux comes back unchanged."""
    thing = object()

    def f(xp: Any, x: Any) -> Any:
        return x**3, {"array": x**2, "number": 3, "thing": thing, "text": "text", "another": [x**4]}

    x, u = subject.arrays(X), subject.arrays(U)
    product, aux = differentiate(subject, operation, f, x, u, has_aux=True)
    subject.expect_close(product, 3 * X**2 * U)
    kept = (aux["number"], aux["thing"], aux["text"]) == (3, thing, "text")
    subject.expect(kept, f"aux = {aux!r}", "objects other than arrays unchanged")
    subject.expect_close([aux["array"], *aux["another"]], [X**2, X**4], what="[aux['array'], *aux['another']]")


def _no_tracers(operation: str, subject: Subject) -> None:
    """Results at the top level are constants: `stop_gradient` does not change their type."""

    def f(xp: Any, x: Any) -> Any:
        return x**3, {"x": x, "square": x**2}

    x, u = subject.arrays(X), subject.arrays(U)
    if operation in MODES:
        results = subject.value_and_product(operation, f, x, u, has_aux=True)
    else:
        results = subject.value_and_batched(f, x, mode=operation.removeprefix("batched-"), has_aux=True)
    for name, tree in zip(("f(x)", "the derivative", "aux"), results, strict=True):
        for leaf in subject.backend.flatten(tree)[0]:
            constant = type(subject.backend.stop_gradient(leaf))
            subject.expect(type(leaf) is constant, f"in {name} a {type(leaf).__name__}", f"a {constant.__name__}")


def _forgotten(operation: str, subject: Subject) -> None:
    """No call keeps f, or the objects that f closes over, alive."""

    class Token:
        pass

    token = Token()
    references: list[Any] = [weakref.ref(token)]

    def f(xp: Any, x: Any, token: Any = token) -> Any:
        return x**3

    references.append(weakref.ref(f))
    differentiate(subject, operation, f, subject.arrays(X), subject.arrays(U))
    subject.last_call = ""  # which has f too
    del f, token
    gc.collect()
    alive = [reference() for reference in references if reference() is not None]
    subject.expect(not alive, f"{alive} alive after a call of {operation}", "all of it forgotten")


for _operation, _needs in OPERATIONS.items():
    for _number, _error in enumerate(ERRORS):
        _rule = "R14" if isinstance(_error, (NotImplementedError, RuntimeError)) else "R10"
        _label = type(_error).__name__ + ("-in-other-words" if str(_error) != "mine" and _rule == "R14" else "")
        SCENARIOS.add(f"{_label}-in-f/{_operation}", _rule, _needs)(partial(_error_in_f, _operation, _error))
    _nesting = {*_needs, Capability.NESTING}
    SCENARIOS.add(f"error-in-a-nested-f/{_operation}", "R10", _nesting)(partial(_error_inside, _operation))
    SCENARIOS.add(f"aux/{_operation}", "R10", _needs)(partial(_aux, _operation))
    SCENARIOS.add(f"no-tracers-left/{_operation}", "R10", _needs)(partial(_no_tracers, _operation))
    SCENARIOS.add(f"f-is-forgotten/{_operation}", "R10", _needs)(partial(_forgotten, _operation))
