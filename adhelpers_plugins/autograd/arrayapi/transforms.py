"""Fourier transforms.

A transform of many axes is one of each axis in turn, as it is in NumPy, and an array is cut or filled up to the
length of the transform before it. What is left is linear and square but for the halves of real transforms; its
transpose under the pairing Re(sum(a*b)) is another transform, with the same factor.
"""

from __future__ import annotations

from typing import Any

import array_api_compat.numpy as xnp
import autograd.numpy as anp
import numpy as np
from autograd.extend import defjvp, defvjp

from adhelpers.extend import ArgumentError
from adhelpers_plugins.autograd.arrayapi.manipulation import roll
from adhelpers_plugins.autograd.arrayapi.primitives import Array, is_complex, primitive, unless_traced
from adhelpers_plugins.autograd.arrayapi.statistics import Axes, from_front


def _dual(norm: Any) -> str:
    """The norm that gives a transform in the other direction the same factor."""
    others = {None: "forward", "backward": "forward", "forward": "backward", "ortho": "ortho"}
    if norm not in others:
        msg = f"norm is 'backward', 'forward' or 'ortho', not {norm!r}"
        raise ArgumentError(msg)
    return others[norm]


def _resize(x: Array, length: int, axis: int) -> Array:
    """Cut at the end of an axis, or filled up with zeros."""
    if length < 1:  # as the end of a slice it would cut all the same
        msg = f"a transform has at least one number, not {length}"
        raise ArgumentError(msg)
    missing = length - x.shape[axis]
    if missing <= 0:
        return x if missing == 0 else x[(slice(None),) * (axis % x.ndim) + (slice(length),)]
    shape = list(x.shape)
    shape[axis] = missing
    return anp.concatenate([x, np.zeros(shape, dtype=x.dtype)], axis=axis)


def _for(x: Array, cotangent: Array) -> Array:
    """A cotangent of `x`: real if it is."""
    return cotangent if is_complex(x) else anp.real(cotangent)


# -- along one axis, at its own length -------------------------------------------------------------------


@primitive
def _fft(x: Array, axis: int, norm: Any) -> Array:
    return np.fft.fft(x, axis=axis, norm=norm)


@primitive
def _ifft(x: Array, axis: int, norm: Any) -> Array:
    return np.fft.ifft(x, axis=axis, norm=norm)


@primitive
def _rfft(x: Array, axis: int, norm: Any) -> Array:
    return np.fft.rfft(x, axis=axis, norm=norm)


@primitive
def _irfft(x: Array, n: int, axis: int, norm: Any) -> Array:
    return np.fft.irfft(x, n, axis=axis, norm=norm)


def _pull_rfft(g: Array, x: Array, axis: int, norm: Any) -> Array:
    """The half of the transform that is not kept has no cotangent."""
    return anp.real(_fft(_resize(g, x.shape[axis], axis), axis, norm))


