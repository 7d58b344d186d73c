"""Operations inside operations: every order, confusion of perturbations, u, and what f closes over (R12, R13, R15)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from adhelpers.contract import Capability
from adhelpers.testing import references
from adhelpers.testing.models import convolve_with, gelu, like, numbers
from adhelpers.testing.scenario import Catalogue
from adhelpers.testing.scenarios.purity import OPERATIONS, differentiate
from adhelpers.testing.subject import Subject

SCENARIOS = Catalogue()

X = np.array([[0.3, 0.7, 1.1, -0.4]])
C = np.array([[1.5, -0.5, 2.0, 0.8]])


def _needs(*operations: str) -> set[Capability]:
    return {Capability.NESTING}.union(*(OPERATIONS[operation] for operation in operations))


def _derivative(subject: Subject, operation: str, g: Callable[[Any, Any], Any], factor: np.ndarray) -> Any:
    """The derivative of an elementwise function times a constant factor, again a function."""
    return lambda xp, x: differentiate(subject, operation, g, x, like(xp, factor, x))


# -- every order (R12) --------------------------------------------------------------------------------------


def sine(xp: Any, x: Any) -> Any:
    return xp.sin(2.0 * x)


def _string(operations: Sequence[str], subject: Subject) -> None:
    f: Any = sine
    for operation in reversed(operations[1:]):
        f = _derivative(subject, operation, f, C)
    received = differentiate(subject, operations[0], f, subject.arrays(X), subject.arrays(C))
    depth = len(operations)
    subject.expect_close(received, (2.0 * C) ** depth * np.sin(2.0 * X + depth * np.pi / 2), depth=depth)


THREE = ("jvp", "vjp", "batched-reverse")
for _strings in (itertools.product(OPERATIONS, repeat=2), itertools.product(THREE, repeat=3)):
    for _operations in _strings:
        SCENARIOS.add(f"{'-of-'.join(_operations)}", "R12", _needs(*_operations))(partial(_string, _operations))


# -- perturbation confusion (R12) -----------------------------------------------------------------------------

# An inner function of y that closes over the outer x; where its derivative is taken (None: at one); and the
# derivative by x of the product of x and that derivative.
CLOSURES: dict[str, tuple[Callable[[Any, Any], Any], Callable[[Any], Any] | None, Callable[[Any], Any]]] = {
    "x-plus-y-at-one": (lambda x, y: x + y, None, np.ones_like),
    "xy-at-one": (lambda x, y: x * y, None, lambda x: 2.0 * x),
    "xy-at-x": (lambda x, y: x * y, lambda x: x, lambda x: 2.0 * x),
    "xyy-at-one": (lambda x, y: x * y**2, None, lambda x: 4.0 * x),
    "xyy-at-x": (lambda x, y: x * y**2, lambda x: x, lambda x: 6.0 * x**2),
    "xxyyy-at-xx": (lambda x, y: x**2 * y**3, lambda x: x**2, lambda x: 21.0 * x**6),
    "no-y": (lambda x, y: x**2, lambda x: x, np.zeros_like),
}


def _closure(outer: str, inner: str, closure: str, subject: Subject) -> None:
    g, place, expected = CLOSURES[closure]

    def f(xp: Any, x: Any) -> Any:
        y = xp.ones_like(x) if place is None else place(x)
        return x * differentiate(subject, inner, lambda xp, y: g(x, y), y, xp.ones_like(x))

    received = differentiate(subject, outer, f, subject.arrays(X), subject.arrays(C))
    subject.expect_close(received, C * expected(X), depth=2)


for _outer, _inner in itertools.product(OPERATIONS, repeat=2):
    for _label in CLOSURES:
        SCENARIOS.add(f"confusion-{_label}/{_outer}-of-{_inner}", "R12", _needs(_outer, _inner))(
            partial(_closure, _outer, _inner, _label)
        )


def _three_levels(operations: Sequence[str], subject: Subject) -> None:
    """d/dx [x d/dy (y d/dz (x y z) at z=x) at y=x] = d/dx [x 2x^2] = 6x^2."""
    outer, middle, inner = operations

    def f(xp: Any, x: Any) -> Any:
        one = xp.ones_like(x)

        def g(xp: Any, y: Any) -> Any:
            return y * differentiate(subject, inner, lambda xp, z: x * y * z, x, one)

        return x * differentiate(subject, middle, g, x, one)

    received = differentiate(subject, outer, f, subject.arrays(X), subject.arrays(C))
    subject.expect_close(received, C * 6.0 * X**2, depth=3)


for _levels in itertools.product(("jvp", "vjp"), repeat=3):
    SCENARIOS.add(f"three-levels/{'-of-'.join(_levels)}", "R12", _needs(*_levels))(partial(_three_levels, _levels))


# -- shapes that differ at each level (R12) ---------------------------------------------------------------------

A, POINT, TANGENT, COTANGENT = numbers(3, 2), numbers(2, 4), numbers(2, 4, seed=1), numbers(3, 4, seed=2)


def mixing(xp: Any, x: Any) -> Any:
    return like(xp, A, x) @ xp.sin(x)


# Each operation on `mixing`, its axes but the batch joined, and the Jacobian (M, N, B) of that.
INNER: dict[str, tuple[Callable[[Subject, Any, Any], Any], np.ndarray]] = {
    "jvp": (
        lambda subject, xp, x: subject.jvp(mixing, x, like(xp, TANGENT, x)),
        -np.einsum("mn,nb->mnb", A, np.sin(POINT) * TANGENT),
    ),
    "vjp": (
        lambda subject, xp, x: subject.vjp(mixing, x, like(xp, COTANGENT, x)),
        -np.einsum("mn,mb->mnb", np.eye(2), np.sin(POINT) * (A.T @ COTANGENT)),
    ),
    "batched": (
        lambda subject, xp, x: xp.reshape(subject.batched(mixing, x), (6, 4)),
        -np.einsum("ml,ln,nb->mlnb", A, np.eye(2), np.sin(POINT)).reshape(6, 2, 4),
    ),
}


def _shapes(outer: str, inner: str, subject: Subject) -> None:
    derivative, jacobian = INNER[inner]
    x, f = subject.arrays(POINT), partial(derivative, subject)
    if outer == "batched":
        received, expected = subject.batched(f, x), jacobian
    elif outer == "jvp":
        received, expected = subject.jvp(f, x, subject.arrays(TANGENT)), np.einsum("mnb,nb->mb", jacobian, TANGENT)
    else:
        u = numbers(len(jacobian), 4, seed=3)
        received, expected = subject.vjp(f, x, subject.arrays(u)), np.einsum("mnb,mb->nb", jacobian, u)
    subject.expect_close(received, expected, depth=2)


_BOTH = {"jvp": OPERATIONS["jvp"], "vjp": OPERATIONS["vjp"], "batched": frozenset[Capability]()}
for _outer, _inner in itertools.product(INNER, repeat=2):
    SCENARIOS.add(f"shapes/{_outer}-of-{_inner}", "R12", {Capability.NESTING, *_BOTH[_outer], *_BOTH[_inner]})(
        partial(_shapes, _outer, _inner)
    )


def rosenbrock(xp: Any, x: Any) -> Any:
    return 100.0 * (x[1] - x[0] ** 2) ** 2 + (1.0 - x[0]) ** 2


def _hessian(outer: str, inner: str, subject: Subject) -> None:
    (a, b), t, one = np.array([-1.2, 1.0]), np.array([0.7, -0.3]), np.asarray(1.0)
    hessian = np.array([[1200 * a**2 - 400 * b + 2, -400 * a], [-400 * a, 200.0]])

    def product(xp: Any, x: Any) -> Any:
        return subject.product(inner, rosenbrock, x, like(xp, t if inner == "jvp" else one, x))

    u = t if (outer, inner) != ("vjp", "jvp") else one
    received = subject.product(outer, product, subject.arrays(np.array([a, b])), subject.arrays(u))
    subject.expect_close(received, np.asarray(t @ hessian @ t) if inner == outer == "jvp" else hessian @ t, depth=2)


for _outer, _inner in itertools.product(("jvp", "vjp"), repeat=2):
    SCENARIOS.add(f"hessian/{_outer}-of-{_inner}", "R12", _needs(_outer, _inner))(partial(_hessian, _outer, _inner))


# -- u (R13) ------------------------------------------------------------------------------------------------------


def _seen(outer: str, inner: str, differentiate_u: bool, subject: Subject) -> None:
    """3 x^2 times u, where u is x^2: an outer derivative gives 6 x^3, or 12 x^3 where u is differentiated too."""

    def f(xp: Any, x: Any) -> Any:
        return subject.product(inner, lambda xp, z: z**3, x, x**2, differentiate_u=differentiate_u)

    received = differentiate(subject, outer, f, subject.arrays(X), subject.arrays(C))
    subject.expect_close(received, C * (12.0 if differentiate_u else 6.0) * X**3, depth=2)


def _seen_from_afar(operations: Sequence[str], subject: Subject) -> None:
    """The product's u depends on the outermost variable; the derivative between them is by another one."""
    outer, middle, inner = operations

    def f(xp: Any, x: Any) -> Any:
        one = xp.ones_like(x)

        def g(xp: Any, y: Any) -> Any:
            return subject.product(inner, lambda xp, z: z**3, y, x**2)

        return differentiate(subject, middle, g, x, one)  # 6 x times u

    received = differentiate(subject, outer, f, subject.arrays(X), subject.arrays(C))
    subject.expect_close(received, C * 6.0 * X**2, depth=3)


