"""What rules return is held to the value: its shape, and whether it is real or complex."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import adhelpers
from adhelpers import jacobian_vector_product, vector_jacobian_product

pytest.importorskip("autograd")
import autograd.numpy as anp
from autograd.extend import defjvp, primitive
from autograd_functions import complexes, numbers

from adhelpers_plugins.autograd.backend import AutogradBackend


def test_derivatives_of_the_wrong_shape_count_as_missing():
    """autograd's where forgets what it broadcast."""
    strict = AutogradBackend(fallback=False)
    mask, u = np.array([True, False, True]), np.ones(3)

    def scalar(x: Any) -> Any:
        return anp.where(mask, anp.sin(x), 0.0)

    def row(x: Any) -> Any:
        return anp.where(mask, x, np.ones((2, 3)))

    with pytest.raises(adhelpers.UnsupportedOperationError, match="VJP of where .* wrong"):
        vector_jacobian_product(scalar, strict, np.float64(0.0), u)
    with pytest.raises(adhelpers.UnsupportedOperationError, match="JVP of where .* wrong"):
        jacobian_vector_product(row, strict, u, u)
    assert vector_jacobian_product(scalar, "autograd", np.float64(0.0), u) == 2.0


# f and its differential: dy = a dz + b conj(dz), with a and b functions of z. The VJP is then a u + conj(b u).
HOLOMORPHIC_OR_NOT: dict[str, tuple[Callable[..., Any], ...]] = {
    "z**2": (lambda z: z**2, lambda z: 2 * z, lambda z: 0 * z),
    "exp": (anp.exp, np.exp, lambda z: 0 * z),
    "conj": (anp.conj, lambda z: 0 * z, lambda z: 0 * z + 1),
    "z**2 conj(z)": (lambda z: z**2 * anp.conj(z), lambda z: 2 * abs(z) ** 2, lambda z: z**2),
    "z real(z)": (lambda z: z * anp.real(z), lambda z: np.real(z) + z / 2, lambda z: z / 2),
    "z |z|": (lambda z: z * abs(z), lambda z: 1.5 * abs(z), lambda z: z**2 / abs(z) / 2),
}


@pytest.mark.parametrize("name", HOLOMORPHIC_OR_NOT)
def test_complex_functions(name):
    f, a, b = HOLOMORPHIC_OR_NOT[name]
    z, t, u = complexes(4), complexes(4, seed=1), complexes(4, seed=2)
    pushed = jacobian_vector_product(f, "autograd", z, t)
    pulled = vector_jacobian_product(f, "autograd", z, u)
    assert pushed.dtype == pulled.dtype == np.complex128
    np.testing.assert_allclose(pushed, a(z) * t + b(z) * np.conj(t))
    np.testing.assert_allclose(pulled, a(z) * u + np.conj(b(z) * u))


def test_the_convention_at_one_point():
    z, u = np.complex128(1 + 2j), np.complex128(1 + 1j)
    assert vector_jacobian_product(lambda z: z**2, "autograd", z, u) == -2 + 6j


# f and its differential: dy = Re(c dz), with c a function of z. The VJP of a real u is then c u.
COMPLEX_TO_REAL = {
    "real": (anp.real, lambda z: 0 * z + 1),
    "imag": (anp.imag, lambda z: 0 * z - 1j),
    "abs": (abs, lambda z: np.conj(z) / abs(z)),
    "|z|**2": (lambda z: anp.real(z * anp.conj(z)), lambda z: 2 * np.conj(z)),
    "real(z**3)": (lambda z: anp.real(z**3), lambda z: 3 * z**2),
}


@pytest.mark.parametrize("name", COMPLEX_TO_REAL)
def test_complex_to_real(name):
    f, c = COMPLEX_TO_REAL[name]
    z, t, u = complexes(4), complexes(4, seed=1), numbers(4, seed=2)
    pushed = jacobian_vector_product(f, "autograd", z, t)
    pulled = vector_jacobian_product(f, "autograd", z, u)
    assert (pushed.dtype, pulled.dtype) == (np.float64, np.complex128)
    np.testing.assert_allclose(pushed, np.real(c(z) * t))
    np.testing.assert_allclose(pulled, c(z) * u)


# f and its derivative: dy = d dx. The VJP is then Re(d u).
REAL_TO_COMPLEX = {
    "exp(1j x)": (lambda x: anp.exp(1j * x), lambda x: 1j * np.exp(1j * x)),
    "x + 1j x**2": (lambda x: x + 1j * x**2, lambda x: 1 + 2j * x),
    "joined": (lambda x: anp.concatenate([x[:2], 1j * x[2:]]), lambda x: np.array([1, 1, 1j, 1j])),
}


@pytest.mark.parametrize("name", REAL_TO_COMPLEX)
def test_real_to_complex(name):
    f, d = REAL_TO_COMPLEX[name]
    x, t, u = numbers(4), numbers(4, seed=1), complexes(4, seed=2)
    pushed = jacobian_vector_product(f, "autograd", x, t)
    pulled = vector_jacobian_product(f, "autograd", x, u)
    assert (pushed.dtype, pulled.dtype) == (np.complex128, np.float64)
    np.testing.assert_allclose(pushed, d(x) * t)
    np.testing.assert_allclose(pulled, np.real(d(x) * u))


@primitive
def length(z: Any) -> Any:
    return np.linalg.norm(z)


defjvp(length, lambda g, ans, z: anp.sum(anp.conj(z) * g) / ans)


def test_a_real_intermediate_has_real_derivatives():
    """Rules such as autograd's for concatenate and norm leave imaginary parts where the value is real."""
    z, t, u = complexes(3), complexes(3, seed=1), complexes(6, seed=2)

    def joined(z: Any) -> Any:
        return anp.concatenate([anp.real(z), 1j * z])

    np.testing.assert_allclose(vector_jacobian_product(joined, "autograd", z, u), np.real(u[:3]) + 1j * u[3:])

    def scaled(z: Any) -> Any:
        return length(z) * z

    norm = np.linalg.norm(z)
    slope = np.real(np.sum(np.conj(z) * t)) / norm
    np.testing.assert_allclose(jacobian_vector_product(scaled, "autograd", z, t), slope * z + norm * t)
