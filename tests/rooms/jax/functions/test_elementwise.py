"""Primitives with derivatives of our own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from adhelpers import array_namespace, backend, hessian

pytest.importorskip("jax")
pytest.importorskip("mpmath")
import jax
import jax.numpy as jnp
from jax import lax

from adhelpers_plugins.jax.functions.elementwise import alike, elementwise

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


def test_hypot_in_a_loop_twice() -> None:
    """The Hessian of a norm, where JAX's own second derivative is wrong."""

    def f(x: Any) -> Any:
        xp = array_namespace(x)
        return lax.scan(lambda c, t: (c + xp.hypot(t[0], t[1]), None), 0.0, x[None])[0]

    x = np.array([1.0, 1.0])
    expected = (np.eye(2) - np.outer(x, x) / 2) / np.sqrt(2)
    np.testing.assert_allclose(hessian(jax.jit(f), BACKEND, x), expected, atol=1e-12)
