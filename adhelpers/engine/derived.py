"""What core derives when a framework lacks a rule: each product from the other.

A backend without a mode is nothing special: it is one for which every function lacks the rule.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any, Literal, Protocol, TypeVar

from adhelpers.engine.records import FUNCTIONS
from adhelpers.errors import UnsupportedOperationError
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.functions import Array, LeafFunction, Leaves, Pullback
from adhelpers.trees.leaves import is_complex, zeros_like

SWEEP_BYTES = 64 * 2**20
"""Basis vectors that are pushed at once take about this much memory at most."""

T = TypeVar("T")


class Function(Protocol):
    """What is differentiated: the user's function between leaves, or a derivative of it."""

    function: Callable[..., Any]
    """The user's, whose missing rules are logged once."""

    def __call__(self, *leaves: Any) -> tuple[Leaves, Leaves]:
        """``(outputs, aux)``."""


def jvp(backend: ADBackend, f: Function, x: Leaves, u: Leaves) -> tuple[Leaves, Leaves, Leaves]:
    """`ADBackend.jvp`, or the same from two VJPs."""
    if not x:
        outputs, aux = f()
        return outputs, zeros_like(backend, outputs), aux
    try:
        return backend.jvp(f, x, u)
    except Exception as error:
        lack = Lack.told_by(error, backend, "forward rule", "two vector-Jacobian products", allowed=backend.fallback)
        if lack is None:
            raise

    def from_two_vjps() -> tuple[Leaves, Leaves, Leaves]:
        outputs, pullback, aux = backend.vjp(f, x)
        pushforward = _transpose(backend, pullback, outputs)
        return outputs, pushforward(u), aux

    return lack.replaced_by(f, from_two_vjps)


def vjp(backend: ADBackend, f: Function, x: Leaves) -> tuple[Leaves, Pullback, Leaves]:
    """`ADBackend.vjp`, or the same from a sweep of JVPs."""
    if not x:
        outputs, aux = f()
        return outputs, lambda cotangents: (), aux

    def lack_told_by(error: Exception) -> Lack | None:
        way = "a sweep of Jacobian-vector products"
        return Lack.told_by(error, backend, "reverse rule", way, allowed=backend.fallback)

    def pullback(cotangents: Leaves) -> Leaves:
        try:
            return native_pullback(cotangents)
        except Exception as error:  # some frameworks notice only here that a rule is missing
            lack = lack_told_by(error)
            if lack is None:
                raise
        return lack.replaced_by(f, lambda: vjp_from_jvps(backend, f, x)[1](cotangents))

    try:
        outputs, native_pullback, aux = backend.vjp(f, x)
    except Exception as error:
        lack = lack_told_by(error)
        if lack is None:
            raise
    else:
        return outputs, pullback, aux
    outputs, native_pullback, aux = lack.replaced_by(f, lambda: vjp_from_jvps(backend, f, x))
    return outputs, pullback, aux


def vjp_by(
    mode: Literal["forward", "reverse"], backend: ADBackend, f: Function, x: Leaves
) -> tuple[Leaves, Pullback, Leaves]:
    """`vjp`, by whichever mode is asked for."""
    if mode == "reverse" or not x:
        return vjp(backend, f, x)
    return either(
        backend,
        f,
        lambda: vjp_from_jvps(backend, f, x),
        lambda: backend.vjp(f, x),
        rule="forward rule",
        way="a vector-Jacobian product",
        allowed=backend.fallback,
    )


def either(
    backend: ADBackend,
    f: Function,
    native: Callable[[], T],
    substitute: Callable[[], T],
    *,
    rule: str,
    way: str,
    allowed: bool,
) -> T:
    """The native way or, if the framework says that it lacks a rule and it is allowed, the substitute."""
    try:
        return native()
    except Exception as error:
        lack = Lack.told_by(error, backend, rule, way, allowed=allowed)
        if lack is None:
            raise
    return lack.replaced_by(f, substitute)


@dataclass(frozen=True, slots=True)
class Lack:
    """A rule that a framework lacks, and what can stand in for it."""

    backend: ADBackend
    rule: str
    way: str
    words: str
    """The framework's own; its error is not kept, for the traceback holds `f` and `x`."""

    @classmethod
    def told_by(cls, error: Exception, backend: ADBackend, rule: str, way: str, *, allowed: bool) -> Lack | None:
        """The lack that `error` tells of, if it does; it is an error itself where nothing may stand in."""
        if not _is_missing_rule(backend, error):
            return None
        if not allowed:
            msg = (
                f"backend {backend.name!r} lacks a {rule} ({error}); "
                f"with fallback=True the result would come from {way}"
            )
            raise UnsupportedOperationError(msg) from error
        return cls(backend, rule, way, str(error))

    def replaced_by(self, f: Function, substitute: Callable[[], T]) -> T:
        """What stands in, which is logged once for each function."""
        name, rule, way = self.backend.name, self.rule, self.way
        record = FUNCTIONS.record(f.function, (name, rule))
        if not record.fallback_logged:
            import logging  # slow, and seldom needed

            record.fallback_logged = True
            message = "backend %r lacks a %s (%s); using %s"
            logging.getLogger("adhelpers").info(message, name, rule, self.words, way)
        try:
            return substitute()
        except Exception as error:
            if not _is_missing_rule(self.backend, error):
                raise
            msg = (
                f"backend {name!r} lacks a {rule} ({self.words}), and {way} cannot stand in ({error}); "
                "write f with other primitives, give the primitive a rule in its framework, "
                "or use the backend 'finite-difference'"
            )
            raise UnsupportedOperationError(msg) from error


