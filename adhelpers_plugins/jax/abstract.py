"""Forward mode while JAX traces values that are not known yet, as under ``jax.jit``.

In such a trace JAX notices only at compilation that a function with a custom VJP has no JVP, too late for this library
to fall back. A look at the trace shows it at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
from jax.extend.core import jaxpr_as_fun

from adhelpers.extend import Array, LeafFunction, Leaves, UnsupportedOperationError
from adhelpers_plugins.jax.names import concrete_or_error, subjaxprs

_UNRESOLVED = "custom_lin"
"""The primitive that stands for the missing JVP: it can be transposed, but neither evaluated nor compiled."""


def is_traced(leaf: Array) -> bool:
    """Whether `leaf` is a tracer."""
    return isinstance(leaf, jax.core.Tracer)


def is_abstract(leaf: Array) -> bool:
    """Whether `leaf` is a tracer whose value is not known."""
    if not isinstance(leaf, jax.core.Tracer):
        return False
    try:
        concrete_or_error(None, leaf)
    except jax.errors.JAXTypeError:
        return True
    return False


def abstract_jvp(f: LeafFunction, x: Leaves, u: Leaves) -> tuple[Leaves, Leaves, Leaves]:
    """``jax.jvp``, or `UnsupportedOperationError` if `f` uses a function with only a custom VJP."""

    def push(x: Leaves, u: Leaves) -> Any:
        return jax.jvp(f, x, u, has_aux=True)

    try:
        traced, shapes = jax.make_jaxpr(push, return_shape=True)(x, u)
    except jax.errors.JAXTypeError:
        # Under vmap alone, f may look at the values of what it closes over, but not while it is traced as here.
        return push(x, u)
    if any(equation.primitive.name == _UNRESOLVED for equation in _equations(traced.jaxpr)):
        msg = "can't apply forward-mode autodiff (jvp) to a custom_vjp function"
        raise UnsupportedOperationError(msg)
    return jax.tree_util.tree_structure(shapes).unflatten(jaxpr_as_fun(traced)(*x, *u))


def _equations(jaxpr: Any) -> Iterator[Any]:
    """Every equation of a trace, those of inner functions included."""
    yield from jaxpr.eqns
    for inner in subjaxprs(jaxpr):
        yield from _equations(inner)
