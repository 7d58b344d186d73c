"""The contenders of adhelpers: one-shot calls, prepared ones, and ones that a user compiles."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import adhelpers
from benchmarks.contest import Contender
from benchmarks.native import Native, call

PRODUCTS = {"jvp": adhelpers.jacobian_vector_product, "vjp": adhelpers.vector_jacobian_product}
JACOBIAN = adhelpers.batched_jacobian
Function = Callable[[Any], Any]
Operation = Callable[..., Any]

PREPARE: Callable[..., Operation] | None = getattr(adhelpers, "prepare", None)
"""None where this version of adhelpers cannot prepare."""


def products(native: Native, operation: str, f: Function, x: Any, u: Any) -> list[Contender]:
    """A one-shot product; and a prepared one, unless it is compiled and has its own contest."""
    op = PRODUCTS[operation]
    made = [_contender(native, "ours", _one_shot(op, native, f), x, u)]
    return made if native.compiled else [*made, *_prepared(native, "ours, prepared", op, f, x, u)]


def compiled_products(native: Native, operation: str, f: Function, x: Any, u: Any) -> list[Contender]:
    """A prepared product, and one that the user compiles."""
    op = PRODUCTS[operation]
    return [
        *_prepared(native, "ours, prepared", op, f, x, u),
        _contender(native, "ours, jitted", _jitted(op, native, f), x, u),
    ]


def jacobians(native: Native, f: Function, x: Any) -> list[Contender]:
    """Batched Jacobians as in `products`, also without the check for mixing, and in each mode."""
    made = [
        _contender(native, "ours", _one_shot(JACOBIAN, native, f), x),
        _contender(native, "ours, unchecked", _one_shot(JACOBIAN, native, f, check=False), x),
        _contender(native, "ours, forward", _one_shot(JACOBIAN, native, f, mode="forward"), x),
        _contender(native, "ours, reverse", _one_shot(JACOBIAN, native, f, mode="reverse"), x),
    ]
    return made if native.compiled else [*made, *_prepared(native, "ours, prepared", JACOBIAN, f, x)]


def compiled_jacobians(native: Native, f: Function, x: Any) -> list[Contender]:
    """A prepared batched Jacobian in every mode, and one that the user compiles."""
    return [
        *_prepared(native, "ours, prepared", JACOBIAN, f, x),
        *_prepared(native, "ours, forward", JACOBIAN, f, x, mode="forward"),
        *_prepared(native, "ours, reverse", JACOBIAN, f, x, mode="reverse"),
        _contender(native, "ours, jitted", _jitted(JACOBIAN, native, f), x),
    ]


def _contender(native: Native, name: str, make: Callable[[], Operation], *args: Any) -> Contender:
    return Contender(name, "ours", call(native.finish, make, *args))


def _prepared(
    native: Native, name: str, operation: Operation, f: Function, *args: Any, **options: Any
) -> list[Contender]:
    """None where this version of adhelpers cannot prepare."""
    if PREPARE is None:
        return []
    return [_contender(native, name, partial(PREPARE, operation, f, native.backend, *args, **options), *args)]


def _one_shot(operation: Operation, native: Native, f: Function, **options: Any) -> Callable[[], Operation]:
    backend = native.backend
    return lambda: lambda x, *u: operation(f, backend, x, *u, **options)


def _jitted(operation: Operation, native: Native, f: Function) -> Callable[[], Operation]:
    assert native.jit is not None
    return partial(native.jit, _one_shot(operation, native, f)())
