"""Functions with a user's derivative rule, in JAX: steps of one primitive.

The tangent of a call is a linear map, and a step too. Forward mode evaluates it by the rule's `jvp`; when JAX
transposes it, the two products change places. So no product is taken apart, and it may compute anything.
`jax.custom_jvp` would not do: JAX transposes its tangents line by line, and within ``lax.scan`` the second derivative
ignores that y depends on x.

Arrays that the functions of a rule close over become operands when JAX traces them, so a derivative by them shows.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from adhelpers.extend import ArgumentError, Array, Leaves, Rule
from adhelpers_plugins.jax.abstract import is_abstract
from adhelpers_plugins.jax.mending.mended import mended
from adhelpers_plugins.jax.names import register_over_devices, stacked, typeof

Flat = Callable[..., Leaves]
Product = Callable[[Leaves, Leaves], Leaves]
"""``(point, vector)``."""
Axes = tuple[int | None, ...]


def apply_rule(rule: Rule, x: Leaves) -> Leaves:
    """``rule.call(*x)``, with the derivative of the rule."""
    run: Flat = partial(_by_tracing if rule.host is None else _by_host, rule)

    def call(run: Flat, closed_over: Leaves, avals: tuple[Any, ...] | None) -> _Call:
        start, inputs = len(closed_over), len(closed_over) + len(x)
        then = tuple([weakref.ref(array) if _is_traced(array) else None for array in closed_over])
        push, pull = (partial(_product, by, inputs, then) for by in (rule.jvp, rule.vjp))
        return _Call(rule, run, push, pull, start, inputs - rule.constants, avals)

    outputs = _tried(call(run, (), None), x)
    if outputs is None:
        run, closed_over, avals = _without_closure(rule, run, x)
        outputs = call(run, closed_over, avals).bind((*closed_over, *x))
    return outputs


def _by_tracing(rule: Rule, *x: Array) -> Leaves:
    try:
        return rule.call(*x)
    except jax.errors.TracerArrayConversionError as error:
        raise rule.needs_values() from error


def _by_host(rule: Rule, *x: Array) -> Leaves:
    """The call of a rule that needs values: at once if there are any, or else when the code runs."""
    if not any(map(_is_traced, x)):
        return rule.call(*x)
    assert rule.host is not None
    assert rule.shapes is not None
    host, like = rule.host, jax.eval_shape(rule.shapes, *x)

    def on_values(*arrays: Any) -> Leaves:
        y = host(*map(np.array, arrays))  # copies, which it may write to
        for mine, its in zip(y, like, strict=True):
            if (mine.shape, mine.dtype) != (its.shape, its.dtype):
                msg = (
                    f"{rule.name} returned an array of shape {mine.shape} and dtype {mine.dtype}, but its shapes(x) "
                    f"say {its.shape} and {its.dtype}; they must agree"
                )
                raise ArgumentError(msg)
        return y

    outputs: Leaves = jax.pure_callback(on_values, like, *x, vmap_method="sequential")
    return outputs


def _is_traced(leaf: Array) -> bool:
    return isinstance(leaf, jax.core.Tracer)


def _array(operand: Any) -> Array:
    """Convert the arguments of a primitive: JAX also passes its own numbers, and NumPy's arrays."""
    return operand if isinstance(operand, jax.Array) else jnp.asarray(operand)


def _is_inexact(operand: Any) -> bool:
    return jnp.issubdtype(typeof(operand).dtype, jnp.inexact)


def _varies(tangent: Any) -> bool:
    return not isinstance(tangent, ad.Zero) and tangent.dtype != jax.dtypes.float0


# -- what a function closes over ------------------------------------------------------------------------------------


