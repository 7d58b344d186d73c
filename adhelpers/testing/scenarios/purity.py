"""What calls leave as it was: operands, memory, state; how often they call f; and its errors (R8 to R11, R16)."""

from __future__ import annotations

import gc
import itertools
import sys
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import optree

from adhelpers.batched import batched_jacobian
from adhelpers.contract import ADBackend, Capability
from adhelpers.operations import jacobian_vector_product, vector_jacobian_product
from adhelpers.structure import NAMESPACE
from adhelpers.testing.models import numbers
from adhelpers.testing.scenario import Catalogue
from adhelpers.testing.scenarios.products import MODES
from adhelpers.testing.subject import Failure, Function, Subject, section

SCENARIOS = Catalogue()

OPERATIONS: dict[str, frozenset[Capability]] = {
    "jvp": frozenset({Capability.FORWARD}),
    "vjp": frozenset({Capability.REVERSE}),
    "batched-forward": frozenset({Capability.FORWARD}),
    "batched-reverse": frozenset({Capability.REVERSE}),
}
"""Every way to differentiate, and what it takes."""


def differentiate(subject: Subject, operation: str, f: Function, x: Any, u: Any, **options: Any) -> Any:
    """The derivative of an elementwise function of x (1, B), times u: the same by each operation."""
    if operation in MODES:
        return subject.product(operation, f, x, u, **options)
    jacobian = subject.batched(f, x, mode=operation.removeprefix("batched-"), **options)
    if options.get("has_aux"):
        return jacobian[0][0, :, :] * u, jacobian[1]
    return jacobian[0, :, :] * u


def cube(xp: Any, x: Any) -> Any:
    return x**3


X, U = np.array([[0.5, 1.5, -2.0]]), np.array([[1.0, -0.5, 2.0]])


# -- operands and memory (R8) -------------------------------------------------------------------------------


def multiplied_in_place(xp: Any, x: Any) -> Any:
    """Where arrays can be changed in place this one is, as far as f can tell."""
    y = x
    y *= 2.0
    return y * y


def assigned_in_place(xp: Any, x: Any) -> Any:
    x[0, 0] = 5.0
    return x**3


def _operands_unchanged(operation: str, f: Function, slope: Any, subject: Subject) -> None:
    x, u = subject.arrays(X), subject.arrays(U)
    try:
        received = differentiate(subject, operation, f, x, u)
    except Exception:  # a framework need not allow it
        if f is not assigned_in_place:
            raise
    else:
        subject.expect_close(received, slope * U)
    for name, array, before in (("x", x, X), ("u", u, U)):
        after = subject.numpy(array)
        subject.expect(np.array_equal(after, before), f"{name} is {after!r} after the call", f"{before!r}, as before")


def _numpy_operands_unchanged(operation: str, subject: Subject) -> None:
    """An array of the caller's, lifted, is not changed either, and is not what a result is made of."""
    x, u = X.copy(), U.copy()
    received = differentiate(subject, operation, lambda xp, x: x, x, u)
    before = subject.numpy(received).copy()
    x += 1.0
    u += 1.0
    after = subject.numpy(received)
    subject.expect(
        np.array_equal(before, after),
        f"the result became {after!r} when the caller changed his own arrays",
        f"{before!r}, as before",
    )


for _operation, _needs in OPERATIONS.items():
    for _f, _slope in ((multiplied_in_place, 8.0 * X), (assigned_in_place, 3.0 * X**2 * np.array([[0.0, 1.0, 1.0]]))):
        _label = _f.__name__.replace("_", "-")
        SCENARIOS.add(f"{_label}/{_operation}", "R8", _needs)(partial(_operands_unchanged, _operation, _f, _slope))
    SCENARIOS.add(f"numpy-memory/{_operation}", "R8", _needs)(partial(_numpy_operands_unchanged, _operation))


def _memory(name: str, f: Function, subject: Subject) -> None:
    """Values and products are written to no memory of the operands, nor of one another."""
    x: Any = {"a": subject.arrays(X), "b": subject.arrays(U)}
    y = f(subject.namespace(x), x)
    u = optree.tree_map(
        lambda leaf: subject.arrays(np.ones(leaf.shape)), x if name == "jvp" else y, namespace=NAMESPACE
    )
    value, product = subject.value_and_product(name, f, x, u)
    named = _named(subject, ("f(x)", value), ("the product", product))
    operands = _named(subject, ("x", x), ("u", u))
    for (one, a), (other, b) in itertools.chain(itertools.combinations(named, 2), itertools.product(named, operands)):
        shared = np.shares_memory(a, b) and (a.flags.writeable or b.flags.writeable)
        subject.expect(not shared, f"a leaf of {one} shares memory with one of {other}", "memory of its own for each")
    for one, a in named:
        repeated = a.flags.writeable and any(step == 0 and n > 1 for step, n in zip(a.strides, a.shape, strict=True))
        subject.expect(not repeated, f"a leaf of {one} whose elements share memory", "memory of its own for each")


