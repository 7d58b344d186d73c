"""The functions of the problems, over any array namespace.

They use the operators of arrays and few names of the namespace, so that a small framework can run
them: sin, cos, exp, log, sqrt, tanh, abs, real, imag, conj, where, max, sum, mean, reshape, permute_dims, concat,
stack, broadcast_to, asarray, zeros.
"""
# ruff: noqa: D103  # the one line of a function shows what it computes

from __future__ import annotations

from collections import OrderedDict
from typing import Any, NamedTuple

from adhelpers.testing.models import dense, gelu, like, numbers

# -- functions of one real array ------------------------------------------------------------------------


def square_of_modulus(xp: Any, x: Any) -> Any:
    return xp.abs(x) ** 2


def identity(xp: Any, x: Any) -> Any:
    return x


def total(xp: Any, x: Any) -> Any:
    return xp.sum(x)


def sine(xp: Any, x: Any) -> Any:
    return xp.sin(x)


def scalar_to_vector(xp: Any, x: Any) -> Any:
    return xp.stack([xp.sin(x), 2.0 * xp.sin(x)])


def quartic_times_sextic(xp: Any, x: Any) -> Any:
    return xp.sum(x**4) * xp.sum(x**6)


def sine_and_cosine(xp: Any, x: Any) -> Any:
    flat = xp.reshape(x, (-1,))
    return xp.concat([xp.sin(flat), xp.cos(flat)])


def squared_differences(xp: Any, x: Any) -> Any:
    return (x[1:] - x[:-1]) ** 2


def cubed_differences(xp: Any, x: Any) -> Any:
    return (x[1:] - x[:-1]) ** 3


def elementary(xp: Any, x: Any) -> Any:
    return xp.exp(-x) * xp.sin(3.0 * x) + xp.sqrt(1.0 + x**2) / (2.0 + xp.cos(x)) - xp.log(2.0 + x**2) + xp.tanh(x)


def rapid(xp: Any, x: Any) -> Any:
    return xp.sin(7.0 * x)


def reused(xp: Any, x: Any) -> Any:
    y = x * x
    return y * x + y / (1.0 + y) - x


def wide_product(xp: Any, x: Any) -> Any:
    """Two numbers to five: a transposed Jacobian does not fit."""
    return like(xp, numbers(5, 2), x) @ xp.sin(x)


def square_product(xp: Any, x: Any) -> Any:
    """Three numbers to three by a matrix that is not symmetric: a transposed Jacobian fits, and is wrong."""
    return like(xp, numbers(3, 3, seed=1), x) @ xp.sin(x)


def quadratic_form(xp: Any, x: Any) -> Any:
    return xp.sum(x * (like(xp, numbers(4, 4), x) @ x))


def reductions(xp: Any, x: Any) -> Any:
    centred = x - xp.mean(x, axis=1, keepdims=True)
    return xp.sum(centred**3, axis=0) / (1.0 + xp.mean(centred**2))


def largest(xp: Any, x: Any) -> Any:
    return xp.max(x, axis=0) * xp.sum(x)


def selected(xp: Any, x: Any) -> Any:
    return xp.where(x > 0.0, x**2, xp.sin(3.0 * x))


def branching(xp: Any, x: Any) -> Any:
    return xp.exp(x) if bool(xp.sum(x) > 0.0) else x**2


def indexed(xp: Any, x: Any) -> Any:
    return x[1:, ::2] * x[0, 1:3] + x[..., -1:][1:] ** 2 - x[:2, 0:1]


def rearranged(xp: Any, x: Any) -> Any:
    turned = xp.permute_dims(xp.reshape(x, (2, 3, 2)), (2, 0, 1))
    return xp.concat([xp.reshape(turned, (4, 3)) ** 2, xp.broadcast_to(xp.sin(turned[0, 0]), (2, 3))])


# -- structures -----------------------------------------------------------------------------------------


def structured(xp: Any, x: Any) -> Any:
    return {"functor": x["functor"]["a"] * x["functor"]["b"], "tup": x["tup"][0] * x["tup"][1]}


def two_branches(xp: Any, x: Any) -> Any:
    return gelu(xp, dense(xp, x, 3)), dense(xp, x, 4, seed=3) ** 2


def leaves_of_one_shape(xp: Any, x: Any) -> Any:
    """Inputs and outputs that differ only in their values: swapping them changes no structure."""
    return {"z": x["b"] * xp.sin(x["a"]), "a": x["b"] ** 2 - x["a"]}


def outer_product(xp: Any, x: Any) -> Any:
    """Broadcasting, whose transpose is a sum."""
    return x[0] * xp.sin(x[1]) + x[2]


def sines(xp: Any, x: Any) -> Any:
    return {key: xp.sin(3.0 * leaf) for key, leaf in x.items()}


def tiny_sines(xp: Any, x: Any) -> Any:
    return {key: float(f"1{key}") * xp.sin(3.0 * leaf) for key, leaf in x.items()}


def squares(xp: Any, x: Any) -> Any:
    return {key: leaf**2 for key, leaf in x.items()}


def logarithms(xp: Any, x: Any) -> Any:
    return {key: xp.log(leaf) for key, leaf in x.items()}


class Pair(NamedTuple):
    """A container with names."""

    first: Any
    second: Any


def containers(xp: Any, x: Any) -> Any:
    for node, kind in ((x, dict), (x["list"], list), (x["pair"], Pair), (x["ordered"], OrderedDict)):
        if type(node) is not kind:
            msg = f"f was given {node!r} where x has a {kind.__name__}"
            raise TypeError(msg)
    if x["nothing"] is not None or x["empty"] != ():
        msg = f"f was given {x!r}, but x['nothing'] is None and x['empty'] is ()"
        raise TypeError(msg)
    first, (second, third) = x["list"][0], x["pair"]
    ordered = x["ordered"]["w"] * x["ordered"]["v"]
    return OrderedDict(b=Pair(first * second, [third**2]), a=(ordered, None, {}))


# -- complex numbers --------------------------------------------------------------------------------------

MATRIX = numbers(2, 3) + 1j * numbers(2, 3, seed=1)


def holomorphic_square(xp: Any, z: Any) -> Any:
    return z**2


def cubic(xp: Any, z: Any) -> Any:
    return z**2 * xp.conj(z)


def modulus(xp: Any, z: Any) -> Any:
    return z * xp.conj(z)


def real_and_imaginary(xp: Any, z: Any) -> Any:
    return xp.real(z) ** 2 * xp.imag(z)


def conjugate(xp: Any, z: Any) -> Any:
    return xp.conj(z)


def rotation(xp: Any, x: Any) -> Any:
    return xp.exp((0.5 - 2.0j) * x)


def complex_matrix(xp: Any, z: Any) -> Any:
    return xp.asarray(MATRIX, dtype=z.dtype) @ z


def mixed(xp: Any, x: Any) -> Any:
    return x["z"] * x["r"]
