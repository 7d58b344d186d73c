"""Each product from the other, if the framework lacks a rule for one of them."""

from __future__ import annotations

from typing import Any, Literal

from adhelpers.engine.missing_rules import Function, Lack
from adhelpers.engine.repeated import require_same_values
from adhelpers.engine.seeds import RealBasis
from adhelpers.engine.sweeps import Sweep
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.functions import Leaves, Pullback
from adhelpers.trees.leaves import copies, is_complex, zeros_like


def jvp(backend: ADBackend, f: Function, x: Leaves, u: Leaves) -> tuple[Leaves, Leaves, Leaves]:
    """`ADBackend.jvp`, or the same from two VJPs."""
    if not x:
        outputs, aux = (copies(backend, leaves) for leaves in f())
        return outputs, zeros_like(backend, outputs), aux
    try:
        return backend.jvp(f, x, u)
    except Exception as error:
        lack = Lack.told_by(error, backend, "forward rule", "two vector-Jacobian products", allowed=backend.fallback)
        if lack is None:
            raise

    def from_two_vjps() -> tuple[Leaves, Leaves, Leaves]:
        outputs, pullback, aux = backend.vjp(f, x)
        pushforward = transposed(backend, pullback, outputs)
        return outputs, pushforward(u), aux

    return lack.replaced_by(f, from_two_vjps)


def vjp(backend: ADBackend, f: Function, x: Leaves) -> tuple[Leaves, Pullback, Leaves]:
    """`ADBackend.vjp`, or the same from a sweep of JVPs."""
    if not x:
        outputs, aux = (copies(backend, leaves) for leaves in f())
        return outputs, lambda cotangents: (), aux

    def lack_told_by(error: Exception) -> Lack | None:
        way = "a sweep of Jacobian-vector products"
        return Lack.told_by(error, backend, "reverse rule", way, allowed=backend.fallback)

    def pullback(cotangents: Leaves) -> Leaves:
        try:
            return native_pullback(cotangents)
        except Exception as error:  # some frameworks notice a missing rule only here
            lack = lack_told_by(error)
            if lack is None:
                raise
        return lack.replaced_by(f, lambda: rerun()(cotangents))

    def rerun() -> Pullback:
        values, pulled, _ = vjp_from_jvps(backend, f, x)
        require_same_values(backend, x, outputs, values)
        return pulled

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
    """`vjp`, by the given mode."""
    if mode == "reverse" or not x:
        return vjp(backend, f, x)
    try:
        return vjp_from_jvps(backend, f, x)
    except Exception as error:
        lack = Lack.told_by(error, backend, "forward rule", "a vector-Jacobian product", allowed=backend.fallback)
        if lack is None:
            raise
    outputs, native_pullback, aux = lack.replaced_by(f, lambda: backend.vjp(f, x))

    def pullback(cotangents: Leaves) -> Leaves:
        return lack.met(lambda: native_pullback(cotangents))  # a rule may be missing here too

    return outputs, pullback, aux


def transposed(backend: ADBackend, linear: Pullback, like: Leaves) -> Pullback:
    """The transpose of a linear map of vectors shaped as `like`: a pushforward from a pullback, or the reverse.

    The point does not matter, because the map is linear. It is ones, because at zero some frameworks' rules divide zero
    by zero. Without a reverse mode, the map is applied to the whole real basis.
    """
    if not backend.has_reverse:
        units = ([part[0, ...] for part in block] for block in RealBasis(backend, like).blocks(1))
        columns = [tuple([part[None, ...] for part in linear(tuple(unit))]) for unit in units]
        return _paired_with(backend, columns, like)
    ones = tuple(backend.array_namespace(leaf).ones_like(leaf) for leaf in like)
    _, transpose, _ = backend.vjp(lambda *vectors: (linear(vectors), ()), ones)
    return transpose


def vjp_from_jvps(backend: ADBackend, f: Function, x: Leaves) -> tuple[Leaves, Pullback, Leaves]:
    """Push the whole real basis of `x` forward; the pullback pairs a cotangent with each column.

    The cotangent v of a complex leaf follows from the pairing of `ADBackend.vjp`: Re(v) pairs with e, -Im(v) with ie.
    """
    swept = Sweep(backend, f, x, RealBasis).forward()
    return swept.outputs, _paired_with(backend, swept.results.blocks, x), swept.aux


def _paired_with(backend: ADBackend, columns: list[Leaves], x: Leaves) -> Pullback:
    """The transpose of the map from the real basis of `x` to these columns."""
    segments = RealBasis(backend, x).segments()

    def pullback(cotangents: Leaves) -> Leaves:
        if not cotangents or not columns:
            return zeros_like(backend, x)
        pairs = [_pair(backend, cotangents, block) for block in columns]
        # Not that of a leaf, because only the columns may be tracers, from the closure of f.
        xp = backend.array_namespace(*pairs)
        flat, offset = pairs[0] if len(pairs) == 1 else xp.concat(pairs), 0
        pulled: list[Any] = [None] * len(x)
        for leaf, size, unit in segments:
            part = flat[offset : offset + size]
            pulled[leaf] = part if unit == 1.0 else backend.to_complex(pulled[leaf], -part)
            offset += size
        return tuple(
            [xp.astype(xp.reshape(part, leaf.shape), leaf.dtype) for part, leaf in zip(pulled, x, strict=True)]
        )

    return pullback


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
