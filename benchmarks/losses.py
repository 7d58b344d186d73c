"""Functions that give one number, with exact gradients written by hand over NumPy: for second derivatives.

Each takes one point or, the batch last, many of them. A complex step through the gradient gives the Hessian.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.cells import Array

Function = Callable[..., Any]
STEP = 1e-30


def rosenbrock(xp: Any, x: Array) -> Array:
    """The banana valley, with a tridiagonal Hessian."""
    return xp.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2, axis=0)


def rosenbrock_gradient(x: np.ndarray) -> np.ndarray:
    """By hand."""
    gradient = np.zeros_like(x)
    offset = x[1:] - x[:-1] ** 2
    gradient[:-1] = -400.0 * x[:-1] * offset - 2.0 * (1.0 - x[:-1])
    gradient[1:] += 200.0 * offset
    return gradient


def network(xp: Any, x: Array, first: Array, second: Array) -> Array:
    """The squared output of two dense layers, with a full Hessian."""
    return xp.sum(xp.tanh(second @ xp.tanh(first @ x)) ** 2, axis=0)


def network_gradient(x: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """By hand."""
    hidden = np.tanh(first @ x)
    output = np.tanh(second @ hidden)
    return first.T @ ((1.0 - hidden**2) * (second.T @ ((1.0 - output**2) * 2.0 * output)))


@dataclass(frozen=True)
class Loss:
    """A function of N numbers, or of a batch of such points.

    Attributes
    ----------
    weights
        The shapes of the function's further arguments.
    batch
        0 for a single point.
    """

    name: str
    function: Function
    gradient: Callable[..., np.ndarray]
    n: int
    weights: tuple[tuple[int, int], ...] = ()
    batch: int = 0

    def bind(self, xp: Any, asarray: Callable[[np.ndarray], Array]) -> Callable[[Array], Array]:
        """``f(x)`` over a framework's namespace."""
        function, weights = self.function, tuple(map(asarray, self._weights()))

        def f(x: Array) -> Array:
            return function(xp, x, *weights)

        return f

    def _weights(self) -> list[np.ndarray]:
        random = np.random.default_rng(1)
        return [random.standard_normal(shape) / np.sqrt(shape[-1]) for shape in self.weights]

    def point(self) -> np.ndarray:
        """Where to differentiate."""
        return np.random.default_rng(2).standard_normal((self.n, self.batch) if self.batch else self.n)

    def direction(self) -> np.ndarray:
        """The vector by which the Hessian is multiplied."""
        return np.random.default_rng(3).standard_normal(self.n)

    @functools.cache  # noqa: B019  # every framework is held to it, and losses live as long as the process
    def reference(self, operation: str) -> np.ndarray:
        """The gradient, the Hessian's product with the direction, or the Hessian; a batch axis is the last."""
        x = self.point()
        if operation == "gradient":
            return self.gradient(x, *self._weights())
        if operation == "hessian_vector_product":
            return self._pushed(self.direction())
        columns = [self._pushed(unit.reshape(-1, *(1,) * (x.ndim - 1))) for unit in np.eye(self.n)]
        return np.stack(columns, axis=1)

    def _pushed(self, u: np.ndarray) -> np.ndarray:
        return np.asarray(self.gradient(self.point() + 1j * STEP * u, *self._weights()).imag / STEP)


def _network(n: int, batch: int = 0) -> Loss:
    where = f", B={batch}" if batch else ""
    return Loss(f"network, N={n}{where}", network, network_gradient, n, ((32, n), (32, 32)), batch)


def _rosenbrock(n: int, batch: int = 0) -> Loss:
    where = f", B={batch}" if batch else ""
    return Loss(f"Rosenbrock, N={n}{where}", rosenbrock, rosenbrock_gradient, n, (), batch)


VECTORS = (_rosenbrock(4), _network(64), _rosenbrock(10_000), _network(10_000))
"""For gradients and products, from small to large."""

MATRICES = (_rosenbrock(4), _network(64), _rosenbrock(256), _network(256))
"""For Hessians."""

BATCHES = (_rosenbrock(4, 16), _network(16, 256), _rosenbrock(16, 256))
"""For batched Hessians."""
