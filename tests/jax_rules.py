"""Functions with rules, for the tests of JAX."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import adhelpers

pytest.importorskip("jax")
import jax.numpy as jnp
from jax import lax

BACKEND = adhelpers.backend("jax", x64=True)
X = np.array([0.3, -0.7, 1.1])
C = np.array([2.0, 3.0, 5.0])


def bell(name: str, forward: float = 1.0, reverse: float = 1.0) -> Any:
    """``exp(x**2 / 2)``, whose derivative is ``x * y``; what it computes has no derivative by itself."""

    @adhelpers.custom_rule
    def f(x: Any) -> Any:
        return lax.stop_gradient(jnp.exp(x**2 / 2))

    if "j" in name:
        f.defjvp(lambda x, y, u: forward * x * y * u)
    if "v" in name:
        f.defvjp(lambda x, y, v: reverse * x * y * v)
    return f


BELLS = {name: bell(name) for name in ("jvp", "vjp", "j and v")}
SLOPES = [
    lambda x: np.exp(x**2 / 2),
    lambda x: x * np.exp(x**2 / 2),
    lambda x: (1 + x**2) * np.exp(x**2 / 2),
    lambda x: (3 * x + x**3) * np.exp(x**2 / 2),
]
each = pytest.mark.parametrize("f", BELLS.values(), ids=BELLS.keys())


def close(actual: Any, expected: Any) -> None:
    np.testing.assert_allclose(np.asarray(actual), expected, rtol=1e-12, atol=1e-12)


@adhelpers.custom_rule
def scaled_sine(x: Any, c: Any) -> Any:
    return c * jnp.sin(x)


scaled_sine.defjvp(lambda x, y, u, c: c * jnp.cos(x) * u)
