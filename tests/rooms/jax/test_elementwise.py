"""Primitives with derivatives of our own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from adhelpers import UnsupportedOperationError, array_namespace, backend, hessian, jacobian, special_namespace

pytest.importorskip("jax")
pytest.importorskip("mpmath")
import jax
import jax.numpy as jnp
import mpmath
from jax import lax

from adhelpers_plugins.jax.elementwise import alike, elementwise

BACKEND = backend("jax", x64=True)

product = elementwise(
    "test_product", lambda x, y, *, power: x * y**power, lambda x, y, power: y**power, None, static=("power",)
)
cube = elementwise(
    "test_cube", lambda x: x**3, lambda x: 30.0 * x**2
)  # ten times too steep, so that one sees whose it is


def test_slopes_are_those_that_were_given() -> None:
    x = jnp.asarray([2.0, 3.0])
    y, v = jax.jvp(lambda x: product(x, x, power=2), (x,), (x,))
    np.testing.assert_allclose(y, x**3)
    np.testing.assert_allclose(v, x * x**2)  # the second operand counts as a constant


@pytest.mark.parametrize("transform", [lambda f: f, jax.jit, lambda f: jax.vmap(f), lambda f: jax.jit(jax.vmap(f))])
def test_transformations(transform: Any) -> None:
    x = jnp.asarray([2.0, 3.0])
    np.testing.assert_allclose(transform(cube)(x), x**3)
    np.testing.assert_allclose(jax.grad(lambda x: jnp.sum(transform(cube)(x)))(x), 30.0 * x**2)
    np.testing.assert_allclose(jax.vmap(lambda t: product(t, x, power=1))(jnp.ones((3, 2))), jnp.stack([x] * 3))


def test_rules_survive_a_compiled_loop() -> None:
    """Those of ``jax.custom_jvp`` do not: JAX drops them where it takes the loop apart."""

    def f(x: Any) -> Any:
        return lax.scan(lambda c, t: (c + cube(t), cube(t)), 0.0, x)[0]

    H = jax.jacfwd(jax.jacrev(jax.jit(f)))(jnp.asarray([2.0, 3.0]))
    np.testing.assert_allclose(H, np.diag([120.0, 180.0]))


def test_operands_are_brought_to_one_dtype_and_shape() -> None:
    x, y = alike(2, jnp.ones((2, 1), jnp.float32))
    assert (x.shape, x.dtype, y.dtype) == ((2, 1), jnp.float32, jnp.float32)
    (z,) = alike(jnp.ones(2, jnp.float16))
    assert z.dtype == jnp.float16


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_special_functions_keep_their_precision(dtype: str) -> None:
    x = jnp.asarray([1.5, 2.7], dtype)
    sp = special_namespace(x)
    for f in (sp.i0, sp.i1, sp.gammaln, sp.digamma, lambda x: sp.polygamma(1, x)):
        y, v = jax.jvp(f, (x,), (jnp.ones_like(x),))
        assert (y.dtype, v.dtype) == (x.dtype, x.dtype)


def test_special_functions_are_right_without_this_library() -> None:
    with jax.enable_x64(True):
        sp = special_namespace(jnp.ones(1))
        assert float(jax.grad(jax.grad(sp.gammaln))(-14.5)) == pytest.approx(float(mpmath.psi(1, -14.5)), rel=1e-12)
        assert float(jax.grad(lambda x: sp.polygamma(2, x))(-9.99)) == pytest.approx(
            float(mpmath.psi(3, mpmath.mpf(-9.99))), rel=1e-9
        )
        for n, f in enumerate((sp.i0, sp.i1)):
            g = f
            for order in range(1, 5):
                g = jax.grad(g)
                for x in (0.0, 1e-9, -3.7, 11.0, 200.0):
                    around = [
                        mpmath.re(mpmath.besseli(abs(n - order + 2 * k), mpmath.mpf(x))) for k in range(order + 1)
                    ]
                    expected = float(sum(mpmath.binomial(order, k) * y for k, y in enumerate(around)) / 2**order)
                    assert float(g(x)) == pytest.approx(expected, rel=1e-9, abs=1e-14), (n, order, x)


def test_polygamma_has_no_derivative_by_its_order() -> None:
    with pytest.raises(UnsupportedOperationError, match="by its order|with respect to its order"):
        jacobian(lambda n: special_namespace(n).polygamma(n, jnp.asarray(2.0)), BACKEND, np.array(1.0))


def test_poles_of_polygamma() -> None:
    sp = special_namespace(jnp.ones(1))
    assert np.isposinf(sp.polygamma(1, jnp.asarray([0.0, -3.0]))).all()


def test_hypot_in_a_loop_twice() -> None:
    """The Hessian of a norm, where JAX's own second derivative is wrong."""

    def f(x: Any) -> Any:
        xp = array_namespace(x)
        return lax.scan(lambda c, t: (c + xp.hypot(t[0], t[1]), None), 0.0, x[None])[0]

    x = np.array([1.0, 1.0])
    expected = (np.eye(2) - np.outer(x, x) / 2) / np.sqrt(2)
    np.testing.assert_allclose(hessian(jax.jit(f), BACKEND, x), expected, atol=1e-12)
