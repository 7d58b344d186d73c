"""Gradients, Jacobians, Hessians and their products, which core composes of the two products and their sweeps."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import array_api_compat.numpy as numpy_namespace
import numpy as np

import adhelpers
from adhelpers.errors import BatchMixingError, DTypeError, ShapeMismatchError, StructureMismatchError
from adhelpers.plugins.capabilities import Capability
from adhelpers.testing import references
from adhelpers.testing.models import like, numbers
from adhelpers.testing.operations import MODES as PRODUCTS
from adhelpers.testing.operations import nested
from adhelpers.testing.problems import complex_numbers, elementary
from adhelpers.testing.scenario import Catalogue
from adhelpers.testing.subject import Function, Subject, share_memory

SCENARIOS = Catalogue()
SINGLE = {"forward": Capability.FORWARD, "reverse": Capability.REVERSE}
DOUBLE = ("auto", "forward-over-reverse", "reverse-over-reverse", "reverse-over-forward", "forward-over-forward")
BOTH = nested("jvp", "vjp")


def _call(operation: Callable[..., Any], subject: Subject, f: Function, *operands: Any, **options: Any) -> Any:
    """An operation on a function ``f(xp, x)``, which messages show."""
    words = "".join(f", {name}={value!r}" for name, value in options.items() if not callable(value))
    named = dict(zip(("x", "u"), operands, strict=False))
    subject.record(f"{operation.__name__}(f, backend, {', '.join(named)}{words})", f, **named)
    return operation(_bound(subject, f), subject.backend, *operands, **options)


def _bound(subject: Subject, f: Function) -> Callable[..., Any]:
    return lambda x, *args: f(subject.namespace(x), x, *args)


# -- a function of several leaves, and its derivatives by hand -----------------------------------------------

W = np.array([[1.0, -2.0], [0.5, 3.0]])
A, B, P = numbers(3), numbers(2, 2, seed=1), np.asarray(0.7)
X = {"a": A, "b": (B, P)}
T = {"a": numbers(3, seed=2), "b": (numbers(2, 2, seed=3), np.asarray(-1.3))}


def cubic(xp: Any, x: Any) -> Any:
    a, (b, p) = x["a"], x["b"]
    return p * xp.sum(a**3) + xp.sum(a) * xp.sum(like(xp, W, b) * b**2)


VALUE = P * np.sum(A**3) + np.sum(A) * np.sum(W * B**2)
GRADIENT = {"a": 3.0 * P * A**2 + np.sum(W * B**2), "b": (2.0 * np.sum(A) * W * B, np.sum(A**3))}
_AB = np.ones(3)[:, None, None] * (2.0 * W * B)
_BB = 2.0 * np.sum(A) * np.diag(W.ravel()).reshape(2, 2, 2, 2)
HESSIAN = {
    "a": {"a": np.diag(6.0 * P * A), "b": (_AB, 3.0 * A**2)},
    "b": (
        {"a": np.moveaxis(_AB, 0, -1), "b": (_BB, np.zeros((2, 2)))},
        {"a": 3.0 * A**2, "b": (np.zeros((2, 2)), np.zeros(()))},
    ),
}
TRACE = np.asarray(np.sum(6.0 * P * A) + 2.0 * np.sum(A) * np.sum(W))


def _times(row: Any, t: Any) -> np.ndarray:
    """A row of blocks times a direction."""
    pairs = ((row["a"], t["a"]), (row["b"][0], t["b"][0]), (row["b"][1], t["b"][1]))
    return np.asarray(sum(np.tensordot(block, part, axes=part.ndim) for block, part in pairs))


PRODUCT = {"a": _times(HESSIAN["a"], T), "b": tuple(_times(row, T) for row in HESSIAN["b"])}


def several(xp: Any, x: Any) -> Any:
    a, (b, p) = x["a"], x["b"]
    return {"y": [a * p, xp.sum(b**2)], "z": b * a[0]}


JACOBIAN = {
    "y": [
        {"a": P * np.eye(3), "b": (np.zeros((3, 2, 2)), A)},
        {"a": np.zeros(3), "b": (2.0 * B, np.zeros(()))},
    ],
    "z": {"a": B[:, :, None] * np.eye(3)[0], "b": (A[0] * np.eye(4).reshape(2, 2, 2, 2), np.zeros((2, 2)))},
}


# -- first derivatives ---------------------------------------------------------------------------------------


@SCENARIOS.add("derivative-of-several/derivative", "R7", [Capability.FORWARD])
def _derivative(subject: Subject) -> None:
    """A number, and an array with three entries, of one number."""

    def f(xp: Any, x: Any) -> Any:
        return {"one": xp.sin(x), "three": [x * like(xp, A, x)]}

    value, received = _call(adhelpers.value_and_derivative, subject, f, subject.arrays(P))
    subject.expect_close(value, {"one": np.sin(P), "three": [P * A]}, what="the value")
    subject.expect_close(received, {"one": np.cos(P), "three": [A]})


@SCENARIOS.add("complex-derivative/derivative", "R7", [Capability.FORWARD, Capability.COMPLEX])
def _complex_derivative(subject: Subject) -> None:
    z = complex_numbers()
    received = _call(adhelpers.derivative, subject, lambda xp, z: z**3, subject.arrays(z))
    subject.expect_close(received, 3.0 * z**2)


@SCENARIOS.add("gradient-of-leaves/gradient", "R7", [Capability.REVERSE])
def _gradient(subject: Subject) -> None:
    value, received = _call(adhelpers.value_and_gradient, subject, cubic, subject.arrays(X))
    subject.expect_close(value, VALUE, what="the value")
    subject.expect_close(received, GRADIENT)


@SCENARIOS.add("complex-gradient/gradient", "R7", [Capability.REVERSE, Capability.COMPLEX])
def _complex_gradient(subject: Subject) -> None:
    """The slope along t is Re(sum(v * t))."""
    z = complex_numbers(3)
    received = _call(adhelpers.gradient, subject, quartic, subject.arrays(z))
    subject.expect_close(received, 3.0 * z**2 + 4.0 * np.abs(z) ** 2 * np.conj(z))


def quartic(xp: Any, z: Any) -> Any:
    return xp.sum(xp.real(z**3) + xp.real(z * xp.conj(z)) ** 2)


def _jacobian(mode: str, chunk_size: int | None, subject: Subject) -> None:
    options = {"mode": mode, "chunk_size": chunk_size}
    received = _call(adhelpers.jacobian, subject, several, subject.arrays(X), **options)
    subject.expect_close(received, JACOBIAN)


def _elementary_jacobian(mode: str, subject: Subject) -> None:
    expected = references.jacobian(partial(elementary, numpy_namespace), A)
    value, received = _call(adhelpers.value_and_jacobian, subject, elementary, subject.arrays(A), mode=mode)
    subject.expect_close(value, elementary(numpy_namespace, A), what="the value")
    subject.expect_close(received, expected)


def _holomorphic(mode: str, subject: Subject) -> None:
    z, c = complex_numbers(3), complex_numbers(2, 3)

    def f(xp: Any, z: Any) -> Any:
        return xp.sum(xp.asarray(c) * z**2, axis=1)

    received = _call(adhelpers.jacobian, subject, f, subject.arrays(z), mode=mode, holomorphic=True)
    subject.expect_close(received, 2.0 * c * z)


def _real_to_complex(mode: str, subject: Subject) -> None:
    def f(xp: Any, x: Any) -> Any:
        return {"complex": xp.exp(1j * x), "real": x**2}

    received = _call(adhelpers.jacobian, subject, f, subject.arrays(A), mode=mode)
    subject.expect_close(received, {"complex": np.diag(1j * np.exp(1j * A)), "real": np.diag(2.0 * A)})


def _blocks_apart(mode: str, subject: Subject) -> None:
    x = subject.arrays(X)
    received = _call(adhelpers.jacobian, subject, several, x, mode=mode)
    leaves = [subject.backend.to_numpy(leaf) for tree in (received, x) for leaf in subject.backend.flatten(tree)[0]]
    for a, b in itertools.combinations(leaves, 2):
        subject.expect(not share_memory(a, b), f"shared memory: {a!r} and {b!r}", "memory of its own for each")


for _mode, _capability in SINGLE.items():
    SCENARIOS.add(f"jacobian-of-leaves/{_mode}", "R7", [_capability])(partial(_jacobian, _mode, None))
    SCENARIOS.add(f"jacobian-in-chunks/{_mode}", "R7", [_capability])(partial(_jacobian, _mode, 3))
    SCENARIOS.add(f"elementary-jacobian/{_mode}", "R7", [_capability])(partial(_elementary_jacobian, _mode))
    _complex = [_capability, Capability.COMPLEX]
    SCENARIOS.add(f"holomorphic-jacobian/{_mode}", "R7", _complex)(partial(_holomorphic, _mode))
    SCENARIOS.add(f"real-to-complex-jacobian/{_mode}", "R7", _complex)(partial(_real_to_complex, _mode))
    SCENARIOS.add(f"memory-of-jacobian-blocks/{_mode}", "R8", [_capability])(partial(_blocks_apart, _mode))
SCENARIOS.add("jacobian-of-leaves/auto", "R7")(partial(_jacobian, "auto", None))


# -- second derivatives --------------------------------------------------------------------------------------


@SCENARIOS.add("second-derivative-of-several/second-derivative", "R12", nested("jvp"))
def _second_derivative(subject: Subject) -> None:
    def f(xp: Any, x: Any) -> Any:
        return {"one": xp.sin(x), "three": [x**3 * like(xp, A, x)]}

    value, received = _call(adhelpers.value_and_second_derivative, subject, f, subject.arrays(P))
    subject.expect_close(value, {"one": np.sin(P), "three": [P**3 * A]}, what="the value")
    subject.expect_close(received, {"one": -np.sin(P), "three": [6.0 * P * A]}, depth=2)


def _hessian(mode: str, subject: Subject) -> None:
    value, received = _call(adhelpers.value_and_hessian, subject, cubic, subject.arrays(X), mode=mode)
    subject.expect_close(value, VALUE, what="the value")
    subject.expect_close(received, HESSIAN, depth=2, scale=_SCALE)


def _hessian_vector_product(mode: str, subject: Subject) -> None:
    x, u = subject.arrays(X), subject.arrays(T)
    value, received = _call(adhelpers.value_and_hessian_vector_product, subject, cubic, x, u, mode=mode)
    subject.expect_close(value, VALUE, what="the value")
    subject.expect_close(received, PRODUCT, depth=2, scale=_SCALE)


_SCALE = 10.0
"""About the size of the function and its derivatives, whose rounding shows in blocks of zeros."""


def _complex_product(mode: str, subject: Subject) -> None:
    z, u = complex_numbers(3), complex_numbers(3)[::-1].copy()
    operands = subject.arrays(z), subject.arrays(u)
    received = _call(adhelpers.hessian_vector_product, subject, quartic, *operands, mode=mode)
    expected = 6.0 * z * u + 4.0 * (np.conj(z) ** 2 * u + 2.0 * np.abs(z) ** 2 * np.conj(u))
    subject.expect_close(received, expected, depth=2)


def _laplacian(mode: str, subject: Subject) -> None:
    value, received = _call(adhelpers.value_and_laplacian, subject, cubic, subject.arrays(X), mode=mode)
    subject.expect_close(value, VALUE, what="the value")
    subject.expect_close(received, TRACE, depth=2, scale=_SCALE)


for _mode in DOUBLE:
    SCENARIOS.add(f"hessian-of-leaves/{_mode}", "R12", BOTH)(partial(_hessian, _mode))
    SCENARIOS.add(f"hessian-vector-product/{_mode}", "R12", BOTH)(partial(_hessian_vector_product, _mode))

for _mode in DOUBLE[:3]:
    SCENARIOS.add(f"laplacian-of-leaves/{_mode}", "R12", BOTH)(partial(_laplacian, _mode))
    SCENARIOS.add(f"complex-hessian-vector-product/{_mode}", "R12", [*BOTH, Capability.COMPLEX])(
        partial(_complex_product, _mode)
    )


@SCENARIOS.add("gauss-newton-product/half-of-squares", "R12", BOTH)
def _gauss_newton_product(subject: Subject) -> None:
    x, u = numbers(3), numbers(3, seed=1)
    J = references.jacobian(partial(residuals, numpy_namespace), x)
    operands = subject.arrays(x), subject.arrays(u)
    value, received = _call(adhelpers.value_and_gauss_newton_product, subject, residuals, *operands)
    subject.expect_close(value, residuals(numpy_namespace, x), what="the value")
    subject.expect_close(received, J.T @ (J @ u), depth=2)


@SCENARIOS.add("gauss-newton-product/loss", "R12", BOTH)
def _gauss_newton_product_of_a_loss(subject: Subject) -> None:
    x, u = numbers(3), numbers(3, seed=1)
    J, y = references.jacobian(partial(residuals, numpy_namespace), x), residuals(numpy_namespace, x)
    H = np.diag(6.0 * y) + np.eye(2)[::-1]

    def loss(y: Any) -> Any:
        xp = subject.namespace(y)
        return xp.sum(y**3) + y[0] * y[1]

    operands = subject.arrays(x), subject.arrays(u)
    received = _call(adhelpers.gauss_newton_product, subject, residuals, *operands, loss=loss)
    subject.expect_close(received, J.T @ (H @ (J @ u)), depth=2)


def residuals(xp: Any, x: Any) -> Any:
    return xp.stack([xp.sin(x[0]) * x[1], xp.exp(x[2]) - x[0] ** 2])


# -- for each element of a batch ------------------------------------------------------------------------------


def curved(xp: Any, x: Any) -> Any:
    return xp.sin(x[0]) * x[1] ** 2 + x[2] ** 3 * x[0]


def _curved(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The gradients (N, B) and the Hessians (N, N, B)."""
    a, b, c = x
    zero = np.zeros_like(a)
    gradients = np.stack([np.cos(a) * b**2 + c**3, 2.0 * np.sin(a) * b, 3.0 * c**2 * a])
    ab, ac = 2.0 * np.cos(a) * b, 3.0 * c**2
    rows = [[-np.sin(a) * b**2, ab, ac], [ab, 2.0 * np.sin(a), zero], [ac, zero, 6.0 * c * a]]
    return gradients, np.array(rows)


