"""Small models over any array namespace, the batch last, with fixed weights."""

from __future__ import annotations

from typing import Any

import numpy as np


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    """Normal numbers, the same ones at every call."""
    return np.random.default_rng(seed).standard_normal(shape)


def complex_numbers(*shape: int, seed: int = 0) -> np.ndarray:
    """Normal numbers with imaginary parts."""
    return numbers(*shape, seed=seed) + 1j * numbers(*shape, seed=seed + 100)


def weights(*shape: int, seed: int = 0) -> np.ndarray:
    """Normal numbers of moderate size."""
    return numbers(*shape, seed=seed) / np.sqrt(shape[-1])


def like(xp: Any, constant: Any, x: Any) -> Any:
    """A constant in the framework and precision of `x`, which NumPy may make complex for a complex step."""
    return xp.asarray(constant, dtype=x.dtype)


def gelu(xp: Any, x: Any) -> Any:
    """The tanh form."""
    return 0.5 * x * (1.0 + xp.tanh(0.7978845608028654 * (x + 0.044715 * x**3)))


def dense(xp: Any, x: Any, outputs: int, *, seed: int = 0) -> Any:
    """An affine layer on x of shape (N, B)."""
    return like(xp, weights(outputs, x.shape[0], seed=seed), x) @ x + like(xp, weights(outputs, 1, seed=seed + 1), x)


def convolve(xp: Any, x: Any, outputs: int, *, seed: int = 0) -> Any:
    """A 3 by 3 convolution of x of shape (H, W, C, B), padded with zeros to the same size."""
    return convolve_with(xp, like(xp, weights(3, 3, outputs, x.shape[2], seed=seed) / 3.0, x), x)


def convolve_with(xp: Any, kernel: Any, x: Any) -> Any:
    """The same with a kernel of shape (3, 3, outputs, C)."""
    height, width, channels, batch = x.shape
    side = xp.zeros((height, 1, channels, batch), dtype=x.dtype)
    wide = xp.concat([side, x, side], axis=1)
    edge = xp.zeros((1, width + 2, channels, batch), dtype=x.dtype)
    padded = xp.concat([edge, wide, edge], axis=0)
    total: Any = 0.0
    for i in range(3):
        for j in range(3):
            total = total + kernel[i, j] @ padded[i : i + height, j : j + width, :, :]
    return total


def perceptron(xp: Any, x: Any) -> Any:
    """Dense N to 4, gelu, dense 4 to 2."""
    return dense(xp, gelu(xp, dense(xp, x, 4)), 2, seed=5)


def image_network(xp: Any, x: Any) -> Any:
    """Convolutions 2 to 4 and 4 to 2 with gelu, flattened, dense 18 to 2."""
    hidden = gelu(xp, convolve(xp, gelu(xp, convolve(xp, x, 4)), 2, seed=3))
    return dense(xp, xp.reshape(hidden, (-1, x.shape[-1])), 2, seed=7)