def _is_missing_rule(backend: ADBackend, error: Exception) -> bool:
    """Whether the framework says so, or core did, for a backend's missing mode or inside a nested operation."""
    return isinstance(error, UnsupportedOperationError) or backend.is_missing_rule(error)


def _transpose(backend: ADBackend, pullback: Pullback, outputs: Leaves) -> Callable[[Leaves], Leaves]:
    """The pushforward, as the transpose of a pullback, which is linear and so may be taken anywhere.

    It is taken at ones: at zero some frameworks' own rules divide zero by zero.
    """
    ones = tuple(backend.array_namespace(y).ones_like(y) for y in outputs)
    _, pushforward, _ = backend.vjp(lambda *cotangents: (pullback(cotangents), ()), ones)
    return pushforward


def vjp_from_jvps(backend: ADBackend, f: LeafFunction, x: Leaves) -> tuple[Leaves, Pullback, Leaves]:
    """Push the whole real basis of `x` forward; a cotangent then meets each column.

    For complex leaves the basis is e and ie, and the cotangent v of a leaf follows from the pairing of
    `ADBackend.vjp`: Re(v) pairs with e, -Im(v) with ie.
    """
    seen: list[tuple[Leaves, Leaves]] = []
    columns = [
        [_columns(backend, f, x, i, unit, seen) for unit in ((1.0, 1.0j) if is_complex(backend, leaf) else (1.0,))]
        for i, leaf in enumerate(x)
    ]
    if not seen:  # no element of x to push forward
        outputs, _, aux = backend.jvp(f, x, zeros_like(backend, x))
    else:
        outputs, aux = seen[0]

    def pullback(cotangents: Leaves) -> Leaves:
        if not cotangents:
            return zeros_like(backend, x)
        pulled: list[Array] = []
        for leaf, parts in zip(x, columns, strict=True):
            if prod(leaf.shape) == 0:
                pulled += zeros_like(backend, (leaf,))
                continue
            pairs = [[_pair(backend, cotangents, chunk) for chunk in chunks] for chunks in parts]
            # Not that of the leaf: what f closes over may have made tracers of the columns alone.
            xp = backend.array_namespace(*(pair for chunks in pairs for pair in chunks))
            real = [xp.concat(chunks) for chunks in pairs]
            flat = real[0] if len(real) == 1 else real[0] - 1j * real[1]
            pulled.append(xp.astype(xp.reshape(flat, leaf.shape), leaf.dtype))
        return tuple(pulled)

    return outputs, pullback, aux


def _columns(
    backend: ADBackend, f: LeafFunction, x: Leaves, i: int, unit: complex, seen: list[tuple[Leaves, Leaves]]
) -> list[Leaves]:
    """The Jacobian's columns for the elements of leaf `i`, stacked, chunk by chunk; `seen` gets ``f(x)`` and aux."""
    chunks = []
    size = prod(x[i].shape)
    step = chunk_length(sum(prod(leaf.shape) * itemsize(backend, leaf) for leaf in x))
    for start in range(0, size, step):
        count = min(step, size - start)
        tangents = []
        for j, leaf in enumerate(x):
            xp = backend.array_namespace(leaf)
            shape = (count, *leaf.shape)
            if j == i:
                block = xp.eye(count, size, k=start, dtype=leaf.dtype, device=backend.device(leaf))
                tangents.append(xp.reshape(block * unit if unit != 1.0 else block, shape))
            else:
                tangents.append(xp.zeros(shape, dtype=leaf.dtype, device=backend.device(leaf)))
        outputs, pushed, aux = backend.jvp_sweep(f, x, tuple(tangents))
        if not seen:
            seen.append((outputs, aux))
        chunks.append(pushed)
    return chunks


def _pair(backend: ADBackend, cotangents: Leaves, tangents: Leaves) -> Any:
    """Re(sum(cotangent * tangent)) for each tangent of a stack."""
    total: Any = 0.0
    for cotangent, stack in zip(cotangents, tangents, strict=True):
        xp = backend.array_namespace(cotangent, stack)
        product = xp.reshape(cotangent * stack, (stack.shape[0], -1))
        if is_complex(backend, product):
            product = xp.real(product)
        total = total + xp.sum(product, axis=1)
    return total


def itemsize(backend: ADBackend, leaf: Any) -> int:
    """The bytes of one element; backends differ in whether an array tells them, so the dtype does."""
    xp = backend.array_namespace(leaf)
    bits = int(xp.finfo(leaf.dtype).bits)
    return bits // 4 if is_complex(backend, leaf) else bits // 8


def chunk_length(vector_bytes: int) -> int:
    """How many vectors of that size `SWEEP_BYTES` holds, at least one."""
    return max(1, SWEEP_BYTES // max(1, vector_bytes))