def _batched(order: int, axis: int, subject: Subject) -> None:
    x = numbers(3, 4)
    operation = (adhelpers.value_and_batched_gradient, adhelpers.value_and_batched_hessian)[order - 1]

    def f(xp: Any, x: Any) -> Any:
        return curved(xp, x if axis == -1 else xp.permute_dims(x, (1, 0)))

    point = np.ascontiguousarray(np.moveaxis(x, -1, axis))
    # Of a wrong derivative the check would say that f mixes the batch.
    options = {"batch_axis": axis, "check_batch": False}
    value, received = _call(operation, subject, f, subject.arrays(point), **options)
    subject.expect_close(value, curved(numpy_namespace, x), what="the value")
    subject.expect_close(received, np.moveaxis(_curved(x)[order - 1], -1, axis), depth=order)


def _mixing(operation: Callable[..., Any], subject: Subject) -> None:
    def f(xp: Any, x: Any) -> Any:
        return xp.sum(x, axis=0) * xp.sum(x**2)

    x = subject.arrays(numbers(2, 3))
    subject.expect_error(BatchMixingError, lambda: _call(operation, subject, f, x))


for _axis, _label in ((-1, "last"), (0, "first")):
    SCENARIOS.add(f"batched-gradient/{_label}", "R18", [Capability.REVERSE])(partial(_batched, 1, _axis))
    SCENARIOS.add(f"batched-hessian/{_label}", "R18", BOTH)(partial(_batched, 2, _axis))
