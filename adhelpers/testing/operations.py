"""Every operation, and the capabilities that it needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from adhelpers import ADBackend, Capability
from adhelpers.testing.subject import Failure, Function, NotConcerned, Subject

MODES = {"jvp": Capability.FORWARD, "vjp": Capability.REVERSE}
"""The two products, and the capability of each."""

BOTH_PRECISIONS = (Capability.FLOAT64, Capability.FLOAT32)
"""The capabilities for scenarios with arrays of two real dtypes."""

OPERATIONS: dict[str, frozenset[Capability]] = {
    "jvp": frozenset({Capability.FORWARD}),
    "vjp": frozenset({Capability.REVERSE}),
    "batched-forward": frozenset({Capability.FORWARD}),
    "batched-reverse": frozenset({Capability.REVERSE}),
}
"""The products, and the batched Jacobian in either mode."""


def differentiate(subject: Subject, operation: str, f: Function, x: Any, u: Any, **options: Any) -> Any:
    """The derivative of an elementwise function of x (1, B), times u: the same by each operation."""
    if operation in MODES:
        return subject.product(operation, f, x, u, **options)
    jacobian = subject.batched(f, x, mode=operation.removeprefix("batched-"), **options)
    if options.get("has_aux"):
        return jacobian[0][0, :, :] * u, jacobian[1]
    return jacobian[0, :, :] * u


def nested(*operations: str) -> set[Capability]:
    """The capabilities for nested operations; ``"batched"`` is the batched Jacobian in any mode."""
    return {Capability.NESTING}.union(*(OPERATIONS.get(operation, frozenset()) for operation in operations))


BOTH = nested("jvp", "vjp")
"""The capabilities for second derivatives in every mode."""


def call(operation: Callable[..., Any], subject: Subject, f: Function, *operands: Any, **options: Any) -> Any:
    """An operation on a function ``f(xp, x)`` of `x`, or of `x` and `u`; messages show the call."""
    words = "".join(f", {name}={value!r}" for name, value in options.items() if not callable(value))
    named = dict(zip(("x", "u"), operands, strict=False))
    subject.record(f"{operation.__name__}(f, backend, {', '.join(named)}{words})", f, **named)
    return operation(bound(subject, f), subject.backend, *operands, **options)


def bound(subject: Subject, f: Function) -> Callable[..., Any]:
    """``f(xp, x, *args)`` with the namespace of `x`: a function of `x` and `args`."""
    return lambda x, *args: f(subject.namespace(x), x, *args)


def implements(backend: ADBackend, method: str) -> bool:
    """Whether the backend overrides a ``"jvp"``, a ``"vjp"`` or a sweep, which the core derives otherwise."""
    return getattr(type(backend), method) is not getattr(ADBackend, method)


def require_own(backend: ADBackend, method: str) -> None:
    """Skip a scenario about a method that the backend does not override."""
    if not implements(backend, method):
        msg = f"derived by the core: {type(backend).__name__} does not override {method}"
        raise NotConcerned(msg)


def or_refused(check: Callable[..., None], *operands: Any) -> None:
    """``check(*operands)``, accepting any error except a `Failure`."""
    try:
        check(*operands)
    except Failure:
        raise
    except Exception:  # noqa: BLE001  # whatever a framework raises
        return
