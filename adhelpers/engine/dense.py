"""A whole Jacobian, leaf by leaf, and its trace."""

from __future__ import annotations

from math import prod
from typing import Literal

from adhelpers.engine.missing_rules import Function
from adhelpers.engine.results import Results, Swept
from adhelpers.engine.sweeps import Check, Sweep
from adhelpers.errors import DTypeError
from adhelpers.plugins.containers import describe
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.formulations import Mode
from adhelpers.plugins.functions import Array, Leaves
from adhelpers.trees.leaves import is_complex

Blocks = list[list[Array]]
"""A row for each leaf of ``f(x)``; it has a block of shape ``y.shape + x.shape`` for each leaf of `x`."""


def jacobian(
    backend: ADBackend,
    f: Function,
    x: Leaves,
    mode: Mode | Literal["auto"],
    chunk_size: int | None = None,
    *,
    check: Check = True,
    holomorphic: bool = False,
) -> tuple[Leaves, Blocks, Leaves]:
    """``(outputs, blocks, aux)``."""

    def accept(outputs: Leaves) -> None:
        for y in outputs:
            if not is_complex(backend, y):
                msg = (
                    f"holomorphic=True needs a complex f(x), but f(x) has {describe(y)} of dtype {y.dtype}; "
                    "use jacobian_vector_product or vector_jacobian_product"
                )
                raise DTypeError(msg)

    sweep = Sweep(
        backend,
        f,
        x,
        accept=accept if holomorphic else None,
        chunk_size=chunk_size,
        holomorphic=holomorphic,
        check=check,
    )
    swept = sweep.evaluate(mode)
    blocks = _from_columns(backend, swept, x) if swept.forward else _from_rows(backend, swept, x)
    return swept.outputs, blocks, swept.aux


def trace(
    backend: ADBackend, f: Function, x: Leaves, mode: Mode, chunk_size: int | None = None, *, check: Check = True
) -> tuple[Leaves, Array | None]:
    """``(aux, trace of J)`` for outputs shaped as `x`; None if `x` has no elements."""
    swept = Sweep(backend, f, x, receive=Trace, chunk_size=chunk_size, check=check).evaluate(mode)
    assert isinstance(swept.results, Trace)
    return swept.aux, swept.results.total


class Trace(Results):
    """The sum of the diagonal entries, without the rest of J."""

    total: Array | None = None

    def take(self, block: Leaves, results: Leaves) -> None:
        """Add the entries where the vectors are not zero."""
        for unit, column in zip(block, results, strict=True):
            xp = self.backend.array_namespace(column)
            # Pick the entries, because a product with zero would turn infinite entries elsewhere into NaN.
            part = xp.sum(xp.where(unit != 0, column, xp.zeros_like(column)))
            self.total = part if self.total is None else self.total + part


def _from_columns(backend: ADBackend, swept: Swept, x: Leaves) -> Blocks:
    blocks = []
    for y, columns in zip(swept.outputs, swept.results.stacks(swept.outputs), strict=True):
        xp = backend.array_namespace(columns)
        row = []
        for leaf, part in zip(x, _split(columns, x), strict=True):
            block = xp.reshape(part, (*leaf.shape, *y.shape))
            inner, outer = range(len(leaf.shape)), range(len(leaf.shape), len(leaf.shape) + len(y.shape))
            row.append(_owned(xp.permute_dims(block, (*outer, *inner)), alone=len(x) == 1))
        blocks.append(row)
    return blocks


def _from_rows(backend: ADBackend, swept: Swept, x: Leaves) -> Blocks:
    outputs = swept.outputs
    real = swept.results.stacks(x)
    imaginary = None if swept.imaginary is None else swept.imaginary.stacks(x)
    blocks: Blocks = [[] for _ in outputs]
    for j, leaf in enumerate(x):
        parts = _split(real[j], outputs)
        others = parts if imaginary is None else _split(imaginary[j], outputs)
        for i, (y, part) in enumerate(zip(outputs, parts, strict=True)):
            if imaginary is not None and is_complex(backend, y):
                part = backend.to_complex(part, others[i])
            xp = backend.array_namespace(part)
            part = xp.reshape(part, (*y.shape, *leaf.shape))
            part = part if part.dtype == y.dtype else xp.astype(part, y.dtype)
            blocks[i].append(_owned(part, alone=len(outputs) == 1))
    return blocks


def _owned(block: Array, *, alone: bool) -> Array:
    """A block in its own memory, because blocks cut from one stack share it."""
    return block if alone else block + 0


def _split(stack: Array, leaves: Leaves) -> list[Array]:
    """The parts of a stack for each leaf."""
    if len(leaves) == 1:
        return [stack]
    parts, offset = [], 0
    for leaf in leaves:
        size = prod(leaf.shape)
        parts.append(stack[offset : offset + size, ...])
        offset += size
    return parts
