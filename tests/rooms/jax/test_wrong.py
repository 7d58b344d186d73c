"""Raw functions of JAX whose own rules are wrong: first and second derivatives, by mpmath."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import adhelpers
from conftest import MODES

pytest.importorskip("jax")
pytest.importorskip("mpmath")
import jax
import jax.numpy as jnp
import jax.scipy.special as js
import mpmath
from jax import lax

from adhelpers_plugins.jax import wrong

BACKEND = adhelpers.backend("jax", x64=True)
mpmath.mp.dps = 30


def psi(n: int, x: float) -> float:
    return float(mpmath.psi(n, mpmath.mpf(x)))


def bessel(n: int, x: float, order: int) -> float:
    """Abramowitz and Stegun, 9.6.29."""
    terms = (
        mpmath.binomial(order, k) * mpmath.re(mpmath.besseli(abs(n - order + 2 * k), mpmath.mpf(x)))
        for k in range(order + 1)
    )
    return float(sum(terms) / 2**order)


NEGATIVE = [-0.3, -2.5, -9.99, -14.5, -33.3, -200.25, -9999.75]
AROUND_ZERO = [0.0, -0.0, 1e-12, -1e-7, 0.3, -2.7, 9.99, 10.01, -30.2]

# f, where it is taken, and its derivative of an order.
FUNCTIONS: dict[str, tuple[Callable[[Any], Any], list[float], Callable[[float, int], float]]] = {
    "gammaln": (js.gammaln, [*NEGATIVE, 0.4, 3.7, 80.0], lambda x, k: psi(k - 1, x)),
    "digamma": (js.digamma, [*NEGATIVE, 0.4, 3.7, 80.0], lambda x, k: psi(k, x)),
    "polygamma of 1": (lambda x: js.polygamma(1, x), [*NEGATIVE, 0.4, 3.7], lambda x, k: psi(1 + k, x)),
    "polygamma of 4": (lambda x: js.polygamma(4, x), [-0.3, -2.5, -9.75, 0.4, 3.7], lambda x, k: psi(4 + k, x)),
    "lax.lgamma": (lax.lgamma, NEGATIVE, lambda x, k: psi(k - 1, x)),
    "i0": (js.i0, AROUND_ZERO, lambda x, k: bessel(0, x, k)),
    "i1": (js.i1, AROUND_ZERO, lambda x, k: bessel(1, x, k)),
    "numpy.i0": (jnp.i0, AROUND_ZERO, lambda x, k: bessel(0, x, k)),
}
WAYS = {"as it is": lambda f: f, "jitted": jax.jit, "mapped": lambda f: lambda x: jax.vmap(f)(x[None])[0]}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_derivatives_are_right(name: str, way: str) -> None:
    f, points, reference = FUNCTIONS[name]
    f = WAYS[way](f)
    for order, operation in ((1, adhelpers.derivative), (2, adhelpers.second_derivative)):
        received = [float(operation(f, BACKEND, x)) for x in points]
        expected = [reference(x, order) for x in points]
        np.testing.assert_allclose(received, expected, rtol=1e-9, atol=1e-12, err_msg=f"{name}, order {order}")


@pytest.mark.parametrize("mode", MODES)
def test_whatever_the_composition(mode: str) -> None:
    x = np.array([-14.5, -33.3, 2.0])
    H = adhelpers.hessian(lambda x: jnp.sum(js.digamma(x)), BACKEND, x, mode=mode)
    np.testing.assert_allclose(H, np.diag([psi(2, v) for v in x]), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("x", [-14.5, -2.25])
def test_values_of_polygamma_at_negative_numbers(x: float) -> None:
    y, _ = adhelpers.value_and_derivative(lambda x: js.polygamma(1, x), BACKEND, x)
    assert float(y) == pytest.approx(psi(1, x), rel=1e-12)


def test_scaled_bessel_functions() -> None:
    """Away from zero by mpmath; at zero i0e has a kink, where the choice of JAX stands, and i1e none."""
    for x in (0.3, -2.7, 12.0):
        slope = float(mpmath.diff(lambda t: mpmath.exp(-abs(t)) * mpmath.besseli(1, t), x, 2))
        assert float(adhelpers.second_derivative(js.i1e, BACKEND, x)) == pytest.approx(slope, rel=1e-9)
    assert float(adhelpers.derivative(js.i0e, BACKEND, 0.0)) == 0.0
    assert float(adhelpers.derivative(js.i1e, BACKEND, 0.0)) == 0.5


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("inner", [jax.grad, jax.jacfwd])
def test_the_derivative_of_a_derivative_that_jax_has_taken(inner: Callable[..., Any], way: str) -> None:
    f = WAYS[way](inner(jnp.i0))
    for x in (0.0, 1e-7, 0.3, -2.7):
        y, slope = adhelpers.value_and_derivative(f, BACKEND, x)
        assert float(y) == pytest.approx(bessel(0, x, 1), rel=1e-9)
        assert float(slope) == pytest.approx(bessel(0, x, 2), rel=1e-9)
        assert float(adhelpers.second_derivative(f, BACKEND, x)) == pytest.approx(bessel(0, x, 3), rel=1e-7, abs=1e-7)


def test_the_kink_of_a_scaled_function_is_jaxs_own_beside_others() -> None:
    """What else f takes the absolute value of changes nothing, in whatever order."""
    x = np.array([0.0, -1.0])
    for magnitude in (jnp.abs, lax.abs):
        for f in (
            lambda x, magnitude=magnitude: magnitude(x[1]) + js.i0e(x[0]),
            lambda x, magnitude=magnitude: js.i0e(x[0]) + magnitude(x[1]),
            lambda x, magnitude=magnitude: js.i0e(x[0]) + js.i0(x[1]) * magnitude(x[0]) * 0.0 + magnitude(x[1]),
        ):
            for way in WAYS.values():
                slopes = np.asarray(adhelpers.gradient(way(f), BACKEND, x))
                assert slopes[0] == 0.0


POWERS: dict[str, Callable[[Any, float], Any]] = {
    "operator": lambda x, p: x**p,
    "jax.numpy.power": jnp.power,
    "float_power": jnp.float_power,
    "lax.pow": lambda x, p: lax.pow(x, jnp.full(x.shape, p)),
    "array": lambda x, p: x ** jnp.full(x.shape, p),
    "array of whole numbers": lambda x, p: x ** jnp.full(x.shape, int(p)),
    "base of complex numbers": lambda x, p: jnp.real((x + 0j) ** jnp.asarray(p)),
}


def power_by_x(x: float, p: float, order: int) -> float:
    factor = float(np.prod([p - i for i in range(order)]))
    return factor * x ** (p - order) if factor else 0.0


@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.parametrize("name", POWERS)
def test_powers_of_zero(name: str, mode: str) -> None:
    def derivative(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
        if mode == "reverse":
            return lambda x: adhelpers.gradient(lambda x: jnp.sum(f(x)), BACKEND, x)
        return lambda x: adhelpers.jacobian_vector_product(f, BACKEND, x, np.ones(x.shape))

    for p in (0.0, 1.0, 2.0, 3.0):
        for way in (lambda f: f, jax.jit, jax.vmap):
            f = way(lambda x, p=p: POWERS[name](x, p))
            for order in range(1, 5):
                f = derivative(f)
                expected = [power_by_x(x, p, order) for x in (0.0, -0.7, 1.3)]
                received = f(np.array([0.0, -0.7, 1.3]))
                np.testing.assert_allclose(received, expected, rtol=1e-12, atol=1e-14, err_msg=f"{p}, {order}")


def test_powers_by_both() -> None:
    """By mpmath; where x is zero, the limits, or infinity, or the choice of JAX."""

    def f(v: Any) -> Any:
        return v[0] ** v[1]

    def third(v: Any) -> Any:
        return adhelpers.jacobian(lambda v: adhelpers.hessian(f, BACKEND, v), BACKEND, v)

    for point in ((1.3, 2.0), (0.2, 0.0), (2.6, -1.5), (0.7, 1.0 + 1e-9)):
        T = np.asarray(third(np.array(point)))
        for i, j, k in np.ndindex(2, 2, 2):
            by_y = i + j + k
            expected = mpmath.diff(lambda x, y: x**y, tuple(map(mpmath.mpf, point)), (3 - by_y, by_y))
            assert T[i, j, k] == pytest.approx(float(expected), rel=1e-12, abs=1e-13)
    np.testing.assert_array_equal(adhelpers.gradient(f, BACKEND, np.zeros(2)), [0.0, 0.0])
    H = [np.asarray(adhelpers.hessian(f, BACKEND, np.array([0.0, y]))) for y in (1.0, 2.0)]
    assert H[0][0, 1] == H[0][1, 0] == -np.inf  # log(0) + 1
    np.testing.assert_array_equal(H[1], [[2.0, 0.0], [0.0, 0.0]])


def test_powers_of_complex_numbers() -> None:
    x, y, u = np.array([0.3 - 1.2j, 0.0]), np.array([1.5 + 0.5j, 2.0]), np.array([1j, 2.0])
    pushed = adhelpers.jacobian_vector_product(lambda x: x ** jnp.asarray(y), BACKEND, x, u)
    np.testing.assert_allclose(pushed, [u[0] * y[0] * x[0] ** (y[0] - 1), 0.0])
    pushed = adhelpers.jacobian_vector_product(lambda y: x**y, BACKEND, y, u)
    np.testing.assert_allclose(pushed, [u[0] * x[0] ** y[0] * np.log(x[0]), 0.0])


def test_powers_that_are_infinite_stay_so() -> None:
    for order, f in enumerate([adhelpers.derivative, adhelpers.second_derivative], 1):
        assert float(f(lambda x: x**0.5, BACKEND, 0.0)) == (-1.0) ** (order - 1) * np.inf
    assert np.isnan(adhelpers.derivative(lambda x: x**0.5, BACKEND, -1.0))


def test_complex_numbers() -> None:
    z, u = np.array([-1.0 - 2.0j, 0.5 + 1.0j, -0.5 + 0.1j]), np.array([1.0 + 1.0j, 2.0, -1.0j])
    expected = u / (np.sqrt(z - 1) * np.sqrt(z + 1))
    np.testing.assert_allclose(adhelpers.jacobian_vector_product(jnp.acosh, BACKEND, z, u), expected)
    step = 1e-6 * u
    moved = ((z + step) / abs(z + step) - (z - step) / abs(z - step)) / 2e-6
    for f in (jnp.sign, jax.jit(jnp.sign)):
        np.testing.assert_allclose(adhelpers.jacobian_vector_product(f, BACKEND, z, u), moved, rtol=1e-6)


def test_no_rule_is_listed_that_jax_has_mended() -> None:
    """Where one of these is right, its primitive leaves the list for that version of JAX, and only then."""
    tiny = 1e-15
    with BACKEND.scope():
        z = jnp.asarray(-1.0 - 2.0j)
        wrong_in_jax = {
            lax.lgamma_p: jax.grad(jax.grad(lax.lgamma))(-14.5) - psi(1, -14.5),
            lax.digamma_p: jax.grad(lax.digamma)(-14.5) - psi(1, -14.5),
            lax.polygamma_p: jax.grad(lambda x: lax.polygamma(1.0, x))(-33.3) - psi(2, -33.3),
            # By their power series, with that of exp(-x).
            lax.bessel_i0e_p: jax.grad(jax.grad(jax.grad(lax.bessel_i0e)))(tiny) + 2.5,
            lax.bessel_i1e_p: jax.grad(jax.grad(lax.bessel_i1e))(tiny) + 1.0,
            lax.acosh_p: jax.jvp(jnp.acosh, (z,), (z,))[1] - z / (jnp.sqrt(z - 1) * jnp.sqrt(z + 1)),
            lax.pow_p: jnp.nan_to_num(jax.grad(jax.grad(lambda x: x**1.0))(0.0), nan=1.0),
            lax.sign_p: jax.jvp(jnp.sign, (z,), (1j * z,))[1] - 1j * z / abs(z),
        }
        errors = {primitive: abs(complex(error)) for primitive, error in wrong_in_jax.items()}
        custom = max(
            abs(float(jax.grad(jax.grad(jnp.i0))(0.0)) - 0.5),
            abs(float(jax.grad(jax.grad(js.i1))(1e-7)) / bessel(1, 1e-7, 2) - 1.0),
        )
    assert wrong.STAND_INS.keys() == {primitive for primitive, error in errors.items() if error > 1e-3}, errors
    assert custom > 1e-3
