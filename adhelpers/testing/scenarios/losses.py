"""Losses through a network's derivatives, and their gradients (R12)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from adhelpers.testing import references
from adhelpers.testing.models import convolve_with, gelu, like, numbers
from adhelpers.testing.operations import nested
from adhelpers.testing.scenario import Catalogue
from adhelpers.testing.subject import Subject

SCENARIOS = Catalogue()


def square_sum(subject: Subject, mode: str, xp: Any, x: Any) -> Any:
    """The sum of the squares of a batched Jacobian."""
    jacobian = subject.batched(lambda xp, z: z**2, x, mode=mode)
    return xp.sum(jacobian**2)


def _gradient_through_batched(mode: str, subject: Subject) -> None:
    x = numbers(4, 2)
    received = subject.vjp(partial(square_sum, subject, mode), subject.arrays(x), subject.one())
    subject.expect_close(received, 8.0 * x, depth=2)


for _mode in ("auto", "forward", "reverse"):
    SCENARIOS.add(f"gradient-through-a-batched-jacobian/{_mode}", "R12", nested("vjp"))(
        partial(_gradient_through_batched, _mode)
    )


def sigmoid(xp: Any, x: Any) -> Any:
    return 1.0 / (1.0 + xp.exp(-x))


def _hyperbolic(xp: Any, x: Any) -> Any:
    return xp.tanh(x)


def _gelu_slope(x: np.ndarray) -> np.ndarray:
    inner = np.tanh(0.7978845608028654 * (x + 0.044715 * x**3))
    return 0.5 * (1.0 + inner) + 0.5 * x * (1.0 - inner**2) * 0.7978845608028654 * (1.0 + 0.134145 * x**2)


SLOPES: dict[Any, Callable[[Any], Any]] = {
    _hyperbolic: lambda x: 1.0 - np.tanh(x) ** 2,
    gelu: _gelu_slope,
    sigmoid: lambda x: sigmoid(np, x) * sigmoid(np, -x),
}


def network(xp: Any, weights: Sequence[Any], x: Any, activation: Any = _hyperbolic) -> Any:
    """Layers without biases, the batch last."""
    for w in weights:
        x = activation(xp, w @ x)
    return x


def network_jacobian(weights: Sequence[np.ndarray], x: np.ndarray, activation: Any = _hyperbolic) -> np.ndarray:
    """J (M, N, B) in closed form, analytic in everything."""
    jacobian = np.eye(len(x))[:, :, None]
    for w in weights:
        x = w @ x
        jacobian = SLOPES[activation](x)[:, None, :] * np.einsum("mk,knb->mnb", w, jacobian)
        x = activation(np, x)
    return jacobian


def _parameters(*sizes: int, batch: int) -> dict[str, Any]:
    layers = [numbers(m, n, seed=k) / np.sqrt(n) for k, (n, m) in enumerate(itertools.pairwise(sizes))]
    return {"weights": layers, "x": numbers(sizes[0], batch, seed=9)}


def _loss_and_gradient(subject: Subject, loss: Any, reference: Callable[[Any], Any], point: dict[str, Any]) -> None:
    """The loss equals its reference, and so does its gradient, for x and each weight."""
    value, gradient = subject.value_and_product("vjp", loss, subject.arrays(point), subject.one())
    subject.expect_close(value, np.asarray(reference(point)), what="the loss")
    expected = references.pullback(reference, point, np.asarray(1.0))
    subject.expect_close(gradient, expected, what="its gradient", depth=2, scale=abs(float(reference(point))))


@SCENARIOS.add("loss-of-a-batched-jacobian", "R12", nested("vjp"))
def _loss_of_jacobian(subject: Subject) -> None:
    def loss(xp: Any, p: Any) -> Any:
        return xp.sum(subject.batched(lambda xp, x: network(xp, p["weights"], x), p["x"]) ** 2)

    _loss_and_gradient(subject, loss, lambda p: np.sum(network_jacobian(**p) ** 2), _parameters(2, 4, 1, batch=4))


def _loss_of_product(name: str, subject: Subject) -> None:
    point = _parameters(2, 4, 1, batch=4)
    u = numbers(2 if name == "jvp" else 1, 4, seed=3)

    def loss(xp: Any, p: Any) -> Any:
        return xp.sum(subject.product(name, lambda xp, x: network(xp, p["weights"], x), p["x"], like(xp, u, p["x"])))

    subscripts = "mnb,nb->" if name == "jvp" else "mnb,mb->"
    _loss_and_gradient(subject, loss, lambda p: np.einsum(subscripts, network_jacobian(**p), u), point)


def _loss_of_image_product(name: str, subject: Subject) -> None:
    """Convolution, batch normalisation in evaluation mode, convolution: affine in x, so differences are exact."""
    # Small, for a backend that derives its reverse mode pushes each of these numbers forward.
    x, u = numbers(2, 2, 2, 2, 2)
    kernels = [numbers(3, 3, 2, 2, seed=1) / 3, numbers(3, 3, 2, 2, seed=2) / 3]
    mean, scale = numbers(2, 1, seed=3), 1.0 + numbers(2, 1, seed=4) ** 2

    def model(xp: Any, weights: Sequence[Any], x: Any) -> Any:
        hidden = convolve_with(xp, weights[0], x)
        return convolve_with(xp, weights[1], (hidden - like(xp, mean, hidden)) * like(xp, scale, hidden))

    def loss(xp: Any, p: Any) -> Any:
        v = subject.product(name, lambda xp, x: model(xp, p["weights"], x), p["x"], like(xp, u, p["x"]))
        return xp.sum(v)

    def reference(p: Any) -> Any:
        t, cotangent = (u, 1.0) if name == "jvp" else (1.0, u)
        return np.sum(cotangent * (model(np, p["weights"], p["x"] + t) - model(np, p["weights"], p["x"])))

    _loss_and_gradient(subject, loss, reference, {"weights": kernels, "x": x})


def _hutchinson(operation: str, subject: Subject) -> None:
    """An estimate of the trace of J: v J v for v of plus and minus ones."""
    v = np.sign(numbers(4, 4, seed=4))

    def loss(xp: Any, p: Any) -> Any:
        def f(xp: Any, x: Any) -> Any:
            return network(xp, p["weights"], x)

        x = p["x"]
        if operation == "batched":
            return xp.sum(subject.batched(f, x) * like(xp, v[:, None, :] * v[None, :, :], x))
        return xp.sum(like(xp, v, x) * subject.product(operation, f, x, like(xp, v, x)))

    def reference(p: Any) -> Any:
        return np.einsum("mnb,mb,nb->", network_jacobian(**p), v, v)

    # Small, for a backend that derives its reverse mode pushes each of these numbers forward.
    _loss_and_gradient(subject, loss, reference, _parameters(4, 5, 5, 4, batch=4))


for _name in ("jvp", "vjp"):
    SCENARIOS.add(f"loss-of-a-product/{_name}", "R12", nested("vjp", _name))(partial(_loss_of_product, _name))
    SCENARIOS.add(f"loss-of-an-image-networks-product/{_name}", "R12", nested("vjp", _name))(
        partial(_loss_of_image_product, _name)
    )
for _name in ("jvp", "vjp", "batched"):
    SCENARIOS.add(f"hutchinsons-trace/{_name}", "R12", nested("vjp", _name))(partial(_hutchinson, _name))


@SCENARIOS.add("loss-of-the-slope-by-the-input", "R12", nested("vjp"))
def _loss_of_slope(subject: Subject) -> None:
    def loss(xp: Any, p: Any) -> Any:
        slope = subject.vjp(
            lambda xp, x: xp.sum(network(xp, p["weights"], x, sigmoid)), p["x"], xp.sum(p["x"]) * 0.0 + 1.0
        )
        return xp.sum(slope + network(xp, p["weights"], p["x"], sigmoid) ** 2 / 2.0)

    def reference(p: Any) -> Any:
        y = network(np, p["weights"], p["x"], sigmoid)
        return np.sum(network_jacobian(**p, activation=sigmoid) + y[:, None] ** 2 / 2)

    _loss_and_gradient(subject, loss, reference, _parameters(1, 8, 1, batch=12))


@SCENARIOS.add("loss-of-the-jacobians-diagonal", "R12", nested("vjp"))
def _loss_of_diagonal(subject: Subject) -> None:
    def loss(xp: Any, p: Any) -> Any:
        jacobian = subject.batched(lambda xp, x: network(xp, p["weights"], x, gelu), p["x"])
        return xp.sum((jacobian * like(xp, np.eye(5)[:, :, None], jacobian)) ** 2)

    def reference(p: Any) -> Any:
        return np.sum(np.einsum("nnb->nb", network_jacobian(**p, activation=gelu)) ** 2)

    _loss_and_gradient(subject, loss, reference, _parameters(5, 5, batch=5))
