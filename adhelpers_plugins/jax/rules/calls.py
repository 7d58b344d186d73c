"""Calls of a function with a rule, and their derivatives, as JAX sees them: steps of the primitive."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
from jax.interpreters import ad

from adhelpers.extend import ArgumentError, Array, Leaves, Rule
from adhelpers_plugins.jax.abstract import is_abstract, is_traced
from adhelpers_plugins.jax.mending.mended import mended
from adhelpers_plugins.jax.names import stacked, typeof
from adhelpers_plugins.jax.rules.closure import Flat, Product, without_closure
from adhelpers_plugins.jax.rules.primitive import STEP, Axes, StagedError, array_of, weakref_cache_key_types


@dataclass(frozen=True, eq=False)
class _Step:
    """A function of the rule, as JAX sees it: opaque, with its own rules."""

    rule: Rule
    run: Flat
    """``run(*operands)``, the first of which it closes over."""
    push: Product
    pull: Product
    start: int
    """How many these are."""
    stop: int
    avals: tuple[Any, ...] | None
    """What it gives; if that is not known, it cannot be staged."""

    def bind(self, operands: Leaves) -> Leaves:
        try:
            return tuple(STEP.bind(*operands, step=self))
        except jax.errors.UnexpectedTracerError as error:  # an operand, of the transformation that asks for a product
            raise self.rule.closes_over() from error

    def evaluate(self, *operands: Array) -> Leaves:
        try:
            return tuple(self.run(*operands))
        except jax.errors.UnexpectedTracerError as error:
            raise self.rule.closes_over() from error

    def _batched(self, along: Any, axes: Axes, point: Axes, vector: Axes) -> dict[str, Any]:
        """What a step of the same kind has whose operands are stacked on these axes, and its results in front."""
        avals = self.avals and tuple([stacked(aval, along) for aval in self.avals])
        push, pull = self.push, self.pull
        vmap = partial(jax.vmap, axis_size=along.size, axis_name=along.name, spmd_axis_name=along.spmd_name)

        def pushed(at: Leaves, u: Leaves) -> Leaves:
            return tuple(vmap(push, in_axes=(_in_front(point, at), vector))(at, u))

        def pulled(at: Leaves, v: Leaves) -> Leaves:
            towards = tuple([axis or 0 for axis in vector])
            stacks = vmap(pull, in_axes=(_in_front(point, at), 0), out_axes=towards)(at, v)
            return tuple([u.sum(0) if axis is None else u for u, axis in zip(stacks, vector, strict=True)])

        return {"run": vmap(self.run, in_axes=axes), "push": pushed, "pull": pulled, "avals": avals}


class Call(_Step):
    """The function itself, of ``(*closed_over, *x)``; of these it has a derivative by those before `stop`."""

    def jvp(self, operands: Leaves, tangents: Leaves) -> tuple[Leaves, Leaves]:
        """The result, and its tangent, which is a step too."""
        y, push = self.linearize(operands, list(map(_varies, tangents)), beside=tangents)
        return y, push(tangents)

    def linearize(self, operands: Leaves, varies: list[bool], beside: Leaves = ()) -> tuple[Leaves, Flat]:
        """The result, and a function that pushes tangents; it may be traced if the arrays `beside` are."""
        if any(varies[: self.start]):
            raise self.rule.closes_over()
        if any(varies[self.stop :]):
            raise self.rule.constant_varies()
        y = _on_values(self.run, operands, beside) or self.bind(operands)
        count = len(operands) + len(y)

        def push(tangents: Leaves) -> Leaves:
            derivative = Derivative(self.rule, _flat(self.push, count), self.push, self.pull, 0, count, None)
            u = tuple(map(ad.instantiate_zeros, tangents[self.start : self.stop]))
            return derivative.at((*operands, *y), u, tuple(map(typeof, y)))

        return y, push

    def transpose(self, cotangents: Leaves, operands: tuple[Any, ...]) -> list[Any]:
        """Transpose line by line, as a linear function: there is no point for a product."""
        unknown = [i for i, operand in enumerate(operands) if ad.is_undefined_primal(operand)]

        def of_unknown(*moved: Array) -> Leaves:
            return self.evaluate(*_replaced(operands, unknown, moved))

        transposed = jax.linear_transpose(of_unknown, *[operands[i].aval for i in unknown])
        pulled = transposed(tuple(map(ad.instantiate_zeros, cotangents)))
        return list(_replaced([None] * len(operands), unknown, pulled))

    def batch(self, along: Any, axes: Axes) -> Call:
        """The call of a stack of operands."""
        return replace(self, **self._batched(along, axes, axes, axes[self.start : self.stop]))


class Derivative(_Step):
    """``push(point, vector)``, where the point is what stands before `stop`, without what it closes over."""

    def at(self, point: Leaves, vector: Leaves, avals: tuple[Any, ...]) -> Leaves:
        """The product, with results of these shapes and dtypes."""
        operands = tuple(map(array_of, (*point, *vector)))
        outputs = _on_values(self.run, operands)
        if outputs is None and not any(map(is_abstract, point)):
            outputs = tried(replace(self, avals=tuple([aval.strip_weak_type() for aval in avals])), operands)
        if outputs is not None:
            return outputs
        run, closed_over, avals = without_closure(self.rule, self.run, operands)
        start = len(closed_over)
        return replace(self, run=run, start=start, stop=start + self.stop, avals=avals).bind((*closed_over, *operands))

    def jvp(self, operands: Leaves, tangents: Leaves) -> tuple[Leaves, Leaves]:
        """The product, and its tangent: a product too if the point is fixed, and else as the rule is written."""
        if any(map(_varies, tangents[: self.start])):
            raise self.rule.closes_over()
        moving = [i for i, tangent in enumerate(tangents) if _varies(tangent)]
        if all(i >= self.stop for i in moving):
            return self.bind(operands), self.pushed(operands, tangents)

        def at(*moved: Array) -> tuple[Leaves, Leaves]:
            return self.evaluate(*_replaced(operands, moving, moved)), ()

        x, u = (tuple([leaves[i] for i in moving]) for leaves in (operands, tangents))
        outputs, moved, _ = jax.jvp(mended(at), x, u, has_aux=True)
        return outputs, moved

    def pushed(self, operands: Leaves, tangents: Leaves) -> Leaves:
        """The product at a fixed point, which is linear, so that JAX may transpose it."""
        return self.bind((*operands[: self.stop], *map(ad.instantiate_zeros, tangents[self.stop :])))

    def linearize(self, operands: Leaves, varies: list[bool]) -> tuple[Leaves, Flat] | None:
        """As for a call, if the point is fixed; otherwise None."""
        return None if any(varies[: self.stop]) else (self.bind(operands), partial(self.pushed, operands))

    def transpose(self, cotangents: Leaves, operands: tuple[Any, ...]) -> list[Any]:
        """The other product of the rule."""
        point, vector = operands[self.start : self.stop], operands[self.stop :]
        avals = tuple([leaf.aval if ad.is_undefined_primal(leaf) else typeof(leaf) for leaf in vector])
        transposed = Derivative(self.rule, _flat(self.pull, len(point)), self.pull, self.push, 0, len(point), None)
        pulled = transposed.at(point, tuple(map(ad.instantiate_zeros, cotangents)), avals)
        wanted = [u if ad.is_undefined_primal(leaf) else None for u, leaf in zip(pulled, vector, strict=True)]
        return [None] * self.stop + wanted

    def batch(self, along: Any, axes: Axes) -> Derivative:
        """The product of a stack of operands."""
        return replace(self, **self._batched(along, axes, axes[self.start : self.stop], axes[self.stop :]))


def tried(step: _Step, operands: Leaves) -> Leaves | None:
    """What the step gives, or None if JAX must see what it closes over."""
    try:
        return step.bind(operands)
    except StagedError:
        return None
    except ArgumentError as error:
        if isinstance(error.__cause__, jax.errors.UnexpectedTracerError):
            return None
        raise


def _on_values(function: Flat, operands: Leaves, beside: Leaves = ()) -> Leaves | None:
    """What it gives where nothing is traced, for JAX takes long to find that out; or else None."""
    if any(map(is_traced, (*operands, *beside))):
        return None
    try:
        outputs = tuple(function(*operands))
    except jax.errors.UnexpectedTracerError:  # it closes over one
        return None
    return None if any(map(is_traced, outputs)) else outputs


def _varies(tangent: Any) -> bool:
    return not isinstance(tangent, ad.Zero) and tangent.dtype != jax.dtypes.float0


def _flat(product: Product, point: int) -> Flat:
    return lambda *operands: product(operands[:point], operands[point:])


def _replaced(leaves: Any, places: list[int], by: Any) -> Leaves:
    replaced = list(leaves)
    for i, leaf in zip(places, by, strict=True):
        replaced[i] = leaf
    return tuple(replaced)


def _in_front(axes: Axes, leaves: Leaves) -> Axes:
    """These axes, and the first of whatever leaves come after."""
    return (*axes, *[0] * (len(leaves) - len(axes)))


weakref_cache_key_types.update((Call, Derivative))
