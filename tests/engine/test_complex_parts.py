"""Real and imaginary parts that are joined: an infinite one leaves the other as it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from toys import NumpyBackend

import adhelpers
from adhelpers import ADBackend, jacobian, jacobian_vector_product, linearize, vector_jacobian_product
from adhelpers.extend import Leaves, Pullback
from adhelpers.rules.coordinates import from_real_parts
from conftest import lifted, make

REAL, IMAGINARY = np.array([1.0, -2.0, 0.5]), np.array([np.inf, -np.inf, 3.0])


def numbers(real: Any, imaginary: Any) -> np.ndarray:
    """Complex numbers part by part."""
    return np.array([complex(a, b) for a, b in zip(real, imaginary, strict=True)])


@pytest.mark.parametrize("backend", ["jax", "torch", "autograd", "finite-difference"], indirect=True)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_backend_joins_them(backend: ADBackend, dtype: Any) -> None:
    with backend.scope():
        joined = backend.to_complex(*lifted(backend, (REAL.astype(dtype), IMAGINARY.astype(dtype))))
        expected = numbers(REAL, IMAGINARY).astype(np.result_type(dtype, np.complex64))
        np.testing.assert_array_equal(backend.to_numpy(joined), expected, strict=True)


@pytest.mark.parametrize("name", ["jax", "torch"])
def test_differences_ask_the_owner(name: str) -> None:
    owner = make(name)
    with owner.scope():
        joined = adhelpers.backend("finite-difference").to_complex(*lifted(owner, (REAL, IMAGINARY)))
        assert owner.is_array(joined)
        np.testing.assert_array_equal(owner.to_numpy(joined), numbers(REAL, IMAGINARY))


@pytest.mark.parametrize("name", ["jax", "torch"])
@pytest.mark.parametrize("half", ["bfloat16", "float16"])
def test_half_precision_is_joined_too(name: str, half: str) -> None:
    backend = make(name)
    real, imaginary = lifted(backend, (REAL.astype(np.float32), IMAGINARY.astype(np.float32)))
    xp = backend.array_namespace(real)
    joined = backend.to_complex(*(xp.astype(part, getattr(xp, half)) for part in (real, imaginary)))
    np.testing.assert_array_equal(backend.to_numpy(joined), numbers(REAL, IMAGINARY).astype(np.complex64), strict=True)


def test_the_joined_number_has_a_derivative(framework: ADBackend) -> None:
    """Infinite tangents too leave the other part as it is."""

    def f(parts: Any) -> Any:
        return framework.to_complex(*parts)

    parts = lifted(framework, (REAL, REAL))
    pushed = jacobian_vector_product(f, framework, parts, lifted(framework, (REAL, IMAGINARY)))
    np.testing.assert_array_equal(framework.to_numpy(pushed), numbers(REAL, IMAGINARY))
    cotangent = lifted(framework, numbers(REAL, IMAGINARY))
    pulled = vector_jacobian_product(f, framework, parts, cotangent)  # Re(c (a + bi)) = Re(c) a - Im(c) b
    np.testing.assert_array_equal(framework.to_numpy(pulled[0]), REAL)
    np.testing.assert_array_equal(framework.to_numpy(pulled[1]), -IMAGINARY)


def test_parts_of_a_vector_of_real_numbers(backend: ADBackend) -> None:
    with backend.scope():
        (joined,) = from_real_parts(backend, lifted(backend, [REAL, IMAGINARY]), lifted(backend, (REAL + 0j,)))
        np.testing.assert_array_equal(backend.to_numpy(joined), numbers(REAL, IMAGINARY))


# -- in products: functions whose derivative by or of the imaginary part is infinite ------------------------------


def times_infinity(part: Any) -> Any:
    """A slope whose product with zero is zero."""
    return np.where(part == 0.0, 0.0, np.inf * np.where(part == 0.0, 1.0, part))


class SteepForward(NumpyBackend):
    """Re(z) + g(Im(z)), with an infinite slope of g."""

    name = "steep-forward"

    def jvp(self, f: Any, x: Leaves, u: Leaves) -> tuple[Leaves, Leaves, Leaves]:
        outputs, aux = f(*x)
        return outputs, (u[0].real + times_infinity(u[0].imag),), aux


class SteepReverse(NumpyBackend):
    """x + i g(x), with an infinite slope of g."""

    name = "steep-reverse"

    def vjp(self, f: Any, x: Leaves) -> tuple[Leaves, Pullback, Leaves]:
        outputs, aux = f(*x)
        return outputs, lambda c: (c[0].real - times_infinity(c[0].imag),), aux


def test_a_vjp_derived_from_jvps() -> None:
    pulled = vector_jacobian_product(lambda z: z.real, SteepForward(), np.array([1.0 + 2.0j]), np.array([2.0]))
    np.testing.assert_array_equal(pulled, numbers([2.0], [-np.inf]))


def test_a_jacobian_by_reverse_mode() -> None:
    x = np.array([1.0])
    expected = numbers([1.0], [np.inf])
    np.testing.assert_array_equal(jacobian(lambda x: x + 0j, SteepReverse(), x, mode="reverse")[0], expected)
    batched = adhelpers.batched_jacobian(lambda x: x + 0j, SteepReverse(), x[None], mode="reverse", check=False)
    np.testing.assert_array_equal(batched[0, 0], expected)


def test_the_adjoint_of_a_linear_operator() -> None:
    adjoint = linearize(lambda x: x + 0j, SteepReverse(), np.array([1.0])).operator().H
    np.testing.assert_array_equal(adjoint @ np.array([1.0 + 0.0j]), numbers([1.0], [-np.inf]))