SCENARIOS.add("refused-mixing/batched-gradient", "R18", [Capability.REVERSE])(
    partial(_mixing, adhelpers.batched_gradient)
)
SCENARIOS.add("refused-mixing/batched-hessian", "R18", BOTH)(partial(_mixing, adhelpers.batched_hessian))


# -- what f and u are ----------------------------------------------------------------------------------------


def _not_one_number(
    f: Function, error: type[Exception], words: str, operation: Callable[..., Any], subject: Subject
) -> None:
    """No gradient of anything but a real number."""
    x = subject.arrays(A)
    message = str(subject.expect_error(error, lambda: _call(operation, subject, f, x)))
    subject.expect(words in message, message, f"a message that mentions {words!r}")


for _label, _f, _error, _words in (
    ("an-array", lambda xp, x: x**2, ShapeMismatchError, "(3,)"),
    ("a-list", lambda xp, x: [xp.sum(x)], StructureMismatchError, "list"),
    ("a-complex-number", lambda xp, x: xp.sum(x * 1j), DTypeError, "complex128"),
):
    _more = [Capability.COMPLEX] if "complex" in _label else []
    SCENARIOS.add(f"refused-gradient-of-{_label}/gradient", "R16", [Capability.REVERSE, *_more])(
        partial(_not_one_number, _f, _error, _words, adhelpers.gradient)
    )
    SCENARIOS.add(f"refused-gradient-of-{_label}/hessian", "R16", [*BOTH, *_more])(
        partial(_not_one_number, _f, _error, _words, adhelpers.hessian)
    )