def _without_closure(rule: Rule, function: Flat, operands: Leaves) -> tuple[Flat, Leaves, tuple[Any, ...]]:
    """The function with what it closes over for first operands, these, and what it gives."""
    try:
        traced = jax.make_jaxpr(lambda *operands: tuple(function(*operands)))(*operands)
    except jax.errors.UnexpectedTracerError as error:  # of a transformation that is over
        raise rule.closes_over() from error
    if any(hasattr(array, "tangent") for array in traced.consts):  # JAX itself would tell when all is traced, or later
        raise rule.closes_over()
    jaxpr, count = traced.jaxpr, len(traced.consts)  # and not the constants: they are operands

    def run(*operands: Array) -> Leaves:
        return tuple(jax.core.eval_jaxpr(jaxpr, operands[:count], *operands[count:]))

    return run, tuple(traced.consts), tuple(traced.out_avals)


def _product(
    by: Callable[..., Leaves], inputs: int, closed_over: tuple[Any, ...], point: Leaves, vector: Leaves
) -> Leaves:
    """A product of the rule at ``(*closed_over, *x, *y)``.

    JAX may ask for it when the trace is over in which the function was called. Then what it closed over stands for
    nothing, and the operands have taken its place.
    """
    given = point[len(closed_over) : inputs], point[inputs:], vector
    if not any(closed_over):
        return tuple(by(*given))
    traced = jax.make_jaxpr(lambda *given: tuple(by(*given)))(*given)
    pairs = [(then(), now) for then, now in zip(closed_over, point, strict=False) if then]
    consts = [next((now for then, now in pairs if then is const), const) for const in traced.consts]
    return tuple(jax.core.eval_jaxpr(traced.jaxpr, consts, *jax.tree.leaves(given)))


# -- steps of the primitive -----------------------------------------------------------------------------------------


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
            return tuple(_STEP.bind(*operands, step=self))
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


class _Call(_Step):
    """The function itself, of ``(*closed_over, *x)``; of these it has a derivative by those before `stop`."""

    def jvp(self, operands: Leaves, tangents: Leaves) -> tuple[Leaves, Leaves]:
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
            derivative = _Derivative(self.rule, _flat(self.push, count), self.push, self.pull, 0, count, None)
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

    def batch(self, along: Any, axes: Axes) -> _Call:
        return replace(self, **self._batched(along, axes, axes, axes[self.start : self.stop]))


class _Derivative(_Step):
    """``push(point, vector)``, where the point is what stands before `stop`, without what it closes over."""

    def at(self, point: Leaves, vector: Leaves, avals: tuple[Any, ...]) -> Leaves:
        """The product, with results of these shapes and dtypes."""
        operands = tuple(map(_array, (*point, *vector)))
        outputs = _on_values(self.run, operands)
        if outputs is None and not any(map(is_abstract, point)):
            outputs = _tried(replace(self, avals=tuple([aval.strip_weak_type() for aval in avals])), operands)
        if outputs is not None:
            return outputs
        run, closed_over, avals = _without_closure(self.rule, self.run, operands)
        start = len(closed_over)
        return replace(self, run=run, start=start, stop=start + self.stop, avals=avals).bind((*closed_over, *operands))

    def jvp(self, operands: Leaves, tangents: Leaves) -> tuple[Leaves, Leaves]:
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
        point, vector = operands[self.start : self.stop], operands[self.stop :]
        avals = tuple([leaf.aval if ad.is_undefined_primal(leaf) else typeof(leaf) for leaf in vector])
        transposed = _Derivative(self.rule, _flat(self.pull, len(point)), self.pull, self.push, 0, len(point), None)
        pulled = transposed.at(point, tuple(map(ad.instantiate_zeros, cotangents)), avals)
        wanted = [u if ad.is_undefined_primal(leaf) else None for u, leaf in zip(pulled, vector, strict=True)]
        return [None] * self.stop + wanted

    def batch(self, along: Any, axes: Axes) -> _Derivative:
        return replace(self, **self._batched(along, axes, axes[self.start : self.stop], axes[self.stop :]))


class _StagedError(Exception):
    """A step became code, but what its function closes over was not looked at."""


def _tried(step: _Step, operands: Leaves) -> Leaves | None:
    """What the step gives, or None if JAX must see what it closes over."""
    try:
        return step.bind(operands)
    except _StagedError:
        return None
    except ArgumentError as error:
        if isinstance(error.__cause__, jax.errors.UnexpectedTracerError):
            return None
        raise


