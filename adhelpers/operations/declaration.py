"""What every operation on one point begins with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from adhelpers.compiled.prepared import compiled_call
from adhelpers.operations.products import resolve
from adhelpers.plugins.contract import ADBackend
from adhelpers.trees.leafwise import LeafwiseFunction
from adhelpers.trees.tree import Tree

Compute = Callable[[ADBackend, LeafwiseFunction, Tree], Any]


def evaluate(
    operation: Callable[..., Any],
    compute: Compute,
    f: Callable[..., Any],
    backend: ADBackend | str | None,
    point: dict[str, Any],
    args: tuple[Any, ...],
    *,
    has_aux: bool,
    **options: Any,
) -> Any:
    """``compute(backend, f, x)``, with `f` between leaves and `x` read from ``point["x"]``.

    Where the backend compiles every call, `operation` is prepared for ``{"x": x}``, or ``{"x": x, "u": u}``, instead.
    """
    backend = resolve(f, backend, point["x"])
    if backend.eager() is not backend:
        return compiled_call(operation, f, backend, point, args, has_aux=has_aux, **options)
    with backend.scope():
        x = Tree.read(backend, point["x"], "x")
        return compute(backend, LeafwiseFunction(f, x, args, has_aux=has_aux), x)