def _direction(outer: str, differentiated: bool, subject: Subject) -> None:
    """The product of diag(6 x) with u = x, of which u = x itself has a derivative only on demand."""

    def f(xp: Any, x: Any) -> Any:
        g = _bound(subject, lambda xp, z: xp.sum(z**3))
        return adhelpers.hessian_vector_product(g, subject.backend, x, x, differentiate_u=differentiated)

    x, u = numbers(3), numbers(3, seed=1)
    received = subject.product(outer, f, subject.arrays(x), subject.arrays(u))
    subject.expect_close(received, (12.0 if differentiated else 6.0) * x * u, depth=3)


def _value(outer: str, inner: str, subject: Subject) -> None:
    """The value that comes with a product is a function of x too, and so is aux."""
    a, u = numbers(3), numbers(3, seed=1)

    def f(xp: Any, x: Any) -> Any:
        y, _, aux = subject.value_and_product(inner, lambda xp, z: (z**2, z**3), x, xp.ones_like(x), has_aux=True)
        return {"y": y, "aux": aux}

    x = subject.arrays(a)
    if outer == "jvp":
        expected: Any = {"y": 2.0 * a * u, "aux": 3.0 * a**2 * u}
        received = subject.jvp(f, x, subject.arrays(u))
    else:
        expected = 2.0 * a * u + 3.0 * a**2 * u
        received = subject.vjp(f, x, {"y": subject.arrays(u), "aux": subject.arrays(u)})
    subject.expect_close(received, expected, depth=2)