def _on_values(function: Flat, operands: Leaves, beside: Leaves = ()) -> Leaves | None:
    """What it gives where nothing is traced, for JAX takes long to find that out; or else None."""
    if any(map(_is_traced, (*operands, *beside))):
        return None
    try:
        outputs = tuple(function(*operands))
    except jax.errors.UnexpectedTracerError:  # it closes over one
        return None
    return None if any(map(_is_traced, outputs)) else outputs


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


# -- the primitive --------------------------------------------------------------------------------------------------


def _evaluate(*operands: Array, step: _Step) -> Leaves:
    return step.evaluate(*map(_array, operands))


def _shapes(*operands: Any, step: _Step) -> tuple[Any, ...]:
    if step.avals is None:
        raise _StagedError
    return step.avals


def _jvp(operands: Leaves, tangents: Leaves, *, step: Any) -> tuple[Leaves, Leaves]:
    outputs: tuple[Leaves, Leaves] = step.jvp(tuple(map(_array, operands)), tuple(tangents))
    return outputs


def _transpose(cotangents: Leaves, *operands: Any, step: Any) -> Any:
    return step.transpose(cotangents, operands)


def _batch(along: Any, operands: Leaves, axes: Axes, *, step: Any) -> tuple[Leaves, Axes]:
    """`along` is JAX's description of the axis: its size, and its names."""
    is_stacked = any(axis is not None for axis in axes)
    outputs = (step.batch(along, tuple(axes)) if is_stacked else step).bind(operands)
    return outputs, (0 if is_stacked else None,) * len(outputs)


_STEP = Primitive("adhelpers_rule")
_STEP.multiple_results = True
_STEP.def_impl(_evaluate)
_STEP.def_abstract_eval(_shapes)
ad.primitive_jvps[_STEP] = _jvp
ad.primitive_transposes[_STEP] = _transpose
batching.fancy_primitive_batchers[_STEP] = _batch
mlir.register_lowering(_STEP, mlir.lower_fun(_evaluate, multiple_results=True))
register_over_devices(_STEP)


def _linearize(residuals: tuple[Any, ...], is_vjp: bool, nonzeros: Any, *operands: Array, step: Any) -> Any:
    """What JAX would find from the JVP rule, by a trace that takes longer than many a function."""
    varies = [nonzero and _is_inexact(operand) for nonzero, operand in zip(nonzeros, operands, strict=True)]
    linear = step.linearize(tuple(map(_array, operands)), varies)
    if linear is None:
        return fallback_linearize_rule(_STEP, is_vjp, nonzeros, *operands, step=step)
    outputs, push = linear
    return outputs, [True] * len(outputs), *residuals, lambda *given: push(given[-len(operands) :])


def _takes(residuals: tuple[Any, ...]) -> bool:
    """Whether JAX takes a rule such as that above, with these residuals between the results and the linear map."""
    probe = Primitive("adhelpers_probe")
    probe.def_abstract_eval(lambda x: x)
    primitive_linearizations[probe] = lambda is_vjp, nonzeros, x: (x, True, *residuals, lambda *given: given[-1])
    try:
        jax.eval_shape(lambda x: jax.linearize(probe.bind, x)[1](x), jax.ShapeDtypeStruct((), np.float32))
    except (NotImplementedError, TypeError, ValueError):
        return False
    finally:
        del primitive_linearizations[probe]
    return True


try:
    from jax._src.interpreters.ad import fallback_linearize_rule, primitive_linearizations
except ImportError:
    pass
else:
    for _none in (((),), ((), None)):  # newer ones also know residuals that have a structure
        if _takes(_none):
            primitive_linearizations[_STEP] = partial(_linearize, _none)

try:
    from jax._src.util import weakref_cache_key_types
except ImportError:  # a cache of JAX's keeps the last 2048 steps alive, with what the user's functions hold
    pass
else:
    weakref_cache_key_types.update((_Call, _Derivative))