def _seen_from_both(operations: Sequence[str], subject: Subject) -> None:
    """The product's u depends on the variables of both derivatives around it, and is constant to both."""
    outer, middle, inner = operations

    def f(xp: Any, x: Any) -> Any:
        one = xp.ones_like(x)

        def g(xp: Any, y: Any) -> Any:
            return subject.product(inner, lambda xp, z: z**3, y, x * y)

        return differentiate(subject, middle, g, x, one)  # 6 y times u, at y = x

    received = differentiate(subject, outer, f, subject.arrays(X), subject.arrays(C))
    subject.expect_close(received, C * 6.0 * X**2, depth=3)


for _outer, _inner in itertools.product(OPERATIONS, ("jvp", "vjp")):
    SCENARIOS.add(f"u-constant/{_outer}-of-{_inner}", "R13", _needs(_outer, _inner))(
        partial(_seen, _outer, _inner, False)
    )
    SCENARIOS.add(f"u-differentiated/{_outer}-of-{_inner}", "R13", _needs(_outer, _inner))(
        partial(_seen, _outer, _inner, True)
    )
for _levels in itertools.product(("jvp", "vjp"), repeat=3):
    SCENARIOS.add(f"u-constant-from-afar/{'-of-'.join(_levels)}", "R13", _needs(*_levels))(
        partial(_seen_from_afar, _levels)
    )
