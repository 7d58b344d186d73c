"""What a backend does not declare must raise: a number that nobody vouches for is worse than none."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from adhelpers import (
    Capability,
    DTypeError,
    UnsupportedOperationError,
    jacobian_vector_product,
    vector_jacobian_product,
)
from adhelpers.testing.models import numbers
from adhelpers.testing.operations import MODES, bound
from adhelpers.testing.scenario import Catalogue
from adhelpers.testing.subject import NotConcerned, Subject

SCENARIOS = Catalogue()


def square(xp: Any, x: Any) -> Any:
    return x**2


def _undeclared(name: str, subject: Subject) -> None:
    """A mode that is neither native nor derived."""
    x = subject.arrays(numbers(3))
    subject.expect_error(UnsupportedOperationError, lambda: subject.product(name, square, x, x))


def _undeclared_complex(name: str, subject: Subject) -> None:
    z = numbers(3) + 1j
    subject.expect_error((UnsupportedOperationError, DTypeError), lambda: subject.product(name, square, z, z))


def _undeclared_float64(name: str, subject: Subject) -> None:
    """It is refused by a message that says what to do, and never narrowed."""
    operation = {"jvp": jacobian_vector_product, "vjp": vector_jacobian_product}[name]
    f = bound(subject, square)
    for x in (numbers(3), numbers(3)[0]):
        subject.record(f"{operation.__name__}(f, backend, x, u) in float64", square, x=x, u=x)
        error = subject.expect_error(DTypeError, partial(operation, f, subject.backend, x, x))
        subject.expect(len(str(error)) > 40, f"DTypeError: {error}", "a message that says what to convert x to")


def _undeclared_float32(name: str, subject: Subject) -> None:
    x = numbers(3).astype(np.float32)
    subject.expect_error(DTypeError, lambda: subject.product(name, square, x, x))


def _undeclared_bfloat16(name: str, subject: Subject) -> None:
    """Arrays of the framework's own, and of NumPy's with the extension that defines the dtype, if there are any."""
    xp = subject.backend.array_namespace(subject.one())
    candidates: list[Callable[[], Any]] = []
    if hasattr(xp, "bfloat16"):
        candidates.append(lambda: xp.astype(subject.arrays(numbers(3)), xp.bfloat16))
    try:
        import ml_dtypes
    except ImportError:
        pass
    else:
        candidates.append(lambda: numbers(3).astype(ml_dtypes.bfloat16))
    if not candidates:
        msg = "there is no bfloat16: neither in the namespace nor by ml_dtypes"
        raise NotConcerned(msg)
    for make in candidates:
        x = make()
        subject.expect_error(DTypeError, partial(subject.product, name, square, x, x))


def _undeclared_nesting(name: str, subject: Subject) -> None:
    def inner(xp: Any, x: Any) -> Any:
        return subject.product(name, lambda xp, x: x**3, x, xp.ones_like(x))

    x = subject.arrays(numbers(3))
    subject.expect_error(UnsupportedOperationError, lambda: subject.product(name, inner, x, x))


def _undeclared_closure(name: str, subject: Subject) -> None:
    """The tracer of an outer derivative, which only f's closure holds, must not be taken for a constant."""
    at = subject.arrays(numbers(3))

    def inner(xp: Any, w: Any) -> Any:
        return subject.product(name, lambda xp, x: w**2 * x, at, xp.ones_like(at)) + w

    w = subject.arrays(numbers(3))
    subject.expect_error(UnsupportedOperationError, lambda: subject.product(name, inner, w, w))


for _name, _mode in MODES.items():
    SCENARIOS.add(f"undeclared-{_mode.value}/{_name}", "R14", lacks=_mode)(partial(_undeclared, _name))
    for _capability, _rule, _check in (
        (Capability.COMPLEX, "R7", _undeclared_complex),
        (Capability.FLOAT32, "R4", _undeclared_float32),
        (Capability.BFLOAT16, "R4", _undeclared_bfloat16),
        (Capability.NESTING, "R12", _undeclared_nesting),
    ):
        SCENARIOS.add(f"undeclared-{_capability.value}/{_name}", _rule, [_mode], lacks=_capability)(
            partial(_check, _name)
        )
    SCENARIOS.add(f"undeclared-nesting/closure-{_name}", "R12", [_mode], lacks=Capability.NESTING, since=2)(
        partial(_undeclared_closure, _name)
    )
    SCENARIOS.add(f"undeclared-float64/{_name}", "R5", [_mode], lacks=Capability.FLOAT64, since=2)(
        partial(_undeclared_float64, _name)
    )
