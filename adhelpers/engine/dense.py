"""A whole Jacobian, leaf by leaf: basis vectors of all leaves in a row, many at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod
from typing import Any, TypeVar

from adhelpers.engine import derived
from adhelpers.engine.records import FUNCTIONS, Record
from adhelpers.errors import DTypeError
from adhelpers.plugins.containers import describe
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.functions import Array, Leaves
from adhelpers.trees.leaves import is_complex, zeros_like

Blocks = list[list[Array]]
"""A row for each leaf of ``f(x)``, in it a block for each leaf of `x`, of shape ``y.shape + x.shape``."""
Result = tuple[Leaves, Blocks, Leaves]
"""``(outputs, blocks, aux)``."""


T = TypeVar("T")


@dataclass(slots=True)
class Dense:
    """One Jacobian to compute.

    Attributes
    ----------
    chunk_size
        How many vectors are pushed at once; None keeps a block within a memory budget.
    holomorphic
        Whether `x` and ``f(x)`` are complex, and `f` is complex-differentiable.
    """

    backend: ADBackend
    f: derived.Function
    x: Leaves
    chunk_size: int | None = None
    holomorphic: bool = False

    def evaluate(self, mode: str) -> Result:
        """In that mode, or in the other where the framework lacks rules for it."""
        if not self.x:
            outputs, aux = self.f()
            return outputs, [[] for _ in outputs], aux
        if mode != "auto":
            return self._in(mode, allowed=self.backend.fallback)
        if not self.backend.has_reverse:
            return self.forward()
        record = self._record()
        if record.output_size is not None:
            return self._in(self._mode_for(record.output_size), allowed=True)
        # Reverse mode's own evaluation tells how many outputs there are.
        return derived.either(
            self.backend, self.f, self._learn, self.forward, rule="reverse rule", way="a forward sweep", allowed=True
        )

    def _record(self) -> Record:
        """What is known of `f` at leaves of these shapes; nothing while tracing, for it is the tracer's."""
        if any(map(self.backend.is_traced, self.x)):
            return Record()
        shapes = tuple([(tuple(leaf.shape), str(leaf.dtype)) for leaf in self.x])
        return FUNCTIONS.record(self.f.function, ("dense", type(self.f), type(self.backend), shapes))

    def _mode_for(self, m: int) -> str:
        n = _size(self.x)
        sweeps = (way.mode for way in self.backend.formulations(n, m, 1) if way.way == "sweep")
        return next(sweeps)

    def _learn(self) -> Result:
        evaluated = self.backend.vjp(self.f, self.x)
        m = self._record().output_size = _size(evaluated[0])
        if self._mode_for(m) == "forward" and _size(self.x) < m:
            return self._in("forward", allowed=True)
        return self.reverse(evaluated)

    def _in(self, mode: str, *, allowed: bool) -> Result:
        return self._either(mode, self.forward, self.reverse, allowed=allowed)

    def _either(self, mode: str, forward: Callable[[], T], reverse: Callable[[], T], *, allowed: bool) -> T:
        """The sweep in that mode or, where the framework lacks rules for it, in the other one."""
        native, substitute = (forward, reverse) if mode == "forward" else (reverse, forward)
        way = "a sweep in the other mode"
        return derived.either(self.backend, self.f, native, substitute, rule=f"{mode} rule", way=way, allowed=allowed)

    def forward(self) -> Result:
        """A column for each element of `x`."""
        backend, x = self.backend, self.x
        chunks = []
        for tangents in self.units(x):
            outputs, pushed, aux = backend.jvp_sweep(self.f, x, tangents)
            chunks.append(pushed)
        if not chunks:  # no element of x
            outputs, _, aux = derived.jvp(backend, self.f, x, zeros_like(backend, x))
            chunks.append(tuple([self._stack(y, 0) for y in outputs]))
        self._require_complex(outputs)
        blocks = []
        for y, columns in zip(outputs, self._joined(chunks), strict=True):
            xp = backend.array_namespace(columns)
            row = []
            for leaf, part in zip(x, _split(columns, x), strict=True):
                block = xp.permute_dims(
                    xp.reshape(part, (*leaf.shape, *y.shape)),
                    (*range(len(leaf.shape), len(leaf.shape) + len(y.shape)), *range(len(leaf.shape))),
                )
                row.append(self._owned(block, alone=len(x) == 1))
            blocks.append(row)
        return outputs, blocks, aux

    def reverse(self, evaluated: tuple[Leaves, Any, Leaves] | None = None) -> Result:
        """A row for each element of ``f(x)``."""
        backend, x = self.backend, self.x
        outputs, pullback, aux = evaluated or backend.vjp(self.f, x)
        self._require_complex(outputs)
        real = self._pulled(outputs, lambda block: backend.vjp_sweep(pullback, block))
        imaginary: list[Leaves] = []
        if not self.holomorphic and any(is_complex(backend, y) for y in outputs):
            # Under the pairing Re(sum(a * b)) a real x receives Re(J) from the cotangent 1 and Im(J) from -i.
            imaginary = self._pulled(outputs, lambda block: backend.vjp_sweep(pullback, self._turned(block)))
        blocks: Blocks = [[] for _ in outputs]
        for j, leaf in enumerate(x):
            parts = _split(real[j], outputs)
            others = _split(imaginary[j], outputs) if imaginary else parts
            for i, (y, part) in enumerate(zip(outputs, parts, strict=True)):
                xp = backend.array_namespace(part)
                if imaginary and is_complex(backend, y):
                    part = part + 1j * others[i]
                part = xp.reshape(part, (*y.shape, *leaf.shape))
                part = part if part.dtype == y.dtype else xp.astype(part, y.dtype)
                blocks[i].append(self._owned(part, alone=len(outputs) == 1))
        return outputs, blocks, aux

    def trace(self, mode: str) -> tuple[Leaves, Array | None]:
        """``(aux, trace of J)``, J being that of leaves shaped as those of `x`; None if there is no element."""
        return self._either(
            mode, lambda: self._trace(forward=True), lambda: self._trace(forward=False), allowed=self.backend.fallback
        )

    def _trace(self, *, forward: bool) -> tuple[Leaves, Array | None]:
        backend, x = self.backend, self.x
        total, aux = None, None
        if not _size(x):
            _, _, aux = derived.jvp(backend, self.f, x, zeros_like(backend, x))
        elif not forward:
            _, pullback, aux = backend.vjp(self.f, x)
        for block in self.units(x):
            if forward:
                _, columns, aux = backend.jvp_sweep(self.f, x, block)
            else:
                columns = backend.vjp_sweep(pullback, block)
            for unit, column in zip(block, columns, strict=True):
                xp = backend.array_namespace(column)
                # Picked, for a product would make NaN of infinite entries that are none of the trace's.
                part = xp.sum(xp.where(unit != 0, column, xp.zeros_like(column)))
                total = part if total is None else total + part
        assert aux is not None
        return aux, total

    def _pulled(self, outputs: Leaves, pull: Callable[[Leaves], Leaves]) -> list[Array]:
        """For each leaf of `x` the rows of all outputs, stacked."""
        chunks = [pull(cotangents) for cotangents in self.units(outputs)]
        return self._joined(chunks or [tuple([self._stack(leaf, 0) for leaf in self.x])])

    def _turned(self, block: Leaves) -> Leaves:
        """The block times -i; real outputs, which have no imaginary part, get zeros."""
        return tuple([-1j * leaf if is_complex(self.backend, leaf) else 0 * leaf for leaf in block])

    def units(self, leaves: Leaves) -> Iterator[Leaves]:
        """The basis vectors of all `leaves`, in a row, as stacks of as many as are pushed at once."""
        backend = self.backend
        step = self.chunk_size or derived.chunk_length(
            sum(prod(leaf.shape) * derived.itemsize(backend, leaf) for leaf in leaves)
        )
        total = _size(leaves)
        for start in range(0, total, step):
            count = min(step, total - start)
            block, offset = [], 0
            for leaf in leaves:
                size = prod(leaf.shape)
                if start < offset + size and offset < start + count:
                    xp = backend.array_namespace(leaf)
                    eye = xp.eye(count, size, k=start - offset, dtype=leaf.dtype, device=backend.device(leaf))
                    block.append(xp.reshape(eye, (count, *leaf.shape)))
                else:
                    block.append(self._stack(leaf, count))
                offset += size
            yield tuple(block)

    def _stack(self, leaf: Array, count: int) -> Array:
        """Zeros for each of `count` vectors."""
        xp = self.backend.array_namespace(leaf)
        return xp.zeros((count, *leaf.shape), dtype=leaf.dtype, device=self.backend.device(leaf))

    def _joined(self, chunks: list[Leaves]) -> list[Array]:
        if len(chunks) == 1:
            return list(chunks[0])
        return [self.backend.array_namespace(*stacks).concat(stacks) for stacks in zip(*chunks, strict=True)]

    def _owned(self, block: Array, *, alone: bool) -> Array:
        """A block in memory of its own: those that were cut from one stack share it."""
        return block if alone else block + 0

    def _require_complex(self, outputs: Leaves) -> None:
        for y in outputs if self.holomorphic else ():
            if not is_complex(self.backend, y):
                msg = (
                    f"holomorphic=True needs a complex f(x), but it has {describe(y)} of dtype {y.dtype}; "
                    "use the two products"
                )
                raise DTypeError(msg)


def _size(leaves: Leaves) -> int:
    return sum(prod(leaf.shape) for leaf in leaves)


def _split(stack: Array, leaves: Leaves) -> list[Array]:
    """The parts of a stack that belong to each of the leaves."""
    if len(leaves) == 1:
        return [stack]
    parts, offset = [], 0
    for leaf in leaves:
        size = prod(leaf.shape)
        parts.append(stack[offset : offset + size, ...])
        offset += size
    return parts
