"""The operations that can be compared, with their names and properties."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from adhelpers.operations.batched import batched_jacobian
from adhelpers.operations.declaration import Operation, declaration_of, declarations
from adhelpers.operations.products import jacobian_vector_product, vector_jacobian_product

VALUE = "value"
"""The name of ``f(x)`` itself, which is always compared."""

DEFAULT: dict[str, Callable[..., Any]] = {
    "jvp": jacobian_vector_product,
    "vjp": vector_jacobian_product,
    "batched_jacobian": batched_jacobian,
}
"""The default operations; reports use the short names of the two products."""

OPERATIONS: dict[str, Callable[..., Any]] = {
    **DEFAULT,
    **{
        declared.operation.name: face
        for face, declared in sorted(declarations().items(), key=lambda item: item[1].operation.name)
        if face not in DEFAULT.values() and not declared.with_value and declared.operation.order > 0
    },
}
"""The operations besides the value, by name."""

_LONG = {face.__name__: name for name, face in DEFAULT.items()}


def short(name: str) -> str:
    """The name in reports: ``"jvp"`` for ``"jacobian_vector_product"``; most others are unchanged."""
    return _LONG.get(name, name)


def declared(operation: str) -> Operation:
    """The declaration of the operation with that name."""
    return declaration_of(OPERATIONS[operation]).operation


def path_of(operation: str) -> str:
    """The beginning of the paths of an operation's result."""
    return "f(x)" if operation == VALUE else declared(operation).result


def partner_of(operation: str) -> str | None:
    """What `u` of an operation matches: ``"x"``, ``"f(x)"``, or None without `u`."""
    return declared(operation).along


def is_batched(operation: str) -> bool:
    """Whether an operation is batched."""
    return operation != VALUE and declared(operation).is_batched


def error_of(operation: str, relative_error: Callable[[float], float]) -> Callable[[float], float]:
    """The relative error of an operation's result, where that of a single derivative is `relative_error`.

    Each further derivative divides the error of the inner one by the step of differences: 1e-11, then 1e-6.
    """
    order = 0 if operation == VALUE else declared(operation).order

    def error(epsilon: float) -> float:
        owed = relative_error(epsilon)
        return epsilon if order == 0 else min(1.0, owed * (owed / epsilon) ** (order - 1))

    return error


def pulls(operation: str) -> bool:
    """Whether an operation gives one number for each element of `x`, so that differences vary them one by one."""
    return declared(operation).result in ("x", "H")


def vectors_of(operation: str, size: int) -> int:
    """How many directions an operation needs with forward mode alone, in `size` dimensions of `x`."""
    operation_ = declared(operation)
    if operation_.result == "x":
        return size
    return 1 if operation_.along is not None else size**operation_.order