def _named(subject: Subject, *trees: tuple[str, Any]) -> list[tuple[str, np.ndarray]]:
    """Each leaf of each tree, with the tree's name."""
    to_numpy, flatten = subject.backend.to_numpy, subject.backend.flatten
    return [(name, to_numpy(leaf)) for name, tree in trees for leaf in flatten(tree)[0]]


for _name, _mode in MODES.items():
    for _label, _f in (
        ("identity", lambda xp, x: x),
        ("repeated", lambda xp, x: (x["a"], x["a"])),
        ("viewed", lambda xp, x: (x["a"][:, 1:], xp.reshape(x["b"], (3,)), x["b"])),
        ("summed", lambda xp, x: x["a"] + x["b"]),
        ("reduced", lambda xp, x: xp.sum(x["a"]) + xp.sum(x["b"])),
    ):
        SCENARIOS.add(f"memory-{_label}/{_name}", "R8", [_mode])(partial(_memory, _name, _f))


def _closed_over_too(operation: str, subject: Subject) -> None:
    """What f closes over is a constant, even if it is x itself: nothing moves in the caller's own array."""
    constant = subject.arrays(X)
    received = differentiate(subject, operation, lambda xp, x: x * constant, constant, subject.arrays(U))
    subject.expect_close(received, X * U)


for _operation, _needs in OPERATIONS.items():
    SCENARIOS.add(f"x-in-the-closure/{_operation}", "R8", _needs)(partial(_closed_over_too, _operation))


def _memory_of_aux(name: str, subject: Subject) -> None:
    """What f returns besides is no way either to write to its operands."""
    x, u = subject.arrays(X), subject.arrays(U)
    value, product, aux = subject.value_and_product(name, lambda xp, x: (x, x), x, u, has_aux=True)
    others = _named(subject, ("x", x), ("u", u), ("f(x)", value), ("the product", product))
    for (_, a), (other, b) in itertools.product(_named(subject, ("aux", aux)), others):
        shared = np.shares_memory(a, b) and (a.flags.writeable or b.flags.writeable)
        subject.expect(not shared, f"aux shares memory with a leaf of {other}", "memory of its own for each")


for _name, _mode in MODES.items():
    SCENARIOS.add(f"memory-aux/{_name}", "R8", [_mode])(partial(_memory_of_aux, _name))


def _not_remembered(operation: str, subject: Subject) -> None:
    """Results follow their operands, however alike those look from outside."""
    x, u = subject.arrays(X), subject.arrays(U)
    for point, direction in ((X, U), (2 * X, U), (X, 3 * U), (X, U)):
        x, u = subject.arrays(point), subject.arrays(direction)
        subject.expect_close(differentiate(subject, operation, cube, x, u), 3 * point**2 * direction)


def _closed_over(operation: str, subject: Subject) -> None:
    """What f closes over may change between calls."""
    factor = [1.0]

    def f(xp: Any, x: Any) -> Any:
        return factor[0] * x**2

    for factor[0] in (1.0, 5.0):
        received = differentiate(subject, operation, f, subject.arrays(X), subject.arrays(U))
        subject.expect_close(received, factor[0] * 2 * X * U)


def _same_objects(operation: str, subject: Subject) -> None:
    """A later call may have the same function and the same NumPy array, and both may have changed."""
    factor, x = [1.0], X.copy()

    def f(x: Any) -> Any:
        return factor[0] * x**2

    for factor[0], change in ((1.0, 1.0), (5.0, 1.0), (5.0, 2.0)):
        x *= change
        if operation == "jvp":
            received = jacobian_vector_product(f, subject.backend, x, U)
        elif operation == "vjp":
            received = vector_jacobian_product(f, subject.backend, x, U)
        else:
            mode: Any = operation.removeprefix("batched-")
            received = batched_jacobian(f, subject.backend, x, mode=mode)[0, :, :] * subject.arrays(U)
        words = f"the result of {operation} with a function and an x that were changed since the call before"
        subject.expect_close(received, factor[0] * 2 * x * U, what=words)


