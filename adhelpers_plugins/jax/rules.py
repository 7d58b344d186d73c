"""Functions with derivative rules of the user's, in JAX.

`jax.custom_jvp` says what the tangent is: one primitive, linear in the tangents of `x`. Forward mode evaluates it by the
rule's `jvp`, and where JAX transposes it, the same primitive stands with `jvp` and `vjp` exchanged. So neither is taken
apart in order to transpose it, and each may compute whatever it likes.

Whatever arrays a function of the rule closes over become operands as soon as JAX traces, for then a derivative by them
shows, and is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from adhelpers.extend import ArgumentError, Array, Leaves, Rule
from adhelpers_plugins.jax.abstract import is_abstract
from adhelpers_plugins.jax.mending import mended

Flat = Callable[..., Leaves]


def apply_rule(rule: Rule, x: Leaves) -> Leaves:
    """``rule.call(*x)``, with the derivative of the rule."""
    call = rule.call if rule.host is None else partial(_by_host, rule)
    if not any(map(is_abstract, x)):
        try:
            y = _applied(rule, call, (), x)
        except jax.errors.UnexpectedTracerError:
            pass  # it closes over an array of an enclosing transformation
        else:
            if not any(map(is_abstract, y)):
                return y
    run, closed_over = _without_closure(rule, call, x)
    return _applied(rule, run, closed_over, x)


def _applied(rule: Rule, run: Flat, closed_over: Leaves, x: Leaves) -> Leaves:
    """``run(*closed_over, *x)``, with the derivative of the rule by `x`."""
    start, stop = len(closed_over), len(closed_over) + len(x) - rule.constants

    @jax.custom_jvp
    def call(*operands: Array) -> Leaves:
        return tuple(run(*operands))

    @partial(call.defjvp, symbolic_zeros=True)
    def jvp(operands: Leaves, tangents: Leaves) -> tuple[Leaves, Leaves]:
        if any(map(_varies, tangents[:start])):
            raise rule.closes_over()
        if any(map(_varies, tangents[stop:])):
            raise rule.constant_varies()
        u = tuple(map(_array, tangents[start:stop]))
        y = _on_values(run, operands, beside=u) or call(*operands)
        linear = _derivative(rule, closed_over, len(operands), len(y))
        return y, _product(linear, (*operands, *y, *u), tuple(map(jax.typeof, y)))

    outputs: Leaves = call(*closed_over, *x)
    return outputs


def _on_values(function: Flat, operands: Leaves, beside: Leaves = ()) -> Leaves | None:
    """What it gives where nothing is traced, for JAX takes long to find that out; or else None."""
    if any(isinstance(leaf, jax.core.Tracer) for leaf in (*operands, *beside)):
        return None
    outputs = tuple(function(*operands))
    return None if any(isinstance(leaf, jax.core.Tracer) for leaf in outputs) else outputs


def _varies(tangent: Any) -> bool:
    return not isinstance(tangent, (SymbolicZero, ad.Zero)) and tangent.dtype != jax.dtypes.float0


def _array(tangent: Any) -> Array:
    return jnp.zeros(tangent.shape, tangent.dtype) if isinstance(tangent, SymbolicZero) else tangent


def _by_host(rule: Rule, *x: Array) -> Leaves:
    """The call of a rule that needs values: at once if there are any, or else when the code runs."""
    if not any(isinstance(leaf, jax.core.Tracer) for leaf in x):
        return rule.call(*x)
    assert rule.host is not None and rule.shapes is not None
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


# -- what a function closes over ------------------------------------------------------------------------------------


def _without_closure(rule: Rule, function: Flat, operands: Leaves) -> tuple[Flat, Leaves]:
    """The function with what it closes over for first operands, and these."""
    try:
        traced = jax.make_jaxpr(lambda *operands: tuple(function(*operands)))(*operands)
    except jax.errors.UnexpectedTracerError as error:  # of a transformation that is over
        raise rule.closes_over() from error
    except jax.errors.JAXTypeError:  # it looks at values, as under vmap alone it may: if not, it fails again
        return function, ()
    return partial(_evaluated, traced.jaxpr, len(traced.consts)), tuple(traced.consts)


def _evaluated(jaxpr: Any, count: int, *operands: Array) -> Leaves:
    return tuple(jax.core.eval_jaxpr(jaxpr, operands[:count], *operands[count:]))


# -- the derivative, one linear primitive ---------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Linear:
    """A linear map of vectors at a point, and its transpose: functions ``(*point, *vectors)``."""

    rule: Rule
    push: Flat
    pull: Flat
    point: int
    """How many arrays a point is."""

    @property
    def transposed(self) -> _Linear:
        return _Linear(self.rule, self.pull, self.push, self.point)


def _derivative(rule: Rule, closed_over: Leaves, inputs: int, outputs: int) -> _Linear:
    """The derivative at ``(*closed_over, *x, *y)``.

    JAX may ask for it when the trace is over in which `call` was met. Then what the rule closes over stands for nothing,
    and the operand has taken its place.
    """
    start, point = len(closed_over), inputs + outputs

    def product(by: Callable[..., Leaves], *operands: Array) -> Leaves:
        given = (operands[start:inputs], operands[inputs:point], operands[point:])
        if not closed_over:
            return tuple(by(*given))
        traced = jax.make_jaxpr(lambda *given: tuple(by(*given)))(*given)
        now = {id(then): operand for then, operand in zip(closed_over, operands, strict=False)}
        consts = [now.get(id(const), const) for const in traced.consts]
        return tuple(jax.core.eval_jaxpr(traced.jaxpr, consts, *jax.tree.leaves(given)))

    return _Linear(rule, partial(product, rule.jvp), partial(product, rule.vjp), point)


def _product(linear: _Linear, operands: Leaves, avals: tuple[Any, ...]) -> Leaves:
    """``linear.push(*operands)``, for JAX to differentiate, transpose and batch."""
    outputs = _on_values(linear.push, operands)
    if outputs is not None:
        return outputs
    avals = tuple([aval.strip_weak_type() for aval in avals])
    if not any(map(is_abstract, operands[: linear.point])):
        try:
            return _bind(operands, linear, linear.push, 0, avals)
        except ArgumentError as error:
            if not isinstance(error.__cause__, jax.errors.UnexpectedTracerError):
                raise
    run, closed_over = _without_closure(linear.rule, linear.push, operands)
    return _bind((*closed_over, *operands), linear, run, len(closed_over), avals)


def _bind(operands: Leaves, linear: _Linear, run: Flat, closed_over: int, avals: tuple[Any, ...]) -> Leaves:
    """``run(*operands)``, which is ``linear.push`` of all but the first operands, which that closes over."""
    return tuple(_LINEAR.bind(*operands, linear=linear, run=run, closed_over=closed_over, avals=avals))


def _evaluate(*operands: Array, linear: _Linear, run: Flat, **_: Any) -> Leaves:
    try:
        return tuple(run(*operands))
    except jax.errors.UnexpectedTracerError as error:
        raise linear.rule.closes_over() from error


def _jvp(operands: Leaves, tangents: Leaves, **params: Any) -> tuple[Leaves, Leaves]:
    linear, run, closed_over = params["linear"], params["run"], params["closed_over"]
    if any(map(_varies, tangents[:closed_over])):
        raise linear.rule.closes_over()
    start = closed_over + linear.point
    moving = [i for i in range(start) if _varies(tangents[i])]
    terms: list[Leaves] = []
    if moving:

        def at(*moved: Array) -> tuple[Leaves, Leaves]:
            point = list(operands)
            for i, leaf in zip(moving, moved, strict=True):
                point[i] = leaf
            return tuple(run(*point)), ()

        x, u = tuple([operands[i] for i in moving]), tuple([tangents[i] for i in moving])
        terms.append(jax.jvp(mended(at), x, u, has_aux=True)[1])
    if any(map(_varies, tangents[start:])):
        terms.append(_bind((*operands[:start], *map(ad.instantiate_zeros, tangents[start:])), **params))
    return _bind(operands, **params), tuple([sum(parts[1:], parts[0]) for parts in zip(*terms, strict=True)])


def _transpose(cotangents: Leaves, *operands: Any, linear: _Linear, closed_over: int, **_: Any) -> list[Any]:
    start = closed_over + linear.point
    vectors = operands[start:]
    avals = tuple([leaf.aval if ad.is_undefined_primal(leaf) else jax.typeof(leaf) for leaf in vectors])
    point = operands[closed_over:start]
    pulled = _product(linear.transposed, (*point, *map(ad.instantiate_zeros, cotangents)), avals)
    wanted = [one if ad.is_undefined_primal(leaf) else None for one, leaf in zip(pulled, vectors, strict=True)]
    return [None] * start + wanted


def _batch(operands: Leaves, axes: tuple[Any, ...], **params: Any) -> tuple[Leaves, list[Any]]:
    linear, run, closed_over, avals = params["linear"], params["run"], params["closed_over"], params["avals"]
    if all(axis is None for axis in axes):
        return _bind(operands, **params), [None] * len(avals)
    size = next(leaf.shape[axis] for leaf, axis in zip(operands, axes, strict=True) if axis is not None)
    start = closed_over + linear.point
    vectors = [
        batching.bdim_at_front(leaf, axis, size) for leaf, axis in zip(operands[start:], axes[start:], strict=True)
    ]

    def batched(function: Flat, axes: tuple[Any, ...], count: int) -> Flat:
        return jax.vmap(function, in_axes=(*axes, *[0] * count), axis_size=size)

    point = axes[closed_over:start]
    stacked = _Linear(
        linear.rule,
        batched(linear.push, point, len(vectors)),
        batched(linear.pull, point, len(avals)),
        linear.point,
    )
    run = batched(run, axes[:start], len(vectors))
    avals = tuple([jax.core.ShapedArray((size, *aval.shape), aval.dtype) for aval in avals])
    return _bind((*operands[:start], *vectors), stacked, run, closed_over, avals), [0] * len(avals)


_LINEAR = Primitive("adhelpers_rule")
_LINEAR.multiple_results = True
_LINEAR.def_impl(_evaluate)
_LINEAR.def_abstract_eval(lambda *operands, avals, **_: avals)
ad.primitive_jvps[_LINEAR] = _jvp
ad.primitive_transposes[_LINEAR] = _transpose
batching.primitive_batchers[_LINEAR] = _batch
mlir.register_lowering(_LINEAR, mlir.lower_fun(_evaluate, multiple_results=True))