for _levels in itertools.product(("jvp", "vjp"), repeat=3):
    if _levels[0] == _levels[2]:
        SCENARIOS.add(f"u-constant-to-both/{'-of-'.join(_levels)}", "R13", _needs(*_levels))(
            partial(_seen_from_both, _levels)
        )


# -- what f closes over (R15) ---------------------------------------------------------------------------------------


def _attached(outer: str, inner: str, subject: Subject) -> None:
    """An inner derivative at a constant point, of a function that closes over the outer variable w."""
    at = subject.arrays(2.0 * np.ones_like(X))

    def f(xp: Any, w: Any) -> Any:
        value = differentiate(subject, inner, lambda xp, x: w**2 * x**3, at, xp.ones_like(at))
        return value + w  # 12 w^2 + w

    received = differentiate(subject, outer, f, subject.arrays(X), subject.arrays(C))
    subject.expect_close(received, C * (24.0 * X + 1.0), depth=2)


def _value_attached(outer: str, inner: str, subject: Subject) -> None:
    """So is the value that comes with a product."""
    at = subject.arrays(2.0 * np.ones_like(X))

    def f(xp: Any, w: Any) -> Any:
        value, _ = subject.value_and_product(inner, lambda xp, x: w**2 * x**3, at, xp.ones_like(at))
        return value  # 8 w^2

    received = differentiate(subject, outer, f, subject.arrays(X), subject.arrays(C))
    subject.expect_close(received, C * 16.0 * X, depth=2)


def _aux_attached(outer: str, inner: str, subject: Subject) -> None:
    """So is what the function returns besides."""
    at = subject.arrays(2.0 * np.ones_like(X))

    def f(xp: Any, w: Any) -> Any:
        _, aux = differentiate(subject, inner, lambda xp, x: (x**2, w**2 * x), at, xp.ones_like(at), has_aux=True)
        return aux  # 2 w^2

    received = differentiate(subject, outer, f, subject.arrays(X), subject.arrays(C))
    subject.expect_close(received, C * 4.0 * X, depth=2)