for _operation, _needs in OPERATIONS.items():
    SCENARIOS.add(f"changed-objects/{_operation}", "R8", _needs)(partial(_same_objects, _operation))
    SCENARIOS.add(f"nothing-remembered/{_operation}", "R8", _needs)(partial(_not_remembered, _operation))
    SCENARIOS.add(f"changing-closure/{_operation}", "R8", _needs)(partial(_closed_over, _operation))


# -- calls of f (R9) ------------------------------------------------------------------------------------------


def _counted(calls: list[int]) -> Function:
    def f(xp: Any, x: Any) -> Any:
        calls.append(1)
        return x**3

    return f


def _calls_of_a_product(name: str, subject: Subject) -> None:
    """A product that the backend implements itself calls f once."""
    if _own(subject.backend, name):
        calls: list[int] = []
        subject.product(name, _counted(calls), subject.arrays(X), subject.arrays(U))
        subject.expect(len(calls) == 1, f"{len(calls)} calls of f", "1")


def _calls_of_a_sweep(name: str, subject: Subject) -> None:
    """A reverse sweep calls f once, a forward one once a chunk, or once a vector where it loops."""
    backend = subject.backend
    if not _own(backend, "jvp" if name == "forward" else "vjp"):
        return
    x, calls = subject.arrays(numbers(4, 3)), list[int]()
    subject.batched(_counted(calls), x, mode=name, chunk_size=2, check_batch=False)
    loops = type(backend).jvp_sweep is ADBackend.jvp_sweep
    allowed = 1 if name == "reverse" else 4 if loops else 2
    subject.expect(1 <= len(calls) <= allowed, f"{len(calls)} calls of f for 4 vectors in chunks of 2", str(allowed))


def _own(backend: ADBackend, name: str) -> bool:
    """Whether the backend implements a product, which core derives otherwise."""
    return getattr(type(backend), name) is not getattr(ADBackend, name)


for _name, _mode in MODES.items():
    SCENARIOS.add(f"calls/{_name}", "R9", [_mode])(partial(_calls_of_a_product, _name))
SCENARIOS.add("calls/batched-forward", "R9", [Capability.FORWARD])(partial(_calls_of_a_sweep, "forward"))
SCENARIOS.add("calls/batched-reverse", "R9", [Capability.REVERSE])(partial(_calls_of_a_sweep, "reverse"))


# -- errors in f, and what is left behind (R10) ------------------------------------------------------------------


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
    """It passes through as the same object, and the next calls work, in this thread and in another one."""

    def f(xp: Any, x: Any) -> Any:
        y = x**3
        raise error
        return y

    def call() -> None:
        differentiate(subject, operation, f, subject.arrays(X), subject.arrays(U))

    _same_error(error, call)
    _works(operation, subject)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(_in_scope, subject.backend, partial(_works, operation)).result(60)


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


def _in_scope(backend: ADBackend, check: Callable[[Subject], None]) -> None:
    subject = Subject(backend)
    with backend.scope():
        check(subject)


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
    """What f returns besides comes back as arrays with values, and all else as it is."""
    thing = object()

    def f(xp: Any, x: Any) -> Any:
        return x**3, {"array": x**2, "number": 3, "thing": thing, "text": "text", "another": [x**4]}

    x, u = subject.arrays(X), subject.arrays(U)
    product, aux = differentiate(subject, operation, f, x, u, has_aux=True)
    subject.expect_close(product, 3 * X**2 * U)
    kept = (aux["number"], aux["thing"], aux["text"]) == (3, thing, "text")
    subject.expect(kept, f"aux = {aux!r}", "what is no array as f returned it")
    subject.expect_close([aux["array"], *aux["another"]], [X**2, X**4], what="[aux['array'], *aux['another']]")


def _no_tracers(operation: str, subject: Subject) -> None:
    """What comes back to the top is a constant: to stop its gradient leaves it of the same kind."""

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
    """No call keeps f, or what f closes over, alive."""

    class Token:
        pass

    token = Token()
    references: list[Any] = [weakref.ref(token)]

    def f(xp: Any, x: Any, token: Any = token) -> Any:
        return x**3

    references.append(weakref.ref(f))
    differentiate(subject, operation, f, subject.arrays(X), subject.arrays(U))
    subject.last_call = ""
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


