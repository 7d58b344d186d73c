"""Calls of f, structures, sizes, complex numbers, and purity."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from finite_differences import POINT, TANGENT, accuracy

import adhelpers
from adhelpers import jacobian_vector_product, vector_jacobian_product


def counted(f: Callable[..., Any]) -> tuple[Callable[..., Any], list[int]]:
    calls: list[int] = []
    return lambda *x: calls.append(0) or f(*x), calls


def test_a_jvp_calls_f_once_more_than_the_order(central, order):
    f, calls = counted(np.sin)
    adhelpers.value_and_jacobian_vector_product(f, central, POINT, TANGENT)
    assert len(calls) == order + 1


def test_a_sweep_evaluates_f_at_the_point_once(central, order):
    f, calls = counted(lambda x: ((np.sin(x),), ()))
    _, (pushed,), _ = central.jvp_sweep(f, (POINT,), (np.eye(3),))
    assert len(calls) == 1 + 3 * order
    np.testing.assert_allclose(pushed, np.diag(np.cos(POINT)), atol=accuracy(float, order))


# -- structures, sizes, complex numbers -----------------------------------------------------------------


class Pair(NamedTuple):
    first: Any
    second: Any


def test_structures(central, order):
    x = {"a": [np.array([0.5, 1.5]), None], "b": Pair(np.array(2.0), OrderedDict(c=np.array([[0.1]])))}
    u = {"b": Pair(np.array(-1.0), OrderedDict(c=np.array([[2.0]]))), "a": [np.array([1.0, 3.0]), None]}

    def f(x: Any) -> Any:
        return Pair(x["a"][0] * x["b"].first, {"y": np.sin(x["b"].second["c"])})

    pushed = jacobian_vector_product(f, central, x, u)
    tolerance = 10 * accuracy(float, order)
    assert type(pushed) is Pair
    np.testing.assert_allclose(pushed.first, [1.0 * 2.0 - 0.5, 3.0 * 2.0 - 1.5], atol=tolerance)
    np.testing.assert_allclose(pushed.second["y"], [[2.0 * np.cos(0.1)]], atol=tolerance)

    pulled = vector_jacobian_product(f, central, x, Pair(np.array([1.0, -2.0]), {"y": np.array([[3.0]])}))
    assert list(pulled) == ["a", "b"]
    assert pulled["a"][1] is None
    np.testing.assert_allclose(pulled["a"][0], [2.0, -4.0], atol=tolerance)
    np.testing.assert_allclose(pulled["b"].first, 0.5 - 3.0, atol=tolerance)
    np.testing.assert_allclose(pulled["b"].second["c"], [[3.0 * np.cos(0.1)]], atol=tolerance)


def test_leaves_of_different_precision(central):
    x = {"single": np.array([0.5], dtype=np.float32), "double": np.array([1.5])}
    pushed = jacobian_vector_product(lambda x: {key: np.sin(leaf) for key, leaf in x.items()}, central, x, x)
    for key, leaf in x.items():
        assert pushed[key].dtype == leaf.dtype
        np.testing.assert_allclose(pushed[key], leaf * np.cos(leaf), rtol=1e-4)


@pytest.mark.parametrize(("into", "out_of"), [(np.float32, np.float64), (np.float64, np.float32)])
def test_the_step_suits_the_coarser_of_argument_and_result(central, order, into, out_of):
    x, u = POINT.astype(into), TANGENT.astype(into)
    pushed = jacobian_vector_product(lambda x: np.sin(x).astype(out_of), central, x, u)
    assert pushed.dtype == out_of
    np.testing.assert_allclose(pushed, np.cos(POINT) * TANGENT, atol=accuracy(np.float32, order))


def test_the_backend_knows_its_accuracy(central, order):
    balanced = 1e-15 ** (order / (order + 1))
    assert central.relative_error(1e-15) == pytest.approx({2: 1.0, 4: 10.0}[order] * balanced, abs=0.0)
    assert central.relative_step(1e-15) == pytest.approx(1e-15 ** (1 / (order + 1)))


def test_f_always_gets_arrays(central):
    def f(x: Any) -> Any:
        assert type(x) is np.ndarray
        return x**2

    jacobian_vector_product(f, central, np.float64(2.0), np.float64(1.0))
    vector_jacobian_product(f, central, 2.0, 1.0)


@pytest.mark.parametrize("shape", [(0,), (0, 3), (2, 0)])
def test_arrays_without_elements(central, shape):
    x, y = np.zeros(shape), np.ones(2)
    assert jacobian_vector_product(lambda x: 2.0 * x, central, x, x).shape == shape
    assert vector_jacobian_product(lambda x: 2.0 * x, central, x, x).shape == shape
    pushed = jacobian_vector_product(lambda x: np.sum(x[0]) + x[1] ** 2, central, (x, y), (x, y))
    np.testing.assert_allclose(pushed, 2 * y**2, rtol=1e-9)
    assert jacobian_vector_product(np.sum, central, x, x) == 0.0


def test_scalars_come_back_as_arrays(central):
    pushed = jacobian_vector_product(lambda x: x**2, central, 3.0, 1.0)
    assert (type(pushed), pushed.shape) == (np.ndarray, ())
    np.testing.assert_allclose(pushed, 6.0, rtol=1e-9)


# f and its differential: dy = a dz + b conj(dz), with a and b functions of z. The VJP is then a u + conj(b u).
COMPLEX: dict[str, tuple[Callable[..., Any], ...]] = {
    "z**2": (lambda z: z**2, lambda z: 2 * z, lambda z: 0 * z),
    "conj": (np.conj, lambda z: 0 * z, lambda z: 0 * z + 1),
    "z**2 conj(z)": (lambda z: z**2 * np.conj(z), lambda z: 2 * np.abs(z) ** 2, lambda z: z**2),
    "exp(|z|**2 / 4) z": (
        lambda z: np.exp(np.abs(z) ** 2 / 4) * z,
        lambda z: np.exp(np.abs(z) ** 2 / 4) * (1 + np.abs(z) ** 2 / 4),
        lambda z: np.exp(np.abs(z) ** 2 / 4) * z**2 / 4,
    ),
}


@pytest.mark.parametrize("name", COMPLEX)
@pytest.mark.parametrize("complex_dtype", [np.complex128, np.complex64])
def test_complex_functions(central, order, name, complex_dtype):
    f, a, b = COMPLEX[name]
    z, t, u = (np.array(v, dtype=complex_dtype) for v in ([0.3 + 0.4j, -1 + 0.5j], [1 - 2j, 0.5j], [0.7j, 1 + 1j]))
    pushed, pulled = jacobian_vector_product(f, central, z, t), vector_jacobian_product(f, central, z, u)
    assert pushed.dtype == pulled.dtype == complex_dtype
    tolerance = 100 * accuracy(complex_dtype, order)
    np.testing.assert_allclose(pushed, a(z) * t + b(z) * np.conj(t), rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(pulled, a(z) * u + np.conj(b(z) * u), rtol=tolerance, atol=tolerance)


def test_between_real_and_complex(central, order):
    x, t, c = POINT, TANGENT, np.array([1 + 2j, -1j, 0.5 + 0j])
    tolerance = 10 * accuracy(float, order)
    pushed = jacobian_vector_product(lambda x: np.exp(1j * x), central, x, t)
    np.testing.assert_allclose(pushed, 1j * np.exp(1j * x) * t, atol=tolerance)
    pulled = vector_jacobian_product(lambda x: np.exp(1j * x), central, x, c)
    assert pulled.dtype == np.float64
    np.testing.assert_allclose(pulled, np.real(1j * np.exp(1j * x) * c), atol=tolerance)
    assert jacobian_vector_product(np.abs, central, c, c).dtype == np.float64
    np.testing.assert_allclose(
        vector_jacobian_product(np.abs, central, c, t), t * np.conj(c) / np.abs(c), atol=tolerance
    )


# -- purity ---------------------------------------------------------------------------------------------


def in_place(x: np.ndarray) -> np.ndarray:
    x *= x
    return x


KEPT = np.arange(3.0)

# f between flat tuples, as a backend gets it, and its derivative in direction t.
ALIASES = {
    "works in place": (lambda x: (in_place(x),), lambda x, t: (2 * x * t,)),
    "returns its argument": (lambda x: (x,), lambda x, t: (t,)),
    "returns its argument and a view": (lambda x: (x, x[::-1]), lambda x, t: (t, t[::-1])),
    "returns what it keeps": (lambda x: (KEPT, KEPT[1:]), lambda x, t: (0 * t, 0 * t[1:])),
}


@pytest.mark.parametrize("name", ALIASES)
def test_purity(central, order, name):
    f, push = ALIASES[name]
    x, u = POINT.copy(), TANGENT.copy()
    outputs, pushed, aux = central.jvp(lambda x: (f(x), (x, x, KEPT)), (x,), (u,))
    for actual, expected in zip(pushed, push(x, u), strict=True):
        np.testing.assert_allclose(actual, expected, atol=10 * accuracy(float, order))
    results = (*outputs, *pushed, *aux)
    for a, b in itertools.combinations((x, u, KEPT, *results), 2):
        assert not np.shares_memory(a, b)
    for result in results:
        result[...] = np.nan
    np.testing.assert_array_equal(x, POINT)
    np.testing.assert_array_equal(u, TANGENT)
    np.testing.assert_array_equal(KEPT, np.arange(3.0))


def test_a_vjp_leaves_its_arguments_alone(central, order):
    x, u = POINT.copy(), TANGENT.copy()
    pulled = vector_jacobian_product(in_place, central, x, u)
    np.testing.assert_allclose(pulled, 2 * POINT * TANGENT, atol=10 * accuracy(float, order))
    np.testing.assert_array_equal(x, POINT)
    np.testing.assert_array_equal(u, TANGENT)


# -- memory that f writes anew ---------------------------------------------------------------------------


class Buffers:
    """Functions that return the same memory at each call; all are ``[x0**2, x0 * x1]``."""

    def __init__(self) -> None:
        self.one, self.many, self.calls = np.zeros(2), np.zeros((2, 3)), 0

    def whole(self, x: Any) -> Any:
        self.one[0], self.one[1] = x[0] ** 2, x[0] * x[1]
        return self.one

    def view(self, x: Any) -> Any:
        self.many[:, 1] = x[0] ** 2, x[0] * x[1]
        return self.many[:, 1]

    def reversed(self, x: Any) -> Any:
        self.one[1], self.one[0] = x[0] ** 2, x[0] * x[1]
        return self.one[::-1]

    def structure(self, x: Any) -> Any:
        return {"a": self.whole(x), "b": [self.view(x)]}

    def argument(self, x: Any) -> Any:
        x[1] *= x[0]
        x[0] *= x[0]
        return x

    def written_later(self, x: Any) -> Any:
        """Of two buffers in turn; the one that was returned before is spoilt."""
        self.calls += 1
        self.many[(self.calls + 1) % 2] = np.nan
        self.many[self.calls % 2, :2] = x[0] ** 2, x[0] * x[1]
        return self.many[self.calls % 2, :2]


AT, J = np.array([1.0, 2.0]), np.array([[2.0, 0.0], [2.0, 1.0]])


@pytest.mark.parametrize("name", ["whole", "view", "reversed", "argument", "written_later"])
def test_one_buffer_again_and_again(central, order, name):
    atol = accuracy(float, order)
    u = np.array([1.0, -3.0])

    def f() -> Any:
        return getattr(Buffers(), name)

    np.testing.assert_allclose(jacobian_vector_product(f(), central, AT, u), J @ u, atol=4 * atol)
    np.testing.assert_allclose(vector_jacobian_product(f(), central, AT, u), u @ J, atol=4 * atol)
    value, received = adhelpers.value_and_jacobian(f(), central, AT)
    np.testing.assert_allclose(received, J, atol=4 * atol)
    np.testing.assert_array_equal(value, [1.0, 2.0])


def test_a_structure_of_buffers(central, order):
    received = adhelpers.jacobian(Buffers().structure, central, AT)
    for part in (received["a"], received["b"][0]):
        np.testing.assert_allclose(part, J, atol=4 * accuracy(float, order))


def test_a_buffer_in_higher_and_batched_operations(central, order):
    number, batch = np.zeros(()), np.zeros((3, 4))

    def cubes(x: Any) -> Any:
        number[...] = np.sum(x**3)
        return number

    def squares(x: Any) -> Any:
        batch[...] = x**2
        return batch

    np.testing.assert_allclose(adhelpers.hessian(cubes, central, AT), np.diag(6 * AT), atol=1e-3)
    x = np.arange(12.0).reshape(3, 4)
    for _ in range(3):  # by a sweep, by copies if these are proved
        received = adhelpers.batched_jacobian(squares, central, x)
        np.testing.assert_allclose(received, np.einsum("ij,ib->ijb", np.eye(3), 2 * x), atol=1e-8)


@pytest.mark.parametrize("operation", [adhelpers.gradient, adhelpers.hessian, adhelpers.jacobian, adhelpers.laplacian])
def test_aux_is_that_of_the_point(central, operation):
    """All of it: arrays, buffers, numbers and truth values; what f was called for afterwards is near it only."""
    kept = np.zeros(2)

    def f(x: Any) -> Any:
        kept[:] = x
        return np.sum(x**2), {
            "buffer": kept,
            "number": float(np.sum(x)),
            "mask": x > 1.5,
            "word": "w",
            "n": np.array([1]),
        }

    _, aux = operation(f, central, AT, has_aux=True)
    np.testing.assert_array_equal(aux["buffer"], AT)
    np.testing.assert_array_equal(aux["mask"], [False, True])
    assert aux["mask"].dtype == bool
    assert (aux["number"], aux["word"], aux["n"].dtype.kind) == (3.0, "w", "i")
