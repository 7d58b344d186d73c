"""Operands, and the memory of results: nothing is changed, shared or remembered (R8)."""

from __future__ import annotations

import itertools
from functools import partial
from typing import Any

import numpy as np
import optree

from adhelpers import batched_jacobian, jacobian_vector_product, vector_jacobian_product
from adhelpers.extend import NAMESPACE
from adhelpers.testing.operations import MODES, OPERATIONS, differentiate
from adhelpers.testing.scenario import Catalogue
from adhelpers.testing.subject import Function, Subject, share_memory

SCENARIOS = Catalogue()

X, U = np.array([[0.5, 1.5, -2.0]]), np.array([[1.0, -0.5, 2.0]])


def cube(xp: Any, x: Any) -> Any:
    return x**3


def multiplied_in_place(xp: Any, x: Any) -> Any:
    """Change x in place if the framework can, as far as f can tell."""
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
    """A lifted NumPy array of the caller is not changed, and no result shares its memory."""
    x, u = X.copy(), U.copy()
    received = differentiate(subject, operation, lambda xp, x: x, x, u)
    before = subject.numpy(received).copy()
    x += 1.0
    u += 1.0
    after = subject.numpy(received)
    subject.expect(
        np.array_equal(before, after),
        f"the result became {after!r} when the caller changed x and u",
        f"{before!r}, as before",
    )


for _operation, _needs in OPERATIONS.items():
    for _f, _slope in ((multiplied_in_place, 8.0 * X), (assigned_in_place, 3.0 * X**2 * np.array([[0.0, 1.0, 1.0]]))):
        _label = _f.__name__.replace("_", "-")
        SCENARIOS.add(f"{_label}/{_operation}", "R8", _needs)(partial(_operands_unchanged, _operation, _f, _slope))
    SCENARIOS.add(f"numpy-memory/{_operation}", "R8", _needs)(partial(_numpy_operands_unchanged, _operation))


def _memory(name: str, f: Function, subject: Subject) -> None:
    """Values and products share memory neither with the operands nor with one another."""
    x: Any = {"a": subject.arrays(X), "b": subject.arrays(U)}
    y = f(subject.namespace(x), x)
    u = optree.tree_map(
        lambda leaf: subject.arrays(np.ones(leaf.shape)), x if name == "jvp" else y, namespace=NAMESPACE
    )
    value, product = subject.value_and_product(name, f, x, u)
    named = _named(subject, ("f(x)", value), ("the product", product))
    operands = _named(subject, ("x", x), ("u", u))
    for (one, a), (other, b) in itertools.chain(itertools.combinations(named, 2), itertools.product(named, operands)):
        subject.expect(
            not share_memory(a, b), f"a leaf of {one} shares memory with one of {other}", "separate memory for each"
        )
    for one, a in named:
        repeated = a.flags.writeable and any(step == 0 and n > 1 for step, n in zip(a.strides, a.shape, strict=True))
        subject.expect(not repeated, f"a leaf of {one} whose elements share memory", "separate memory for each")


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
    """An array that f closes over is a constant, even x itself: the caller's array does not become a tracer."""
    constant = subject.arrays(X)
    received = differentiate(subject, operation, lambda xp, x: x * constant, constant, subject.arrays(U))
    subject.expect_close(received, X * U)


for _operation, _needs in OPERATIONS.items():
    SCENARIOS.add(f"x-in-the-closure/{_operation}", "R8", _needs)(partial(_closed_over_too, _operation))


def _memory_of_aux(name: str, subject: Subject) -> None:
    """No array of aux shares memory with operands or results."""
    x, u = subject.arrays(X), subject.arrays(U)
    value, product, aux = subject.value_and_product(name, lambda xp, x: (x, x), x, u, has_aux=True)
    others = _named(subject, ("x", x), ("u", u), ("f(x)", value), ("the product", product))
    for (_, a), (other, b) in itertools.product(_named(subject, ("aux", aux)), others):
        subject.expect(not share_memory(a, b), f"aux shares memory with a leaf of {other}", "separate memory for each")


for _name, _mode in MODES.items():
    SCENARIOS.add(f"memory-aux/{_name}", "R8", [_mode])(partial(_memory_of_aux, _name))


def _not_remembered(operation: str, subject: Subject) -> None:
    """Results follow the operands, even if shapes and dtypes are the same as before."""
    x, u = subject.arrays(X), subject.arrays(U)
    for point, direction in ((X, U), (2 * X, U), (X, 3 * U), (X, U)):
        x, u = subject.arrays(point), subject.arrays(direction)
        subject.expect_close(differentiate(subject, operation, cube, x, u), 3 * point**2 * direction)


def _closed_over(operation: str, subject: Subject) -> None:
    """The values that f closes over may change between calls."""
    factor = [1.0]

    def f(xp: Any, x: Any) -> Any:
        return factor[0] * x**2

    for factor[0] in (1.0, 5.0):
        received = differentiate(subject, operation, f, subject.arrays(X), subject.arrays(U))
        subject.expect_close(received, factor[0] * 2 * X * U)


def _same_objects(operation: str, subject: Subject) -> None:
    """A later call may have the same function and the same NumPy array, and both may have changed."""
    factor, x, u = [1.0], subject.in_precision(X).copy(), subject.in_precision(U)

    def f(x: Any) -> Any:
        return factor[0] * x**2

    for factor[0], change in ((1.0, 1.0), (5.0, 1.0), (5.0, 2.0)):
        x *= change
        subject.record(f"{operation} of f, the same function and the same array x as before", f, x=x, u=u)
        if operation == "jvp":
            received = jacobian_vector_product(f, subject.backend, x, u)
        elif operation == "vjp":
            received = vector_jacobian_product(f, subject.backend, x, u)
        else:
            mode: Any = operation.removeprefix("batched-")
            received = batched_jacobian(f, subject.backend, x, mode=mode)[0, :, :] * subject.arrays(U)
        words = f"the result of {operation} with a function and an x that were changed since the call before"
        subject.expect_close(received, factor[0] * 2 * x * U, what=words)


for _operation, _needs in OPERATIONS.items():
    SCENARIOS.add(f"changed-objects/{_operation}", "R8", _needs)(partial(_same_objects, _operation))
    SCENARIOS.add(f"nothing-remembered/{_operation}", "R8", _needs)(partial(_not_remembered, _operation))
    SCENARIOS.add(f"changing-closure/{_operation}", "R8", _needs)(partial(_closed_over, _operation))
