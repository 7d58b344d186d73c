"""Prepared operations: their results are those of the operations, whatever was prepared, and compiled, before."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from adhelpers import (
    BatchMixingError,
    Capability,
    DTypeError,
    PreparationMismatchError,
    ShapeMismatchError,
    batched_jacobian,
    jacobian_vector_product,
    prepare,
    vector_jacobian_product,
)
from adhelpers.testing.models import numbers
from adhelpers.testing.operations import BOTH_PRECISIONS, MODES, OPERATIONS, nested
from adhelpers.testing.running.threads import in_threads
from adhelpers.testing.scenario import Catalogue
from adhelpers.testing.subject import Function, Subject

SCENARIOS = Catalogue()

X, U = np.array([[0.5, 1.5, -2.0]]), np.array([[1.0, -0.5, 2.0]])
FEW: dict[str, frozenset[Capability]] = {name: OPERATIONS[name] for name in ("jvp", "vjp", "batched-reverse")}


def cube(xp: Any, x: Any) -> Any:
    return x**3


def prepared(subject: Subject, operation: str, f: Function, x: Any, u: Any, **options: Any) -> Callable[..., Any]:
    """What `differentiate` does, as a function ``(x, u, *args)``; `x` and `u` are NumPy's here."""
    x, u = subject.arrays(x), subject.arrays(u)

    def bound(x: Any, *args: Any) -> Any:
        return f(subject.namespace(x), x, *args)

    subject.record(f"prepare({operation}, f, ...) with {options}", f, x=x, u=u)
    if operation in MODES:
        product = {"jvp": jacobian_vector_product, "vjp": vector_jacobian_product}[operation]
        return prepare(product, bound, subject.backend, x, u, **options)
    mode = operation.removeprefix("batched-")
    call = prepare(batched_jacobian, bound, subject.backend, x, mode=mode, **options)
    return lambda x, u, *args: call(x, *args)[0, :, :] * u


def _values(operation: str, subject: Subject) -> None:
    call = prepared(subject, operation, cube, X, U)
    subject.expect_close(call(subject.arrays(X), subject.arrays(U)), 3 * X**2 * U)


def _again(operation: str, subject: Subject) -> None:
    """Nothing of an earlier call is left in a later one, and operands are not changed."""
    call = prepared(subject, operation, cube, X, U)
    for point, direction in ((2 * X, U), (X, 3 * U), (U, X), (X, U)):
        x, u = subject.arrays(point), subject.arrays(direction)
        received = call(x, u)
        subject.expect_close(received, 3 * point**2 * direction)
        for name, array, before in (("x", x, point), ("u", u, direction)):
            after = subject.numpy(array)
            subject.expect(np.array_equal(after, before), f"{name} is {after!r} after the call", f"{before!r}")


def _arguments(operation: str, subject: Subject) -> None:
    """Arrays, numbers and words among the arguments may change."""

    def f(xp: Any, x: Any, weights: Any, power: int, words: Any) -> Any:
        return weights * x**power if words["sign"] == "plus" else -weights * x**power

    call = prepared(subject, operation, f, X, U, args=(subject.arrays(U), 3, {"sign": "plus"}))
    for weights, power, sign in ((U, 3, "plus"), (X, 3, "plus"), (U, 2, "plus"), (U, 3, "minus"), (X, 3, "plus")):
        received = call(subject.arrays(X), subject.arrays(U), subject.arrays(weights), power, {"sign": sign})
        factor = weights if sign == "plus" else -weights
        subject.expect_close(received, factor * power * X ** (power - 1) * U)


def _sizes(operation: str, subject: Subject) -> None:
    call = prepared(subject, operation, cube, X, U)
    for batch in (5, 1, 0, 3):
        x, u = numbers(1, batch), numbers(1, batch, seed=1)
        subject.expect_close(call(subject.arrays(x), subject.arrays(u)), 3 * x**2 * u)


