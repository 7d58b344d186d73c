"""Products along axes: the rules divide by no factor, so that one of them may be zero."""

from __future__ import annotations

from typing import Any

import array_api_compat.numpy as xnp
import autograd.numpy as anp
import numpy as np
from autograd.extend import defjvp, defvjp

from adhelpers_plugins.autograd.arrayapi.datatypes import astype
from adhelpers_plugins.autograd.arrayapi.primitives import Array, primitive, unless_traced
from adhelpers_plugins.autograd.arrayapi.statistics import Axes, from_front, only_axis


@primitive
def _cumulate(x: Array) -> Array:
    """Running products along the last axis."""
    return np.cumprod(x, axis=-1)


def _shift(x: Array, steps: int, filling: float) -> Array:
    """Move along the last axis, towards its end."""
    return anp.concatenate([np.full((*x.shape[:-1], steps), filling, dtype=x.dtype), x[..., :-steps]], axis=-1)


def _recur(factors: Array, terms: Array) -> Array:
    """The solution of ``y[k] = factors[k] * y[k-1] + terms[k]`` with nothing before the first.

    Spans of one, two, four ... steps are put together (Hillis & Steele 1986, doi:10.1145/7902.7903).
    """
    steps = 1
    while steps < terms.shape[-1]:
        terms = terms + factors * _shift(terms, steps, 0.0)
        factors = factors * _shift(factors, steps, 1.0)
        steps *= 2
    return terms


def _before(x: Array) -> Array:
    """The product of all elements before each one."""
    return _cumulate(_shift(x, 1, 1.0)) if x.shape[-1] else x


def _back(x: Array) -> Array:
    return x[..., ::-1]


def _push_cumulate(g: Array, ans: Array, x: Array) -> Array:
    return _recur(x, g * _before(x)) if x.shape[-1] else g


def _pull_cumulate(ans: Array, x: Array) -> Any:
    if not x.shape[-1]:
        return lambda g: g
    return lambda g: _before(x) * _back(_recur(_shift(_back(x), 1, 0.0), _back(g)))


defjvp(_cumulate, _push_cumulate)
defvjp(_cumulate, _pull_cumulate)


@primitive
def _multiply(x: Array) -> Array:
    """Product along the last axis."""
    return np.prod(x, axis=-1)


def _others(x: Array) -> Array:
    """The product of all other elements, for each one."""
    return _before(x) * _back(_before(_back(x)))


defjvp(_multiply, lambda g, ans, x: anp.sum(g * _others(x), axis=-1))
defvjp(_multiply, lambda ans, x: lambda g: g[..., None] * _others(x))


@unless_traced(xnp.cumulative_prod)
def cumulative_prod(x: Array, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Array:
    """Running products along an axis."""
    axis = only_axis(axis, x, "cumulative_prod")
    last = anp.moveaxis(x if dtype is None else astype(x, dtype), axis, -1)
    products = _cumulate(last)
    if include_initial:
        products = anp.concatenate([np.ones((*last.shape[:-1], 1), dtype=last.dtype), products], axis=-1)
    return anp.moveaxis(products, -1, axis)


@unless_traced(xnp.prod)
def prod(x: Array, /, *, axis: Axes = None, dtype: Any = None, keepdims: bool = False) -> Array:
    """The product along axes."""
    x = x if dtype is None else astype(x, dtype)
    gone = from_front(axis, x)
    kept = tuple(i for i in range(x.ndim) if i not in gone)
    rows = anp.transpose(x, kept + gone)
    size = int(np.prod([x.shape[i] for i in gone], dtype=int))
    products = _multiply(anp.reshape(rows, (*(x.shape[i] for i in kept), size)))
    return anp.reshape(products, tuple(1 if i in gone else n for i, n in enumerate(x.shape))) if keepdims else products