for _outer, _inner in itertools.product(PRODUCTS, repeat=2):
    SCENARIOS.add(f"value-and-aux/{_outer}-of-{_inner}", "R12", nested(_outer, _inner))(partial(_value, _outer, _inner))
for _outer in PRODUCTS:
    SCENARIOS.add(f"u-constant/{_outer}-of-hessian-vector-product", "R13", BOTH)(partial(_direction, _outer, False))
    SCENARIOS.add(f"u-differentiated/{_outer}-of-hessian-vector-product", "R13", BOTH)(
        partial(_direction, _outer, True)
    )


ALONG_X = {
    "gradient": (adhelpers.value_and_gradient, 4.5 * A**2, frozenset({Capability.REVERSE})),
    "hessian": (adhelpers.value_and_hessian, np.diag(9.0 * A), BOTH),
    "laplacian": (adhelpers.value_and_laplacian, np.asarray(9.0 * np.sum(A)), BOTH),
}


def _arguments(name: str, subject: Subject) -> None:
    operation, expected, _ = ALONG_X[name]

    def f(xp: Any, x: Any, factor: float, thing: str) -> Any:
        return factor * xp.sum(x**3), {"thing": thing, "array": 2.0 * x}

    options = {"args": (1.5, "thing"), "has_aux": True}
    value, received, aux = _call(operation, subject, f, subject.arrays(A), **options)
    subject.expect_close(value, np.asarray(1.5 * np.sum(A**3)), what="the value")
    subject.expect_close(received, expected, depth=1 if name == "gradient" else 2)
    subject.expect(aux["thing"] == "thing", f"aux['thing'] = {aux['thing']!r}", "'thing'")
    subject.expect_close(aux["array"], 2.0 * A, what="aux['array']")


def _in_half_the_digits(name: str, subject: Subject) -> None:
    operation, expected, _ = ALONG_X[name]
    x = subject.arrays(A.astype(np.float32))
    value, received = _call(operation, subject, lambda xp, x: 1.5 * xp.sum(x**3), x)
    subject.expect_close(value, np.asarray(1.5 * np.sum(A**3), np.float32), what="the value")
    subject.expect_close(received, expected.astype(np.float32))


def _independent(name: str, subject: Subject) -> None:
    operation, expected, _ = ALONG_X[name]
    _, received = _call(operation, subject, lambda xp, x: xp.asarray(np.asarray(2.0)), subject.arrays(A))
    subject.expect_equal(received, np.zeros(expected.shape))


def _no_elements(name: str, subject: Subject) -> None:
    operation, expected, _ = ALONG_X[name]
    value, received = _call(operation, subject, lambda xp, x: 1.5 + xp.sum(x**3), subject.arrays(np.zeros((0, 2))))
    subject.expect_close(value, np.asarray(1.5), what="the value")
    subject.expect_equal(received, np.zeros((0, 2) * expected.ndim))


for _name, _case in ALONG_X.items():
    _needs = _case[2]
    SCENARIOS.add(f"arguments-and-aux/{_name}", "R7", _needs)(partial(_arguments, _name))
    SCENARIOS.add(f"independent/{_name}", "R6", _needs)(partial(_independent, _name))
    SCENARIOS.add(f"no-elements/{_name}", "R17", _needs)(partial(_no_elements, _name))
SCENARIOS.add("single-precision/gradient", "R4", [Capability.REVERSE, Capability.FLOAT32])(
    partial(_in_half_the_digits, "gradient")
)
