"""JAX's transformations of the namespace's functions."""

from __future__ import annotations

import numpy as np
import pytest
from namespace_closed_forms import JACOBIANS, STATIC, X

import adhelpers


@pytest.mark.parametrize("name", STATIC)
def test_transformations_of_jax(name: str) -> None:
    jax = pytest.importorskip("jax")
    f, jacobian = JACOBIANS[name]
    from adhelpers_plugins.jax import namespace as xp

    with adhelpers.backend("jax", x64=True).scope():
        parts = [(jax.numpy.real, jacobian.real), (jax.numpy.imag, jacobian.imag)]
        for part, expected in parts if np.iscomplexobj(jacobian) else parts[:1]:
            received = jax.jit(jax.vmap(jax.jacrev(lambda x, part=part: part(f(xp, x)))))(X[None])[0]
            np.testing.assert_allclose(received, expected, rtol=1e-12, atol=1e-14)


def test_unique_values_of_a_given_number_under_jit() -> None:
    jax = pytest.importorskip("jax")
    from adhelpers_plugins.jax import namespace as xp

    x = np.array([2.0, 1.0, 2.0], dtype=np.float32)
    fixed = jax.jit(jax.jacrev(lambda x: xp.unique_values(x, size=3, fill_value=7.0)))
    np.testing.assert_array_equal(fixed(x), [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    with pytest.raises(jax.errors.ConcretizationTypeError):
        jax.jit(jax.jacrev(xp.unique_values))(x)
