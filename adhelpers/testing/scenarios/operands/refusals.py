"""Operands that do not fit are refused by the right error, whose message helps (R1, R2, R3, R18, R19)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from adhelpers import (
    BatchAxisError,
    BatchMixingError,
    Capability,
    DTypeError,
    ShapeMismatchError,
    StructureMismatchError,
)
from adhelpers.testing.functions import Pair, identity
from adhelpers.testing.models import complex_numbers, numbers
from adhelpers.testing.operations import BOTH_PRECISIONS, MODES
from adhelpers.testing.scenario import Catalogue
from adhelpers.testing.subject import Function, Subject

SCENARIOS = Catalogue()


class Foreign:
    """An array of a framework that no backend knows."""

    shape = (3,)
    dtype = "float64"

    def __dlpack__(self) -> None:
        """Foreign arrays have this."""


@dataclass(frozen=True)
class Refusal:
    """Operands that do not fit, the error that says so, and words that its message must have."""

    name: str
    rule: str
    error: type[Exception]
    words: tuple[str, ...]
    x: Any
    u: Any = None
    """None for the batched Jacobian."""
    f: Function = identity
    options: dict[str, Any] = field(default_factory=dict)
    operations: tuple[str, ...] = ("jvp", "vjp")
    needs: tuple[Capability, ...] = ()

    def received(self, operation: str, subject: Subject) -> BaseException:
        """The error that the operation raises, of the right type."""
        x, u = subject.arrays(self.x), subject.arrays(self.u)
        if operation == "batched":
            return subject.expect_error(self.error, lambda: subject.batched(self.f, x, **self.options))
        return subject.expect_error(self.error, lambda: subject.product(operation, self.f, x, u, **self.options))

    def check(self, operation: str, subject: Subject) -> None:
        """The error is raised."""
        self.received(operation, subject)

    def check_message(self, operation: str, subject: Subject) -> None:
        """Its message says what was received and what was expected."""
        message = str(self.received(operation, subject))
        words = map(subject.dtype_word, self.words)
        missing = [word for word in words if word.lower() not in message.lower()]
        subject.expect(not missing, message, f"a message that mentions {', '.join(map(repr, missing))}")


X = numbers(3)
TREE = {"w": [X, X], "b": X}


def _structures() -> Iterable[Refusal]:
    for name, x, u, words in (
        ("a-list-for-a-tuple", (X, X), [X, X], ("u is a list", "tuple")),
        ("a-tuple-for-a-list", [X, X], (X, X), ("u is a tuple", "list")),
        ("a-tuple-for-a-named-tuple", Pair(X, X), (X, X), ("u is a tuple", "Pair")),
        ("a-named-tuple-for-a-tuple", (X, X), Pair(X, X), ("Pair", "tuple")),
        ("a-missing-key", TREE, {"w": [X, X]}, ("u", "'b'", "missing")),
        ("a-surplus-key", TREE, {**TREE, "c": X}, ("u", "'c'")),
        ("a-shorter-list", TREE, {"w": [X], "b": X}, ("u['w']", "length 1", "length 2")),
        ("an-array-for-a-dict", TREE, X, ("u is", "dict")),
        ("a-dict-for-an-array", X, {"w": X}, ("u is a dict",)),
        ("none-for-an-array", TREE, {"w": [X, None], "b": X}, ("u['w'][1] is None",)),
        ("an-array-for-none", {"a": X, "b": None}, {"a": X, "b": X}, ("u['b']", "None")),
        ("another-key-in-an-ordered-dict", OrderedDict(a=X), OrderedDict(b=X), ("'a'", "'b'")),
    ):
        yield Refusal(name, "R1", StructureMismatchError, words, x, u)


def _leaves() -> Iterable[Refusal]:
    integers = np.array([1, 2, 3])
    data = ("args", "closure")
    for name, leaf, error, words in (
        ("integers", integers, DTypeError, (*data, "int64")),
        ("an-integer", 3, DTypeError, (*data, "int")),
        ("booleans", integers > 1, DTypeError, (*data, "bool")),
        ("a-boolean", True, DTypeError, (*data, "bool")),
        ("objects", np.array([1.0, None, "x"]), DTypeError, (*data, "object")),
        ("text", "text", TypeError, ("str",)),
        ("a-foreign-array", Foreign(), TypeError, ("Foreign",)),
        ("an-object", object(), TypeError, ("object",)),
        ("a-masked-array", np.ma.masked_array(X, X > 0), TypeError, ("MaskedArray", "numpy.asarray")),
    ):
        yield Refusal(f"{name}-in-x", "R2", error, ("x['b']", *words), {"a": X, "b": leaf}, {"a": X, "b": leaf})
    yield Refusal(
        "integers-in-f(x)",
        "R2",
        DTypeError,
        ("f(x)", "int64"),
        X,
        X,
        lambda xp, x: xp.asarray(np.array([1, 2, 3])),
    )
    yield Refusal("text-in-f(x)", "R2", TypeError, ("f(x)['y']", "str", "aux"), X, X, lambda xp, x: {"y": "text"})
    yield Refusal("a-foreign-array-in-u", "R2", TypeError, ("u is", "Foreign"), X, Foreign())


def _casts() -> Iterable[Refusal]:
    x = {"a": X}
    for name, u, words in (
        ("no-dimensions", np.asarray(1.0), ("u['a']", "()", "(3,)")),
        ("one-element", np.ones(1), ("u['a']", "(1,)", "(3,)")),
        ("a-dimension-more", np.ones((2, 3)), ("u['a']", "(2, 3)", "(3,)")),
        ("a-row-for-a-vector", np.ones((1, 3)), ("u['a']", "(1, 3)", "(3,)")),
        ("another-size", np.ones(4), ("u['a']", "(4,)", "(3,)")),
    ):
        yield Refusal(f"{name}-in-u", "R3", ShapeMismatchError, (*words, "x['a']"), x, {"a": u}, operations=("jvp",))
        yield Refusal(f"{name}-in-u", "R3", ShapeMismatchError, (*words, "f(x)['a']"), x, {"a": u}, operations=("vjp",))
    yield Refusal("a-number-for-an-array", "R3", ShapeMismatchError, ("()", "(3,)"), X, 2.0)
    square = numbers(3, 3)
    yield Refusal("a-flat-u", "R3", ShapeMismatchError, ("(9,)", "(3, 3)"), square, square.reshape(9))
    narrow = X.astype(np.float32)
    yield Refusal(
        "float32-for-float64", "R3", DTypeError, ("float32", "float64", "cast"), X, narrow, needs=BOTH_PRECISIONS
    )
    yield Refusal(
        "float64-for-float32", "R3", DTypeError, ("float32", "float64", "cast"), narrow, X, needs=BOTH_PRECISIONS
    )
    z = complex_numbers(3)
    both = ("complex128", "float64")
    yield Refusal("complex-for-real", "R3", DTypeError, both, X, z, needs=(Capability.COMPLEX,))
    yield Refusal("real-for-complex", "R3", DTypeError, both, z, X, needs=(Capability.COMPLEX,))
    yield Refusal("a-complex-number-for-real", "R3", DTypeError, ("1j", "float64"), np.asarray(1.0), 1j)
    yield Refusal("integers-in-u", "R3", DTypeError, ("u has", "int64", "float64"), X, np.array([1, 2, 3]))


def _batches() -> Iterable[Refusal]:
    x = numbers(2, 3)

    def mean(xp: Any, x: Any) -> Any:
        return x - xp.mean(x, axis=-1, keepdims=True)

    cases: tuple[tuple[str, type[Exception], tuple[str, ...], Any, Function, dict[str, Any]], ...] = (
        ("one-dimension", BatchAxisError, ("(3,)", "two dimensions"), numbers(3), identity, {}),
        ("a-lost-batch", BatchAxisError, ("(2, 3)", "(2,)"), x, lambda xp, x: x[:, 0], {}),
        ("another-batch", BatchAxisError, ("(2, 3)", "(2, 2)"), x, lambda xp, x: x[:, :2], {}),
        ("the-batch-first", BatchAxisError, ("batch_axis=0",), x, lambda xp, x: xp.reshape(x[:, 0:1], (2, 1)), {}),
        ("an-axis-out-of-range", BatchAxisError, ("batch_axis", "1"), x, identity, {"batch_axis": 1}),
        ("a-mixed-batch", BatchMixingError, ("batch_axis=0", "normalisation"), x, mean, {}),
        (
            "two-arrays-as-x",
            BatchAxisError,
            ("x", "2 leaves", "single array"),
            {"a": x, "b": x},
            lambda xp, x: x["a"],
            {},
        ),
        ("an-unknown-mode", ValueError, ("mode", "'sideways'"), x, identity, {"mode": "sideways"}),
        ("a-chunk-of-nothing", ValueError, ("chunk_size", "0"), x, identity, {"chunk_size": 0}),
    )
    for name, error, words, point, f, options in cases:
        yield Refusal(name, "R18", error, words, point, f=f, options=options, operations=("batched",))
    z, need = complex_numbers(2, 3), (Capability.COMPLEX,)
    yield Refusal(
        "complex-without-a-promise", "R18", DTypeError, ("holomorphic=True",), z, operations=("batched",), needs=need
    )
    yield Refusal(
        "a-real-result-of-complex",
        "R18",
        DTypeError,
        ("holomorphic", "complex"),
        z,
        f=lambda xp, z: xp.real(z),
        options={"holomorphic": True},
        operations=("batched",),
        needs=need,
    )


for _refusal in (*_structures(), *_leaves(), *_casts(), *_batches()):
    for _operation in _refusal.operations:
        _needs = [*_refusal.needs, *([MODES[_operation]] if _operation in MODES else [])]
        _name = f"refused-{_refusal.name}/{_operation}"
        SCENARIOS.add(_name, _refusal.rule, _needs)(partial(_refusal.check, _operation))
        SCENARIOS.add(f"{_name}-message", "R19", _needs)(partial(_refusal.check_message, _operation))
