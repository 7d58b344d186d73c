"""Further arguments and results of f, and the role of u (R4, R6, R7, R12, R13, R16, R17)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection
from functools import partial
from typing import Any

import numpy as np

import adhelpers
from adhelpers import Capability, DTypeError, ShapeMismatchError, StructureMismatchError
from adhelpers.testing.models import like, numbers
from adhelpers.testing.operations import BOTH, MODES, bound, call, nested
from adhelpers.testing.scenario import Catalogue
from adhelpers.testing.scenarios.derivatives.closed_forms import A
from adhelpers.testing.subject import Function, Subject

SCENARIOS = Catalogue()


def _not_one_number(
    f: Function, error: type[Exception], words: str, operation: Callable[..., Any], subject: Subject
) -> None:
    """Only a real number has a gradient."""
    x = subject.arrays(A)
    message = str(subject.expect_error(error, lambda: call(operation, subject, f, x)))
    words = subject.dtype_word(words)
    subject.expect(words in message, message, f"a message that mentions {words!r}")


for _label, _f, _error, _words in (
    ("an-array", lambda xp, x: x**2, ShapeMismatchError, "(3,)"),
    ("a-list", lambda xp, x: [xp.sum(x)], StructureMismatchError, "list"),
    ("a-complex-number", lambda xp, x: xp.sum(x * 1j), DTypeError, "complex128"),
):
    _more = [Capability.COMPLEX] if "complex" in _label else []
    SCENARIOS.add(f"refused-gradient-of-{_label}/gradient", "R16", [Capability.REVERSE, *_more])(
        partial(_not_one_number, _f, _error, _words, adhelpers.gradient)
    )
    SCENARIOS.add(f"refused-gradient-of-{_label}/hessian", "R16", [*BOTH, *_more])(
        partial(_not_one_number, _f, _error, _words, adhelpers.hessian)
    )


def _direction(outer: str, differentiated: bool, subject: Subject) -> None:
    """The product of diag(6 x) with u = x; an outer derivative sees u vary only with `differentiate_u`."""

    def f(xp: Any, x: Any) -> Any:
        g = bound(subject, lambda xp, z: xp.sum(z**3))
        return adhelpers.hessian_vector_product(g, subject.backend, x, x, differentiate_u=differentiated)

    x, u = numbers(3), numbers(3, seed=1)
    received = subject.product(outer, f, subject.arrays(x), subject.arrays(u))
    subject.expect_close(received, (12.0 if differentiated else 6.0) * x * u, depth=3)


def _value(outer: str, inner: str, subject: Subject) -> None:
    """The value and aux that come with a product are functions of x too."""
    a, u = numbers(3), numbers(3, seed=1)

    def f(xp: Any, x: Any) -> Any:
        y, _, aux = subject.value_and_product(inner, lambda xp, z: (z**2, z**3), x, xp.ones_like(x), has_aux=True)
        return {"y": y, "aux": aux}

    x = subject.arrays(a)
    if outer == "jvp":
        expected: Any = {"y": 2.0 * a * u, "aux": 3.0 * a**2 * u}
        received = subject.jvp(f, x, subject.arrays(u))
    else:
        expected = 2.0 * a * u + 3.0 * a**2 * u
        received = subject.vjp(f, x, {"y": subject.arrays(u), "aux": subject.arrays(u)})
    subject.expect_close(received, expected, depth=2)


for _outer, _inner in itertools.product(MODES, repeat=2):
    SCENARIOS.add(f"value-and-aux/{_outer}-of-{_inner}", "R12", nested(_outer, _inner))(partial(_value, _outer, _inner))
for _outer in MODES:
    SCENARIOS.add(f"u-constant/{_outer}-of-hessian-vector-product", "R13", BOTH)(partial(_direction, _outer, False))
    SCENARIOS.add(f"u-differentiated/{_outer}-of-hessian-vector-product", "R13", BOTH)(
        partial(_direction, _outer, True)
    )


ALONG_X: dict[str, tuple[Callable[..., Any], np.ndarray, Collection[Capability]]] = {
    "gradient": (adhelpers.value_and_gradient, 4.5 * A**2, frozenset({Capability.REVERSE})),
    "hessian": (adhelpers.value_and_hessian, np.diag(9.0 * A), BOTH),
    "laplacian": (adhelpers.value_and_laplacian, np.asarray(9.0 * np.sum(A)), BOTH),
}


def _arguments(name: str, subject: Subject) -> None:
    operation, expected, _ = ALONG_X[name]

    def f(xp: Any, x: Any, factor: float, thing: str) -> Any:
        return factor * xp.sum(x**3), {"thing": thing, "array": 2.0 * x}

    options = {"args": (1.5, "thing"), "has_aux": True}
    value, received, aux = call(operation, subject, f, subject.arrays(A), **options)
    subject.expect_close(value, np.asarray(1.5 * np.sum(A**3)), what="the value")
    subject.expect_close(received, expected, depth=1 if name == "gradient" else 2)
    subject.expect(aux["thing"] == "thing", f"aux['thing'] = {aux['thing']!r}", "'thing'")
    subject.expect_close(aux["array"], 2.0 * A, what="aux['array']")


def _in_half_the_digits(name: str, subject: Subject) -> None:
    operation, expected, _ = ALONG_X[name]
    x = subject.arrays(A.astype(np.float32))
    value, received = call(operation, subject, lambda xp, x: 1.5 * xp.sum(x**3), x)
    subject.expect_close(value, np.asarray(1.5 * np.sum(A**3), np.float32), what="the value")
    subject.expect_close(received, expected.astype(np.float32))


def _independent(name: str, subject: Subject) -> None:
    operation, expected, _ = ALONG_X[name]
    _, received = call(operation, subject, lambda xp, x: like(xp, 2.0, x), subject.arrays(A))
    subject.expect_equal(received, np.zeros(expected.shape))


def _no_elements(name: str, subject: Subject) -> None:
    operation, expected, _ = ALONG_X[name]
    value, received = call(operation, subject, lambda xp, x: 1.5 + xp.sum(x**3), subject.arrays(np.zeros((0, 2))))
    subject.expect_close(value, np.asarray(1.5), what="the value")
    subject.expect_equal(received, np.zeros((0, 2) * expected.ndim))


for _name, _case in ALONG_X.items():
    _needs = _case[2]
    SCENARIOS.add(f"arguments-and-aux/{_name}", "R7", _needs)(partial(_arguments, _name))
    SCENARIOS.add(f"independent/{_name}", "R6", _needs)(partial(_independent, _name))
    SCENARIOS.add(f"no-elements/{_name}", "R17", _needs)(partial(_no_elements, _name))
SCENARIOS.add("single-precision/gradient", "R4", [Capability.REVERSE, Capability.FLOAT32])(
    partial(_in_half_the_digits, "gradient")
)