def _precisions(operation: str, subject: Subject) -> None:
    call = prepared(subject, operation, cube, X, U)
    for dtype in (np.float32, np.float64):
        x, u, expected = (array.astype(dtype) for array in (X, U, 3 * X**2 * U))
        subject.expect_close(call(subject.arrays(x), subject.arrays(u)), expected)


def _structures(operation: str, subject: Subject) -> None:
    """Containers come back as they are, also those of a later call."""

    def f(xp: Any, x: Any) -> Any:
        return OrderedDict((key, value) for key, value in x.items())

    def operand(factor: Any) -> dict[str, Any]:
        return {"b": (factor * X, None, {}), "a": [U, X]}

    call = prepared(subject, operation, f, operand(1.0), operand(1.0))
    for u in (operand(2.0), operand(3.0)):
        received = call(subject.arrays(operand(1.0)), subject.arrays(u))
        subject.expect_close(received, OrderedDict(u) if operation == "jvp" else u)
        subject.expect(list(received) == ["b", "a"], f"keys in the order {list(received)}", "['b', 'a']")
    turned = dict(reversed(operand(1.0).items()))
    received = call(subject.arrays(turned), subject.arrays(turned))
    subject.expect(list(received) == ["a", "b"], f"keys in the order {list(received)}", "['a', 'b'], as in x now")


def _aux(operation: str, subject: Subject) -> None:
    def f(xp: Any, x: Any) -> Any:
        return x**3, {"square": x**2, "words": ("some", None), "size": int(x.shape[1])}

    call = prepared(subject, operation, f, X, U, has_aux=True)
    for x in (X, 2 * X):
        received, aux = call(subject.arrays(x), subject.arrays(U))
        subject.expect_close(received, 3 * x**2 * U)
        subject.expect_close(aux["square"], x**2, what="aux['square']")
        rest = {**aux, "square": None}
        subject.expect(
            rest == {"square": None, "words": ("some", None), "size": 3}, f"aux with {rest}", "as f makes it"
        )


def _strict(operation: str, subject: Subject) -> None:
    call = prepared(subject, operation, lambda xp, x, n: x**n, X, U, args=(3,), strict=True)
    x, u = subject.arrays(X), subject.arrays(U)
    longer = subject.arrays(numbers(1, 4))
    for arguments in ((longer, longer, 3), (x, u, 2), (x, u, 3.0), (x, u), (x, u, 3, 1), ([x], [u], 3), (x, u, (3,))):
        subject.expect_error(PreparationMismatchError, partial(call, *arguments))
    subject.expect_close(call(subject.arrays(2 * X), u, 3), 12 * X**2 * U)


def _mismatch(operation: str, subject: Subject) -> None:
    """A later call is checked like any other."""
    call = prepared(subject, operation, cube, X, U)
    x, u = subject.arrays(X), subject.arrays(U)
    for _ in range(2):
        subject.expect_error(ShapeMismatchError, lambda: call(x, subject.arrays(U[0])))
        if subject.backend.capabilities.issuperset(BOTH_PRECISIONS):
            subject.expect_error(DTypeError, lambda: call(x, subject.arrays(U.astype(np.float32))))
        subject.expect_close(call(x, u), 3 * X**2 * U)


def _error(operation: str, subject: Subject) -> None:
    error = ArithmeticError("mine")

    def f(xp: Any, x: Any) -> Any:
        if x.shape[1] == 4:
            raise error
        return x**3

    call = prepared(subject, operation, f, X, U)
    longer = subject.arrays(numbers(1, 4))
    for _ in range(2):
        received = subject.expect_error(ArithmeticError, lambda: call(longer, longer))
        subject.expect(received is error, f"another error, {received!r}", "the very object that f raised")
        subject.expect_close(call(subject.arrays(X), subject.arrays(U)), 3 * X**2 * U)


for _operation, _needs in OPERATIONS.items():
    SCENARIOS.add(f"prepared-values/{_operation}", "R7" if _operation in MODES else "R18", _needs)(
        partial(_values, _operation)
    )
    SCENARIOS.add(f"prepared-again/{_operation}", "R8", _needs)(partial(_again, _operation))