for _outer, _inner in itertools.product(("jvp", "vjp"), OPERATIONS):
    SCENARIOS.add(f"aux-attached/{_outer}-of-{_inner}", "R15", _needs(_outer, _inner))(
        partial(_aux_attached, _outer, _inner)
    )
for _outer, _inner in itertools.product(OPERATIONS, repeat=2):
    SCENARIOS.add(f"closure-attached/{_outer}-of-{_inner}", "R15", _needs(_outer, _inner))(
        partial(_attached, _outer, _inner)
    )
for _outer, _inner in itertools.product(OPERATIONS, ("jvp", "vjp")):
    SCENARIOS.add(f"value-attached/{_outer}-of-{_inner}", "R15", _needs(_outer, _inner))(
        partial(_value_attached, _outer, _inner)
    )


# -- losses through a network's derivatives, and their gradients (R12) ------------------------------------------------


def square_sum(subject: Subject, mode: str, xp: Any, x: Any) -> Any:
    """The sum of the squares of a batched Jacobian."""
    jacobian = subject.batched(lambda xp, z: z**2, x, mode=mode)
    return xp.sum(jacobian**2)


def _gradient_through_batched(mode: str, subject: Subject) -> None:
    x = numbers(4, 2)
    received = subject.vjp(partial(square_sum, subject, mode), subject.arrays(x), subject.one())
    subject.expect_close(received, 8.0 * x, depth=2)


for _mode in ("auto", "forward", "reverse"):
    SCENARIOS.add(f"gradient-through-a-batched-jacobian/{_mode}", "R12", _needs("vjp"))(
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


@SCENARIOS.add("loss-of-a-batched-jacobian", "R12", _needs("vjp"))
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
    x, u = numbers(2, 3, 3, 2, 4)
    kernels = [numbers(3, 3, 4, 2, seed=1) / 3, numbers(3, 3, 2, 4, seed=2) / 3]
    mean, scale = numbers(4, 1, seed=3), 1.0 + numbers(4, 1, seed=4) ** 2

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
    v = np.sign(numbers(4, 12, seed=4))

    def loss(xp: Any, p: Any) -> Any:
        def f(xp: Any, x: Any) -> Any:
            return network(xp, p["weights"], x)

        x = p["x"]
        if operation == "batched":
            return xp.sum(subject.batched(f, x) * like(xp, v[:, None, :] * v[None, :, :], x))
        return xp.sum(like(xp, v, x) * subject.product(operation, f, x, like(xp, v, x)))

    def reference(p: Any) -> Any:
        return np.einsum("mnb,mb,nb->", network_jacobian(**p), v, v)

    _loss_and_gradient(subject, loss, reference, _parameters(4, 12, 12, 12, 4, batch=12))


for _name in ("jvp", "vjp"):
    SCENARIOS.add(f"loss-of-a-product/{_name}", "R12", _needs("vjp", _name))(partial(_loss_of_product, _name))
    SCENARIOS.add(f"loss-of-an-image-networks-product/{_name}", "R12", _needs("vjp", _name))(
        partial(_loss_of_image_product, _name)
    )
for _name in ("jvp", "vjp", "batched"):
    SCENARIOS.add(f"hutchinsons-trace/{_name}", "R12", {*_needs("vjp"), *_BOTH[_name]})(partial(_hutchinson, _name))


@SCENARIOS.add("loss-of-the-slope-by-the-input", "R12", _needs("vjp"))
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


@SCENARIOS.add("loss-of-the-jacobians-diagonal", "R12", _needs("vjp"))
def _loss_of_diagonal(subject: Subject) -> None:
    def loss(xp: Any, p: Any) -> Any:
        jacobian = subject.batched(lambda xp, x: network(xp, p["weights"], x, gelu), p["x"])
        return xp.sum((jacobian * like(xp, np.eye(5)[:, :, None], jacobian)) ** 2)

    def reference(p: Any) -> Any:
        return np.sum(np.einsum("nnb->nb", network_jacobian(**p, activation=gelu)) ** 2)

    _loss_and_gradient(subject, loss, reference, _parameters(5, 5, batch=5))
