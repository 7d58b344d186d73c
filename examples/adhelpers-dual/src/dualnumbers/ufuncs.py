"""The partial derivatives of NumPy's elementwise functions.

``PARTIALS[ufunc][k](dx, out, *args)`` is the change of the result `out` for the change `dx` of argument k. It is a
real-linear map of `dx`: for a holomorphic function, the complex derivative times `dx`. Functions that are linear in
each argument are in `functions.MULTILINEAR`, decisions in `functions.CONSTANT`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

Array = Any
Partial = Callable[..., Array]


def _flat(dx: Array, out: Array, *args: Array) -> Array:
    return 0


def _power_base(dx: Array, out: Array, x: Array, y: Array) -> Array:
    # For x**0 the formula would give 0 * x**-1, which is nan at 0.
    harmless = np.where(np.equal(y, 0) & np.equal(x, 0), 1, x)
    return y * np.power(harmless, y - 1) * dx


def _power_exponent(dy: Array, out: Array, x: Array, y: Array) -> Array:
    return out * np.log(np.where(np.equal(x, 0), 1, x)) * dy


def _absolute(dx: Array, out: Array, x: Array) -> Array:
    return np.real(np.conj(np.sign(x)) * dx)


def _sign(dx: Array, out: Array, x: Array) -> Array:
    # x / |x| turns with the part of dx that is perpendicular to x; real numbers have no such part.
    if not np.issubdtype(out.dtype, np.complexfloating):
        return 0
    radius = np.abs(x)
    return np.where(np.equal(radius, 0), 0, dx - out * np.real(np.conj(out) * dx)) / np.where(radius == 0, 1, radius)


def _extremum(dx: Array, out: Array, x: Array, y: Array) -> Array:
    # For the minimum too. Where both are equal, half of the change: the mean of both sides.
    return np.where(np.equal(x, y), dx / 2, np.where(np.equal(x, out), dx, 0))


PARTIALS: dict[np.ufunc, tuple[Partial, ...]] = {
    # arithmetic
    np.add: (lambda dx, out, x, y: dx, lambda dy, out, x, y: dy),
    np.subtract: (lambda dx, out, x, y: dx, lambda dy, out, x, y: -dy),
    np.divide: (lambda dx, out, x, y: dx / y, lambda dy, out, x, y: -out / y * dy),
    np.remainder: (lambda dx, out, x, y: dx, lambda dy, out, x, y: -np.floor_divide(x, y) * dy),
    np.power: (_power_base, _power_exponent),
    np.square: (lambda dx, out, x: 2 * x * dx,),
    np.reciprocal: (lambda dx, out, x: -out * out * dx,),
    np.sqrt: (lambda dx, out, x: dx / (2 * out),),
    np.cbrt: (lambda dx, out, x: dx / (3 * out * out),),
    # exponentials and logarithms
    np.exp: (lambda dx, out, x: out * dx,),
    np.exp2: (lambda dx, out, x: out * math.log(2) * dx,),
    np.expm1: (lambda dx, out, x: np.exp(x) * dx,),
    np.log: (lambda dx, out, x: dx / x,),
    np.log2: (lambda dx, out, x: dx / (x * math.log(2)),),
    np.log10: (lambda dx, out, x: dx / (x * math.log(10)),),
    np.log1p: (lambda dx, out, x: dx / (1 + x),),
    np.logaddexp: (lambda dx, out, x, y: np.exp(x - out) * dx, lambda dy, out, x, y: np.exp(y - out) * dy),
    # trigonometric and hyperbolic functions; roots are split where branch cuts require it
    np.sin: (lambda dx, out, x: np.cos(x) * dx,),
    np.cos: (lambda dx, out, x: -np.sin(x) * dx,),
    np.tan: (lambda dx, out, x: (1 + out * out) * dx,),
    np.sinh: (lambda dx, out, x: np.cosh(x) * dx,),
    np.cosh: (lambda dx, out, x: np.sinh(x) * dx,),
    np.tanh: (lambda dx, out, x: (1 - out * out) * dx,),
    np.arcsin: (lambda dx, out, x: dx / (np.sqrt(1 - x) * np.sqrt(1 + x)),),
    np.arccos: (lambda dx, out, x: -dx / (np.sqrt(1 - x) * np.sqrt(1 + x)),),
    np.arctan: (lambda dx, out, x: dx / (1 + x * x),),
    np.arcsinh: (lambda dx, out, x: dx / np.sqrt(1 + x * x),),
    np.arccosh: (lambda dx, out, x: dx / (np.sqrt(x - 1) * np.sqrt(x + 1)),),
    np.arctanh: (lambda dx, out, x: dx / (1 - x * x),),
    np.arctan2: (
        lambda dy, out, y, x: x / (x * x + y * y) * dy,
        lambda dx, out, y, x: -y / (x * x + y * y) * dx,
    ),
    np.hypot: (lambda dx, out, x, y: x / out * dx, lambda dy, out, x, y: y / out * dy),
    # corners and jumps
    np.absolute: (_absolute,),
    np.sign: (_sign,),
    np.maximum: (_extremum, lambda dy, out, x, y: _extremum(dy, out, y, x)),
    np.minimum: (_extremum, lambda dy, out, x, y: _extremum(dy, out, y, x)),
    np.floor: (_flat,),
    np.ceil: (_flat,),
    np.trunc: (_flat,),
    np.rint: (_flat,),
    np.floor_divide: (_flat, _flat),
}
