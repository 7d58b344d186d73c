"""A forward sweep: seed the arguments, run the function once, take its results apart."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dualnumbers.dual import Array, Dual, is_inexact, level, shaped

# Taking the next number is atomic, and there is no other state: threads and nested sweeps need no care.
_TAGS = itertools.count(1)


def jvp(f: Callable[..., Any], x: Sequence[Array], u: Sequence[Array], *, has_aux: bool = False) -> tuple[Any, ...]:
    """Push the tangents `u` forward through `f` at `x`.

    Parameters
    ----------
    f
        Called once, as ``f(*x)``; it returns a tuple of arrays, or with `has_aux` a pair of such tuples. It may work
        in place on its arguments: they are copies.
    x
        Floating or complex arrays.
    u
        A tangent for each of them, of the same shape.
    has_aux
        Whether `f` also returns arrays that are not differentiated.

    Returns
    -------
    outputs, tangents
        Tuples of arrays in their own memory; with `has_aux` the auxiliary arrays come third.

    Examples
    --------
    >>> import numpy as np
    >>> jvp(lambda x: (x * x, np.ones(1)), [np.asarray(3.0)], [np.asarray(1.0)])
    ((array(9.), array([1.])), (array(6.), array([0.])))
    """
    tag = next(_TAGS)
    results = f(*(_seed(primal, tangent, tag) for primal, tangent in zip(x, u, strict=True)))
    outputs, aux = results if has_aux else (results, ())
    primals = tuple(_primal(output, tag) for output in outputs)
    tangents = tuple(_tangent(output, tag) for output in outputs)
    return (primals, tangents, tuple(_primal(leaf, tag) for leaf in aux)) if has_aux else (primals, tangents)


def _seed(primal: Array, tangent: Array, tag: int) -> Dual:
    if np.shape(primal) != np.shape(tangent) or not is_inexact(primal):
        msg = f"needs a floating or complex array and a tangent of its shape, got {primal!r} and {tangent!r}"
        raise TypeError(msg)
    primal = np.copy(primal)
    return Dual(primal, shaped(tangent, primal), tag)


def _primal(output: Array, tag: int) -> Array:
    if level(output) > tag:
        msg = "f returned a variable that an inner derivative has leaked, in a closure for example"
        raise ValueError(msg)
    return np.copy(output.primal if level(output) == tag else output)


def _tangent(output: Array, tag: int) -> Array:
    return np.copy(output.tangent) if level(output) == tag else np.zeros(np.shape(output), np.result_type(output))
