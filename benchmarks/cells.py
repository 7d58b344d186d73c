"""The problems: functions ``f(xp, x, *weights)`` of any framework's namespace, with shapes and exact derivatives.

Code by hand and adhelpers differentiate the same function object, over the framework's own namespace.
Derivatives are complex steps over NumPy, exact to rounding.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

Array = Any
Function = Callable[..., Any]
Shape = tuple[int, ...]


def product_of_sine(xp: Any, x: Array) -> Array:
    """Elementwise."""
    return xp.sin(x) * x


def layer(xp: Any, x: Array, weight: Array) -> Array:
    """One dense layer."""
    return xp.tanh(weight @ x)


def perceptron(xp: Any, x: Array, first: Array, second: Array, third: Array) -> Array:
    """Three dense layers."""
    return third @ xp.tanh(second @ xp.tanh(first @ x))


def pendulum(xp: Any, x: Array) -> Array:
    """A damped pendulum's velocity."""
    return xp.stack([x[1], -xp.sin(x[0]) - 0.1 * x[1]])


def lorenz(xp: Any, x: Array) -> Array:
    """Lorenz's system."""
    return xp.stack([10.0 * (x[1] - x[0]), x[0] * (28.0 - x[2]) - x[1], x[0] * x[1] - 8.0 / 3.0 * x[2]])


def picture_classifier(xp: Any, x: Array, first: Array, second: Array) -> Array:
    """Pictures, flattened, through two dense layers."""
    return second @ xp.tanh(first @ xp.reshape(x, (-1, x.shape[-1])))


@dataclass(frozen=True)
class Problem:
    """A function with a point and directions.

    Attributes
    ----------
    inputs, outputs
        Shapes of `x` and ``f(x)``, for a `Cell` those of one batch element.
    weights
        The shapes of the function's further arguments.
    """

    name: str
    function: Function
    inputs: Shape
    outputs: Shape
    weights: tuple[Shape, ...] = ()

    def bind(self, xp: Any, asarray: Callable[[np.ndarray], Array]) -> Callable[[Array], Array]:
        """``f(x)`` over a framework's namespace."""
        function, weights = self.function, tuple(map(asarray, self.values_of_weights()))

        def f(x: Array) -> Array:
            return function(xp, x, *weights)

        return f

    def values_of_weights(self) -> list[np.ndarray]:
        """As in a new network: results have about the size of inputs."""
        random = np.random.default_rng(1)
        return [random.standard_normal(shape) / np.sqrt(shape[-1]) for shape in self.weights]

    def point(self, shape: Shape | None = None) -> np.ndarray:
        """Where to differentiate."""
        return np.random.default_rng(2).standard_normal(self.inputs if shape is None else shape)

    def pushed(self, x: np.ndarray, u: np.ndarray) -> np.ndarray:
        """J u, by a complex step."""
        step = 1e-30
        return np.asarray(self.bind(np, np.asarray)(x + 1j * step * u).imag / step)


@dataclass(frozen=True)
class Product(Problem):
    """A problem for the two products.

    Attributes
    ----------
    small
        Whether the cost of calling outweighs that of arithmetic.
    elementwise
        Whether J is diagonal.
    """

    small: bool = False
    elementwise: bool = False

    def direction(self, operation: str) -> np.ndarray:
        """A tangent for ``"jvp"``, a cotangent for ``"vjp"``."""
        return np.random.default_rng(3).standard_normal(self.inputs if operation == "jvp" else self.outputs)

    def reference(self, operation: str) -> np.ndarray:
        """The product."""
        x, u = self.point(), self.direction(operation)
        if operation == "jvp":
            return self.pushed(x, u)
        if self.elementwise:
            return u * self.pushed(x, np.ones_like(x))
        basis = np.eye(x.size).reshape(x.size, *x.shape)
        return np.reshape([np.sum(u * self.pushed(x, vector)) for vector in basis], x.shape)


@dataclass(frozen=True)
class Cell(Problem):
    """A problem for the batched Jacobian, the batch last."""

    batch: int = 1

    @property
    def n(self) -> int:
        """Inputs of one batch element."""
        return prod(self.inputs)

    @property
    def m(self) -> int:
        """Outputs of one batch element."""
        return prod(self.outputs)

    def batch_of_points(self) -> np.ndarray:
        """``(*inputs, B)``."""
        return self.point((*self.inputs, self.batch))

    @functools.cache  # noqa: B019  # every framework is held to it, and cells live as long as the process
    def reference(self) -> np.ndarray:
        """J, of shape ``(M, N, B)``."""
        x = self.batch_of_points()
        jacobian = np.empty((self.m, self.n, self.batch))
        for column in range(self.n):
            vector = np.zeros((self.n, 1))
            vector[column] = 1.0
            u = np.broadcast_to(vector.reshape(*self.inputs, 1), x.shape)
            jacobian[:, column, :] = self.pushed(x, u).reshape(self.m, self.batch)
        return jacobian


def layer_cell(n: int, m: int, batch: int) -> Cell:
    """A cell of one dense layer."""
    return Cell(f"{n} to {m}, B={batch}", layer, (n,), (m,), ((m, n),), batch=batch)


PRODUCTS = (
    Product("elementwise, n=4", product_of_sine, (4,), (4,), small=True, elementwise=True),
    Product("dense layer, n=512", layer, (512,), (512,), ((512, 512),)),
    Product("perceptron, 64 to 10, 32 at once", perceptron, (64, 32), (10, 32), ((128, 64), (128, 128), (10, 128))),
    Product("elementwise, n=1000000", product_of_sine, (1_000_000,), (1_000_000,), elementwise=True),
)

CELLS = (
    Cell("2 to 2, B=1", pendulum, (2,), (2,), batch=1),
    layer_cell(4, 32, 16),
    Cell("16 to 16, B=64", perceptron, (16,), (16,), ((16, 16), (16, 16), (16, 16)), batch=64),
    layer_cell(64, 4, 128),
    layer_cell(3, 24, 4096),
    layer_cell(24, 3, 4096),
    Cell("3x12x12 to 10, B=32", picture_classifier, (3, 12, 12), (10,), ((16, 432), (10, 16)), batch=32),
    layer_cell(512, 4, 64),
    layer_cell(4, 512, 64),
    Cell("3 to 3 (Lorenz), B=10000", lorenz, (3,), (3,), batch=10_000),
)
