"""The special functions of JAX's namespace: right by themselves, without a derivative of this library's."""

from __future__ import annotations

import numpy as np
import pytest

from adhelpers import UnsupportedOperationError, backend, jacobian, special_namespace

pytest.importorskip("jax")
pytest.importorskip("mpmath")
import jax
import jax.numpy as jnp
import mpmath

BACKEND = backend("jax", x64=True)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_special_functions_keep_their_precision(dtype: str) -> None:
    x = jnp.asarray([1.5, 2.7], dtype)
    sp = special_namespace(x)
    for f in (sp.i0, sp.i1, sp.gammaln, sp.digamma, lambda x: sp.polygamma(1, x)):
        y, v = jax.jvp(f, (x,), (jnp.ones_like(x),))
        assert (y.dtype, v.dtype) == (x.dtype, x.dtype)


def test_special_functions_are_right_without_this_library() -> None:
    with BACKEND.scope():
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
