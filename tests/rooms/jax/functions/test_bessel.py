"""Bessel functions of the first kind and spherical ones, in steps of JAX's functions: by mpmath."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import adhelpers
from adhelpers import UnsupportedOperationError

pytest.importorskip("jax")
pytest.importorskip("mpmath")
import jax
import jax.numpy as jnp
import jax.scipy.special as js
import mpmath
from jax import lax

BACKEND = adhelpers.backend("jax", x64=True)
WAYS: dict[str, Callable[[Any], Any]] = {
    "as it is": lambda f: f,
    "jitted": jax.jit,
    "mapped": jax.vmap,
    "in a loop": lambda f: lambda x: lax.map(f, x),
}


def pushed(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: adhelpers.jacobian_vector_product(f, BACKEND, x, np.ones(x.shape))


def pulled(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: adhelpers.gradient(lambda x: jnp.sum(f(x)), BACKEND, x)


in_both_modes = pytest.mark.parametrize("derivative", [pushed, pulled])


def check(f: Any, derivative: Any, exact: Callable[[Any], Any], *points: float) -> None:
    for order in (1, 2, 3):
        f = derivative(f)
        with mpmath.workdps(60):
            expected = [float(mpmath.diff(exact, mpmath.mpf(x), order)) for x in points]
        np.testing.assert_allclose(f(np.array(points)), expected, rtol=1e-9, atol=1e-13, err_msg=f"order {order}")


@in_both_modes
@pytest.mark.parametrize("way", WAYS)
def test_bessel_jn(way: str, derivative: Any) -> None:
    def f(x: Any) -> Any:
        found = js.bessel_jn(x, v=4)
        return found[0] + 2 * found[1] + 3 * found[4]

    def exact(t: Any) -> Any:
        return mpmath.besselj(0, t) + 2 * mpmath.besselj(1, t) + 3 * mpmath.besselj(4, t)

    check(WAYS[way](f), derivative, exact, 0.0, 1e-12, 0.05, -0.4, 9.0)


def test_bessel_jn_of_many_numbers() -> None:
    """Mapped, with both products, and in single precision."""
    x = np.array([[0.3, 1.0, 2.5], [0.05, 4.0, 7.0]])
    expected = np.array([[[float(mpmath.besselj(n, t, 1)) for t in row] for row in x] for n in range(3)])
    for f in (
        lambda x: js.bessel_jn(x, v=2),
        jax.vmap(lambda x: js.bessel_jn(x, v=2), in_axes=1, out_axes=2),
        jax.vmap(jax.jit(lambda x: js.bessel_jn(x, v=2)), out_axes=1),
    ):
        np.testing.assert_allclose(pushed(f)(x), expected, rtol=1e-12)
        np.testing.assert_allclose(pulled(f)(x), expected.sum(0), rtol=1e-12)
    single = np.asarray([0.4, 2.0], np.float32)
    y, _ = adhelpers.value_and_jacobian(lambda x: js.bessel_jn(x, v=1), "jax", single)
    exact = [[float(mpmath.besselj(n, float(t))) for t in single] for n in range(2)]
    np.testing.assert_allclose(y, exact, rtol=1e-6)


def test_bessel_jn_that_jax_has_differentiated_is_refused() -> None:
    for inner in (jax.grad, jax.jacfwd):
        for f in (inner(lambda x: js.bessel_jn(x, v=1)[1]), jax.jit(inner(lambda x: js.bessel_jn(x, v=1)[1]))):
            with pytest.raises(UnsupportedOperationError, match="take that by adhelpers too"):
                adhelpers.derivative(f, BACKEND, 0.4)


CLOSE_TO_ZERO = (0.0, 1e-12, -1e-8, 1e-5)


@in_both_modes
@pytest.mark.parametrize("way", WAYS)
def test_sinc(way: str, derivative: Any) -> None:
    check(WAYS[way](jnp.sinc), derivative, mpmath.sincpi, *CLOSE_TO_ZERO, 0.3, 0.95, 0.96, -1.0, 31.0)


@pytest.mark.skipif(not hasattr(js, "sici"), reason="an older JAX")
@in_both_modes
def test_the_integral_of_sinc(derivative: Any) -> None:
    check(lambda x: js.sici(x)[0], derivative, mpmath.si, *CLOSE_TO_ZERO, 0.3, 2.7, -7.5)


def test_sinc_of_complex_numbers_and_one_that_jax_has_differentiated() -> None:
    z, u = np.array([0.2 + 1j, 3.0 - 2.0j]), np.array([1.0 + 1j, 1.0])
    expected = [complex(mpmath.diff(mpmath.sincpi, complex(t))) for t in z]
    np.testing.assert_allclose(adhelpers.jacobian_vector_product(jnp.sinc, BACKEND, z, u), u * expected, rtol=1e-12)
    for f in (jax.grad(jnp.sinc), jax.jit(jax.grad(jnp.sinc)), jax.jacfwd(jnp.sinc)):
        slope = adhelpers.derivative(f, BACKEND, 0.3)
        np.testing.assert_allclose(slope, float(mpmath.diff(mpmath.sincpi, 0.3, 2)), rtol=1e-12)


def test_a_function_of_the_users_of_that_name_stands() -> None:
    @jax.jit
    def sinc(x: Any) -> Any:
        return jnp.sin(x) / jnp.exp(x)

    np.testing.assert_allclose(adhelpers.derivative(sinc, BACKEND, 0.0), 1.0)


def test_none_is_here_that_jax_has_mended() -> None:
    with BACKEND.scope():
        third = jax.grad(jax.grad(jax.grad(lambda x: js.bessel_jn(x, v=1)[1])))(0.4)
        assert not abs(third) < 1.0, "bessel_jn may leave the steps that are mended"
        assert abs(jax.grad(jax.grad(jnp.sinc))(1e-8) + np.pi**2 / 3) > 1e-3, "sinc may leave them"
