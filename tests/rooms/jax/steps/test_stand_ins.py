"""Functions of JAX's that are mended at one of their steps: betaln, spence, fresnel and more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import adhelpers
from adhelpers import UnsupportedOperationError
from conftest import MODES

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
    "jitted twice": lambda f: jax.jit(lambda x: 1.0 * jax.jit(f)(x)),
    "in a loop": lambda f: lambda x: lax.scan(lambda c, t: (c + f(t), None), 0.0, x[None])[0],
}


def psi(x: float) -> float:
    return float(mpmath.psi(1, mpmath.mpf(x)))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("mode", MODES)
def test_betaln_twice(way: str, mode: str) -> None:
    """(Abramowitz & Stegun 1964, 6.2.2.)"""
    f = WAYS[way](lambda x: jnp.sum(js.betaln(x[0], x[1])))
    a, b = x = np.array([[1.0, 0.7, 3.5, 0.7, 2.5], [1.0, 0.7, 3.5, 2.5, 0.7]])
    expected = np.zeros((2, 5, 2, 5))
    for i in range(5):
        both = psi(a[i] + b[i])
        expected[:, i, :, i] = [[psi(a[i]) - both, -both], [-both, psi(b[i]) - both]]
    np.testing.assert_allclose(adhelpers.hessian(f, BACKEND, x, mode=mode), expected, rtol=1e-7)


def test_a_likelihood_at_equal_parameters() -> None:
    sample = np.array([0.2, 0.5, 0.9])
    H = adhelpers.hessian(
        lambda p: jnp.sum(jax.scipy.stats.beta.logpdf(sample, p[0], p[1])), BACKEND, np.array([1.5, 1.5])
    )
    both = psi(3.0)
    np.testing.assert_allclose(H, 3.0 * np.array([[both - psi(1.5), both], [both, both - psi(1.5)]]), rtol=1e-8)


@pytest.mark.parametrize("name", ["beta", "betaln"])
def test_arguments_that_are_not_positive_are_refused(name: str) -> None:
    """In one sentence, however many ways were tried."""
    f = getattr(js, name)
    for call in (
        lambda: adhelpers.gradient(lambda x: jnp.sum(f(0.7, x)), BACKEND, np.array([1.4, -14.5])),
        lambda: adhelpers.jacobian(lambda x: f(0.7, x), BACKEND, np.array([1.4, -14.5])),
        lambda: adhelpers.hessian(lambda x: jnp.sum(f(0.7, x)), BACKEND, np.array([1.4, -14.5])),
    ):
        with pytest.raises(UnsupportedOperationError) as caught:
            call()
        assert str(caught.value).count("given an argument that is not positive") == 1
        assert str(caught.value).count("finite-difference") == 1


def test_least_and_largest_are_as_in_jax_elsewhere() -> None:
    """At equal arguments each has half of the slope; also where JAX has compiled them within betaln before."""
    jax.clear_caches()
    adhelpers.gradient(lambda x: js.betaln(x[0], x[1]), BACKEND, np.ones(2))
    for f in (jnp.minimum, jnp.maximum, lax.min, lax.max):
        slopes = adhelpers.gradient(lambda x, f=f: f(x[0], x[1]), BACKEND, np.ones(2))
        np.testing.assert_array_equal(slopes, [0.5, 0.5])


AROUND_ONE = [1e-3, 0.3, 0.9, 1.0, 1.1, 1.4, 1.9, 2.0, 2.6, 31.0]


def slope_of_spence(x: float, order: int) -> float:
    """By the integrand, or its power series where x is one."""
    if x == 1.0:
        return {1: -1.0, 2: 0.5}[order]
    with mpmath.workdps(60):
        return float(mpmath.diff(lambda t: mpmath.log(t) / (1 - t), mpmath.mpf(x), order - 1))


@pytest.mark.parametrize("way", ["as it is", "jitted", "jitted twice"])
def test_spence(way: str) -> None:
    f, x = WAYS[way](js.spence), np.array(AROUND_ONE)
    slopes, curvatures = (np.array([slope_of_spence(t, order) for t in AROUND_ONE]) for order in (1, 2))
    for product in (adhelpers.jacobian_vector_product, adhelpers.vector_jacobian_product):
        np.testing.assert_allclose(product(f, BACKEND, x, np.ones_like(x)), slopes, rtol=1e-11)
    for mode in MODES:
        H = adhelpers.hessian(lambda x: jnp.sum(f(x)), BACKEND, x, mode=mode)
        np.testing.assert_allclose(H, np.diag(curvatures), rtol=1e-9, atol=1e-12)


@pytest.mark.skipif(not hasattr(js, "fresnel"), reason="an older JAX")
@pytest.mark.parametrize("way", ["as it is", "jitted", "jitted twice"])
def test_fresnel(way: str) -> None:
    """Where the cosine is zero too."""
    points = (0.0, 0.3, 1.0, -1.0, 3.0)
    for place, exact in enumerate([mpmath.fresnels, mpmath.fresnelc]):
        f = WAYS[way](lambda x, place=place: js.fresnel(x)[place])
        expected = [[float(mpmath.diff(exact, mpmath.mpf(x), order)) for x in points] for order in (1, 2, 3)]
        slopes = adhelpers.gradient(lambda x, f=f: jnp.sum(f(x)), BACKEND, np.array(points))
        np.testing.assert_allclose(slopes, expected[0], rtol=1e-9, atol=1e-12)
        for x, curvature, third in zip(points, *expected[1:], strict=True):
            for mode in MODES:
                H = adhelpers.hessian(f, BACKEND, x, mode=mode)
                np.testing.assert_allclose(H, curvature, rtol=1e-9, atol=1e-12)
            bend = adhelpers.second_derivative(jax.grad(f), BACKEND, x)
            np.testing.assert_allclose(bend, third, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("way", WAYS)
def test_ldexp_of_zero(way: str) -> None:
    f = WAYS[way](lambda x: jnp.ldexp(x, -2))
    for x in (0.0, 1.3):
        for operation in (adhelpers.derivative, adhelpers.gradient):
            assert float(operation(f, BACKEND, x)) == 0.25
    assert float(adhelpers.derivative(lambda x: jnp.frexp(x)[0], BACKEND, 1.0)) == 0.5


@pytest.mark.parametrize("way", ["as it is", "jitted", "jitted twice"])
@pytest.mark.parametrize("name", ["xlogy", "xlog1py"])
def test_a_product_with_zero_is_constant(name: str, way: str) -> None:
    y, f = np.array([-14.5, -0.7, 0.3, 2.6]), WAYS[way](lambda y: getattr(js, name)(0.0, y))
    for product in (adhelpers.jacobian_vector_product, adhelpers.vector_jacobian_product):
        np.testing.assert_array_equal(product(f, BACKEND, y, np.ones(4)), np.zeros(4))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("name", "shift"), [("xlogy", 0.0), ("xlog1py", 1.0)])
def test_second_derivatives_of_products(name: str, shift: float, mode: str) -> None:
    for x, y in ((0.7, 0.3), (0.0, 2.6), (-1.5, 7.0)):
        z = y + shift
        H = adhelpers.hessian(lambda v: getattr(js, name)(v[0], v[1]), BACKEND, np.array([x, y]), mode=mode)
        np.testing.assert_allclose(H, [[0.0, 1 / z], [1 / z, -x / z**2]], rtol=1e-12, atol=1e-15)


def test_products_of_complex_numbers() -> None:
    """On the left of the plane there are logarithms too."""
    x, y = np.array([0.5 + 1.0j, 2.0]), np.array([-1.0 - 2.0j, -0.5 + 0.1j])
    pushed = adhelpers.jacobian_vector_product(lambda v: js.xlogy(*v), BACKEND, (x, y), (1j * x, x))
    np.testing.assert_allclose(pushed, 1j * x * np.log(y) + x * x / y, rtol=1e-12)


def test_a_logarithm_of_the_users_stands() -> None:
    @jax.custom_jvp
    def xlogy(x: Any, y: Any) -> Any:
        return x * y

    xlogy.defjvp(lambda x, t: (xlogy(*x), t[0] * lax.log(x[1])))
    slopes = [
        adhelpers.jacobian_vector_product(f, BACKEND, np.array(-2.0), np.array(1.0))
        for f in (lambda y: xlogy(y, y), lax.log, jax.jit(lax.log1p))
    ]
    np.testing.assert_array_equal(slopes, [np.nan, -0.5, -1.0])


@pytest.mark.parametrize("shape", [(3, 3), (2, 3)])
@pytest.mark.parametrize("name", ["spence", "betaln", "xlogy"])
def test_mapped_over_any_axis(name: str, shape: tuple[int, ...]) -> None:
    """Squares too, whose shape does not show that axes have been moved."""
    x = 0.1 + np.arange(9.0)[: shape[0] * shape[1]].reshape(shape)
    f = js.spence if name == "spence" else lambda x: getattr(js, name)(x, x[::-1])
    expected = np.stack([np.asarray(adhelpers.jacobian_vector_product(f, BACKEND, c, np.ones_like(c))) for c in x.T])
    for mapped in (jax.vmap(f, in_axes=1), jax.jit(jax.vmap(f, in_axes=1)), jax.vmap(jax.jit(f), in_axes=1)):
        pushed = adhelpers.jacobian_vector_product(mapped, BACKEND, x, np.ones_like(x))
        np.testing.assert_allclose(pushed, expected, rtol=1e-12)


LEGS = np.array([[3.0, 1.0, 0.0, -2.0, 5.0], [3.0, -1.0, 2.0, 2.0, 1.0]])


@pytest.mark.parametrize("way", ["as it is", "jitted", "jitted twice"])
def test_hypot_of_equal_legs(way: str) -> None:
    """Whose Hessian is that of a norm."""
    f = WAYS[way](lambda x: jnp.sum(jnp.hypot(x[0], x[1])))
    a, b = LEGS
    c = np.sqrt(a**2 + b**2)
    y, G = adhelpers.value_and_gradient(f, BACKEND, LEGS)
    np.testing.assert_allclose(y, c.sum())
    np.testing.assert_allclose(G, LEGS / c, atol=1e-15)
    expected = np.zeros((2, 5, 2, 5))
    for i in range(5):
        expected[:, i, :, i] = np.array([[b[i] ** 2, -a[i] * b[i]], [-a[i] * b[i], a[i] ** 2]]) / c[i] ** 3
    for mode in MODES:
        np.testing.assert_allclose(adhelpers.hessian(f, BACKEND, LEGS, mode=mode), expected, rtol=1e-12, atol=1e-15)


def test_hypot_mapped_and_beside_a_constant() -> None:
    a, b = LEGS
    pushed = adhelpers.jacobian_vector_product(lambda x: jax.vmap(jnp.hypot)(*x), BACKEND, (a, b), (a, 0.0 * a))
    np.testing.assert_allclose(pushed, a**2 / np.hypot(a, b))
    second = [adhelpers.second_derivative(lambda x: jnp.hypot(x, 1.0), BACKEND, x) for x in (1.0, 0.0, -1.0, 2.0)]
    np.testing.assert_allclose(second, [2**-1.5, 1.0, 2**-1.5, 5**-1.5])


def test_hypot_of_what_is_not_a_length() -> None:
    """At zero the choice of JAX stands; infinity, and what is not a number, are as in NumPy."""
    np.testing.assert_array_equal(adhelpers.gradient(lambda x: jnp.hypot(x[0], x[1]), BACKEND, np.zeros(2)), [0.5, 0.5])
    a, b = np.array([[np.nan, 0.0, 1.0, np.inf, -np.inf, np.nan], [0.0, np.nan, np.nan, np.nan, 1.0, np.nan]])
    y, _ = adhelpers.value_and_jacobian_vector_product(lambda a: jnp.hypot(a, b), BACKEND, a, np.ones(6))
    np.testing.assert_array_equal(y, np.hypot(a, b))


def test_none_is_here_that_jax_has_mended() -> None:
    with BACKEND.scope():
        if jax.__version_info__ < (0, 12):
            H = jax.hessian(lambda x: js.betaln(x[0], x[1]))(jnp.ones(2))
            assert abs(H[0, 0] - 1.0) > 1e-3, "betaln may leave the steps that are mended"
        assert jnp.isnan(jax.grad(js.betaln)(0.7, -14.5)), "betaln need not be refused"
        assert jax.grad(lambda x: jnp.ldexp(x, 3))(0.0) == 1.0, "ldexp may leave the steps that are mended"
        if hasattr(js, "fresnel"):
            assert jax.grad(jax.grad(lambda x: js.fresnel(x)[1]))(1.0) == 0.0, (
                "fresnel may leave the steps that are mended"
            )
        assert jax.grad(js.spence)(1.0) != -1.0, "spence may leave the steps that are mended"
        for f in (js.xlogy, js.xlog1py):
            pushed = jax.jvp(lambda y, f=f: f(0.0, y), (-14.5,), (1.0,))[1]
            assert jnp.isnan(pushed), f"{f.__name__} may leave the steps that are mended"
        H = jax.hessian(lambda x: jnp.hypot(x[0], x[1]))(jnp.ones(2))
        assert abs(H[0, 0] - 8**-0.5) > 1e-3, "hypot may leave the steps that are mended"