def _pull_irfft(g: Array, x: Array, n: int, axis: int, norm: Any) -> Array:
    """Numbers that stand for a conjugate pair count twice; only the real part of the others counts."""
    shape = [1] * g.ndim
    shape[axis] = -1
    index = np.arange(n // 2 + 1)
    count = np.where((index == 0) | (2 * index == n), 1, 2).astype(g.dtype).reshape(shape)
    return _for(x, count * anp.conj(_rfft(g, axis, _dual(norm))))


for _transform in (_fft, _ifft, _rfft, _irfft):
    defjvp(_transform, "same", argnums=(0,))
defvjp(_fft, lambda ans, x, axis, norm: lambda g: _for(x, _fft(g, axis, norm)), argnums=(0,))
defvjp(_ifft, lambda ans, x, axis, norm: lambda g: _for(x, _ifft(g, axis, norm)), argnums=(0,))
defvjp(_rfft, lambda ans, x, axis, norm: lambda g: _pull_rfft(g, x, axis, norm), argnums=(0,))
defvjp(_irfft, lambda ans, x, n, axis, norm: lambda g: _pull_irfft(g, x, n, axis, norm), argnums=(0,))


# -- the standard's functions ----------------------------------------------------------------------------


@unless_traced(xnp.fft.fft)
def fft(x: Array, /, *, n: int | None = None, axis: int = -1, norm: Any = "backward") -> Array:
    """The discrete Fourier transform."""
    return _fft(x if n is None else _resize(x, n, axis), axis, norm)


@unless_traced(xnp.fft.ifft)
def ifft(x: Array, /, *, n: int | None = None, axis: int = -1, norm: Any = "backward") -> Array:
    """The inverse transform."""
    return _ifft(x if n is None else _resize(x, n, axis), axis, norm)


@unless_traced(xnp.fft.fftn)
def fftn(x: Array, /, *, s: tuple[int, ...] | None = None, axes: Any = None, norm: Any = "backward") -> Array:
    """The transform along several axes."""
    for n, axis in reversed(_lengths(x, s, axes)):
        x = fft(x, n=n, axis=axis, norm=norm)
    return x


@unless_traced(xnp.fft.ifftn)
def ifftn(x: Array, /, *, s: tuple[int, ...] | None = None, axes: Any = None, norm: Any = "backward") -> Array:
    """The inverse transform along several axes."""
    for n, axis in reversed(_lengths(x, s, axes)):
        x = ifft(x, n=n, axis=axis, norm=norm)
    return x


@unless_traced(xnp.fft.rfft)
def rfft(x: Array, /, *, n: int | None = None, axis: int = -1, norm: Any = "backward") -> Array:
    """Half of the transform of real numbers, which determines the other half."""
    return _rfft(x if n is None else _resize(x, n, axis), axis, norm)


@unless_traced(xnp.fft.irfft)
def irfft(x: Array, /, *, n: int | None = None, axis: int = -1, norm: Any = "backward") -> Array:
    """Real numbers from half of their transform."""
    n = 2 * (x.shape[axis] - 1) if n is None else n
    return _irfft(_resize(x, n // 2 + 1, axis), n, axis, norm)


@unless_traced(xnp.fft.rfftn)
def rfftn(x: Array, /, *, s: tuple[int, ...] | None = None, axes: Any = None, norm: Any = "backward") -> Array:
    """Half of the transform of real numbers along several axes."""
    *others, (n, axis) = _lengths(x, s, axes)
    x = rfft(x, n=n, axis=axis, norm=norm)
    for n, axis in reversed(others):
        x = fft(x, n=n, axis=axis, norm=norm)
    return x


@unless_traced(xnp.fft.irfftn)
def irfftn(x: Array, /, *, s: tuple[int, ...] | None = None, axes: Any = None, norm: Any = "backward") -> Array:
    """Real numbers from half of their transform along several axes."""
    *others, (n, axis) = _lengths(x, s, axes)
    for other, along in others:
        x = ifft(x, n=other, axis=along, norm=norm)
    return irfft(x, n=None if s is None else n, axis=axis, norm=norm)


@unless_traced(xnp.fft.hfft)
def hfft(x: Array, /, *, n: int | None = None, axis: int = -1, norm: Any = "backward") -> Array:
    """The real transform of conjugate-symmetric numbers, given half of them."""
    return irfft(anp.conj(x), n=n, axis=axis, norm=_dual(norm))


@unless_traced(xnp.fft.ihfft)
def ihfft(x: Array, /, *, n: int | None = None, axis: int = -1, norm: Any = "backward") -> Array:
    """The inverse of `hfft`."""
    return anp.conj(rfft(x, n=n, axis=axis, norm=_dual(norm)))


@unless_traced(xnp.fft.fftshift)
def fftshift(x: Array, /, *, axes: Axes = None) -> Array:
    """Bring the zero frequency into the middle."""
    shifted = from_front(axes, x)
    return roll(x, tuple(x.shape[i] // 2 for i in shifted), axis=shifted)


@unless_traced(xnp.fft.ifftshift)
def ifftshift(x: Array, /, *, axes: Axes = None) -> Array:
    """Bring the zero frequency back to the front."""
    shifted = from_front(axes, x)
    return roll(x, tuple(-(x.shape[i] // 2) for i in shifted), axis=shifted)


def _lengths(x: Array, s: tuple[int, ...] | None, axes: Any) -> list[tuple[int | None, int]]:
    """The length of each transform, or None if none is given, and its axis; a length of -1 is the axis's own."""
    if axes is None:
        if s is not None:
            msg = f"lengths s={s} need axes; give axes too"
            raise ArgumentError(msg)
        axes = range(x.ndim)
    lengths = [None] * len(axes) if s is None else s
    if len(lengths) != len(axes):
        msg = f"there are {len(lengths)} lengths in s={s}, but {len(axes)} axes"
        raise ArgumentError(msg)
    return [(x.shape[axis] if n == -1 else n, axis) for n, axis in zip(lengths, axes, strict=True)]