# -- threads (R11) ------------------------------------------------------------------------------------------------

THREADS, TURNS = 6, 5


def _threads(operations: list[str], nested: bool, subject: Subject) -> None:
    """Threads that are inside f at the same time, each with a function and a point of its own."""
    start = threading.Barrier(THREADS)

    def work(seed: int, mine: Subject) -> None:
        def f(xp: Any, x: Any) -> Any:
            time.sleep(0.0005 * (seed % 3))  # so that others come between
            return (1.0 + seed) * x**3

        start.wait(60)
        for turn in range(TURNS):
            point, direction = X * (1.0 + turn), U * (1.0 + seed)
            x, u = mine.arrays(point), mine.arrays(direction)
            for operation in operations[seed % len(operations) :] + operations[: seed % len(operations)]:
                received = differentiate(mine, operation, f, x, u)
                mine.expect_close(received, (1.0 + seed) * 3 * point**2 * direction)
                if nested:
                    inner = lambda xp, x, o=operation: differentiate(mine, o, f, x, xp.ones_like(x))  # noqa: E731
                    received = differentiate(mine, operation, inner, x, u)
                    mine.expect_close(received, (1.0 + seed) * 6 * point * direction, depth=2)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    try:
        with ThreadPoolExecutor(THREADS) as pool:
            tasks = [pool.submit(_in_scope, subject.backend, partial(work, seed)) for seed in range(THREADS)]
            for task in tasks:
                task.result(100)
    finally:
        sys.setswitchinterval(interval)


for _operation, _needs in OPERATIONS.items():
    _needed = {*_needs, Capability.THREADS}
    SCENARIOS.add(f"threads/{_operation}", "R11", _needed)(partial(_threads, [_operation], False))
_all = frozenset().union(*OPERATIONS.values())
SCENARIOS.add("threads/all", "R11", {*_all, Capability.THREADS})(partial(_threads, list(OPERATIONS), False))
SCENARIOS.add("threads/nested", "R11", {*_all, Capability.THREADS, Capability.NESTING})(
    partial(_threads, list(OPERATIONS), True)
)


# -- never a wrong number (R16) -------------------------------------------------------------------------------------


def built_by_numpy(xp: Any, x: Any) -> Any:
    return np.array([[2.0 * x[0, 0], x[0, 1] ** 2, x[0, 2]]])


def object_array(xp: Any, x: Any) -> Any:
    y = np.empty((1, 3), dtype=object)
    for i in range(3):
        y[0, i] = x[0, i] * 2.0
    return y


def filled_by_numpy(xp: Any, x: Any) -> Any:
    y = np.zeros((1, 3))
    for i in range(3):
        y[0, i] = x[0, i] * 2.0
    return y


def _loud(name: str, f: Function, slope: np.ndarray, subject: Subject) -> None:
    """Plain NumPy in f may work and may raise."""
    try:
        received = subject.product(name, f, subject.arrays(X), subject.arrays(U))
    except Exception:  # any error is loud
        return
    subject.expect_close(received, slope * U)


for _name, _mode in MODES.items():
    for _f, _slope in (
        (built_by_numpy, np.array([[2.0, 3.0, 1.0]])),
        (object_array, np.full((1, 3), 2.0)),
        (filled_by_numpy, np.full((1, 3), 2.0)),
    ):
        SCENARIOS.add(f"{_f.__name__.replace('_', '-')}/{_name}", "R16", [_mode])(partial(_loud, _name, _f, _slope))


def mutable_containers(xp: Any, x: Any) -> Any:
    """Plain containers that f builds, of which autograd for one loses sight."""
    return {"rows": [x * 2.0, (x**2, x)], "x": x}


@SCENARIOS.add("plain-containers/jvp", "R16", [Capability.FORWARD])
def _containers_forward(subject: Subject) -> None:
    received = subject.jvp(mutable_containers, subject.arrays(X), subject.arrays(U))
    subject.expect_close(received, {"rows": [2 * U, (2 * X * U, U)], "x": U})


@SCENARIOS.add("plain-containers/vjp", "R16", [Capability.REVERSE])
def _containers_reverse(subject: Subject) -> None:
    u = subject.arrays({"rows": [U, (2 * U, 3 * U)], "x": 4 * U})
    subject.expect_close(subject.vjp(mutable_containers, subject.arrays(X), u), 2 * U + 4 * X * U + 7 * U)
