"""Every way to differentiate, and what it takes of a backend."""

from __future__ import annotations

from typing import Any

from adhelpers.plugins.capabilities import Capability
from adhelpers.plugins.contract import ADBackend
from adhelpers.testing.subject import Function, NotConcerned, Subject

MODES = {"jvp": Capability.FORWARD, "vjp": Capability.REVERSE}
"""The two products, and the capability that each is."""

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
    """What operations inside one another take; ``"batched"`` is the batched Jacobian in the mode that there is."""
    return {Capability.NESTING}.union(*(OPERATIONS.get(operation, frozenset()) for operation in operations))


def implements(backend: ADBackend, method: str) -> bool:
    """Whether the backend has a ``"jvp"``, a ``"vjp"`` or a sweep of its own, which core derives otherwise."""
    return getattr(type(backend), method) is not getattr(ADBackend, method)


def require_own(backend: ADBackend, method: str) -> None:
    """Leave a scenario that is about a method which the backend leaves to core."""
    if not implements(backend, method):
        msg = f"derived by core: {type(backend).__name__} has no {method} of its own"
        raise NotConcerned(msg)