for _operation, _needs in FEW.items():
    SCENARIOS.add(f"prepared-sizes/{_operation}", "R17", _needs)(partial(_sizes, _operation))
for _name, _mode in MODES.items():
    SCENARIOS.add(f"prepared-arguments/{_name}", "R8", [_mode])(partial(_arguments, _name))
    SCENARIOS.add(f"prepared-precisions/{_name}", "R4", [_mode, *BOTH_PRECISIONS])(partial(_precisions, _name))
    SCENARIOS.add(f"prepared-structures/{_name}", "R1", [_mode])(partial(_structures, _name))
    SCENARIOS.add(f"prepared-aux/{_name}", "R1", [_mode])(partial(_aux, _name))
    SCENARIOS.add(f"prepared-strict/{_name}", "R3", [_mode])(partial(_strict, _name))
    SCENARIOS.add(f"prepared-mismatch/{_name}", "R3", [_mode])(partial(_mismatch, _name))
    SCENARIOS.add(f"prepared-error/{_name}", "R10", [_mode])(partial(_error, _name))


@SCENARIOS.add("prepared-mixing", "R18")
def _mixing(subject: Subject) -> None:
    """A function that mixes the batch is found out when it is prepared, or with the shape that makes it mix."""

    def f(xp: Any, x: Any) -> Any:
        return x * xp.sum(x) if x.shape[1] == 4 else x

    call = prepared(subject, "batched-auto", f, X, U)
    for _ in range(2):
        subject.expect_error(BatchMixingError, lambda: call(subject.arrays(numbers(1, 4)), 1.0))
    subject.expect_error(BatchMixingError, lambda: prepared(subject, "batched-auto", f, numbers(1, 4), 1.0))
    subject.expect_close(call(subject.arrays(X), subject.arrays(U)), U)


def _threads(operation: str, subject: Subject) -> None:
    """One prepared operation in threads at once, at points of several shapes."""
    call = prepared(subject, operation, cube, X, U)

    def work(seed: int, mine: Subject) -> None:
        for turn in range(10):
            x, u = numbers(1, 1 + (seed + turn) % 3, seed=seed), numbers(1, 1 + (seed + turn) % 3, seed=turn)
            mine.expect_close(call(mine.arrays(x), mine.arrays(u)), 3 * x**2 * u)

    in_threads(subject.backend, [partial(work, seed) for seed in range(4)])


def _inside(outer: str, inner: str, subject: Subject) -> None:
    """An operation on a prepared one, which sees its own u as a constant."""
    call = prepared(subject, inner, cube, X, U)
    x, u = subject.arrays(X), subject.arrays(U)
    received = subject.product(outer, lambda xp, x: call(x, u), x, u)
    subject.expect_close(received, 6 * X * U * U, depth=2)


def _not_run_again(operation: str, subject: Subject) -> None:
    """What is compiled does not run f for each call."""
    calls: list[int] = []

    def f(xp: Any, x: Any) -> Any:
        calls.append(1)
        return x**3

    call = prepared(subject, operation, f, X, U)
    prepared_in = len(calls)
    for factor in (1.0, 2.0, 3.0):
        received = call(subject.arrays(factor * X), subject.arrays(U))
        subject.expect_close(received, 3 * (factor * X) ** 2 * U)
    subject.expect(len(calls) == prepared_in, f"{len(calls) - prepared_in} calls of f after it was prepared", "none")


for _name, _mode in MODES.items():
    SCENARIOS.add(f"prepared-threads/{_name}", "R11", [_mode, Capability.THREADS])(partial(_threads, _name))
    SCENARIOS.add(f"jvp-of-prepared/{_name}", "R12", nested("jvp", _name))(partial(_inside, "jvp", _name))
for _operation, _needs in FEW.items():
    SCENARIOS.add(f"prepared-calls/{_operation}", "R9", {*_needs, Capability.COMPILE})(
        partial(_not_run_again, _operation)
    )
