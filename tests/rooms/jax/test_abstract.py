"""Custom rules while JAX traces, and values that may be looked at there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from adhelpers import (
    UnsupportedOperationError,
    backend,
    jacobian_vector_product,
    vector_jacobian_product,
)

jax = pytest.importorskip("jax")
jnp = jax.numpy

X = np.array([1.0, 2.0, 3.0], dtype=np.float32)
U = np.array([0.5, -1.0, 2.0], dtype=np.float32)


@jax.custom_vjp
def cube(x: Any) -> Any:
    return x**3


cube.defvjp(lambda x: (x**3, x), lambda x, g: (3 * x**2 * g,))


@pytest.mark.parametrize("transform", [jax.jit, jax.checkpoint, lambda f: jax.jit(jax.jit(f)), lambda f: f])
def test_a_custom_vjp_has_a_jvp_while_tracing(transform: Any) -> None:
    push = transform(lambda x: jacobian_vector_product(cube, "jax", x, jnp.asarray(U)))
    x = jnp.asarray(X)
    np.testing.assert_allclose(push(x), 3 * X**2 * U, rtol=1e-6)
    np.testing.assert_allclose(vector_jacobian_product(push, "jax", x, jnp.ones(3)), 6 * X * U, rtol=1e-6)
    np.testing.assert_allclose(jax.grad(lambda x: push(x).sum())(x), 6 * X * U, rtol=1e-6)


def test_a_missing_rule_is_named_while_tracing() -> None:
    strict = backend("jax", fallback=False)
    with pytest.raises(UnsupportedOperationError, match="custom_vjp"):
        jax.jit(lambda x: jacobian_vector_product(cube, strict, x, x))(jnp.asarray(X))


def test_values_may_be_looked_at_where_they_are_known() -> None:
    def f(x: Any) -> Any:
        return x**2 if x.sum() > 0 else -x

    for call in (jacobian_vector_product, vector_jacobian_product):
        second = jax.grad(lambda x, call=call: call(f, "jax", x, jnp.asarray(U)).sum())(jnp.asarray(X))
        np.testing.assert_allclose(second, 2 * U)


def test_f_may_look_at_constants_under_vmap() -> None:
    threshold = jnp.asarray(2.0)

    def f(x: Any) -> Any:
        return x**2 if threshold > 1 else x

    rows = jnp.stack([jnp.asarray(X), jnp.asarray(U)])
    for call in (jacobian_vector_product, vector_jacobian_product):
        v = jax.vmap(lambda x, call=call: call(f, "jax", x, jnp.asarray(U)))(rows)
        np.testing.assert_allclose(v, 2 * rows * U)
