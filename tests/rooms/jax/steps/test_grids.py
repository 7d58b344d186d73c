"""Numbers at equal distances are refused if they would move."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import adhelpers
from adhelpers import UnsupportedOperationError

pytest.importorskip("jax")
import jax
import jax.numpy as jnp

BACKEND = adhelpers.backend("jax", x64=True)


def moving(x: Any) -> dict[str, Callable[[], Any]]:
    return {
        "step": lambda: jnp.arange(0.0, 1.0, x),
        "start": lambda: jnp.arange(x, 3.0),
        "start and step": lambda: jnp.arange(x, 3.0, x),
        "mgrid": lambda: jnp.mgrid[0.0:1.0:x],
        "mgrid of two": lambda: jnp.mgrid[0.0:1.0:0.5, x:1.0:0.5],
        "mgrid of a count": lambda: jnp.mgrid[0.0:x:3j],
        "ogrid": lambda: jnp.ogrid[x:1.0:3j],
        "r_": lambda: jnp.r_[x:1.0:0.5],
    }


@pytest.mark.parametrize("name", moving(0.25))
@pytest.mark.parametrize("product", [adhelpers.jacobian_vector_product, adhelpers.vector_jacobian_product])
def test_numbers_at_equal_distances_that_would_move_are_refused(name: str, product: Any) -> None:
    f = lambda x: jnp.sum(moving(x)[name]() ** 2)  # noqa: E731
    with pytest.raises(UnsupportedOperationError, match="treat the first number and the distance as constants"):
        product(f, BACKEND, np.float64(0.25), np.float64(1.0))


def test_numbers_at_equal_distances_that_do_not_move() -> None:
    """Only their count depends on where they end."""

    def f(x: Any) -> Any:
        grids = jnp.arange(x), jnp.arange(0.0, x), jnp.arange(0.0, x, 0.5), jnp.mgrid[0.0:x:0.5], jnp.arange(3)
        return x * sum(jnp.sum(grid) for grid in grids) + jnp.sum(jnp.mgrid[0:3, 0:2]) + jnp.sum(jnp.linspace(0, x, 3))

    np.testing.assert_allclose(adhelpers.derivative(f, BACKEND, 2.5), 3.0 + 3.0 + 5.0 + 5.0 + 3.0 + 1.5)
    namespace = lambda x: jnp.sum(adhelpers.array_namespace(x).arange(x, 3.0, x))  # noqa: E731
    np.testing.assert_allclose(adhelpers.derivative(namespace, BACKEND, 1.0), 1.0 + 2.0)


def test_none_is_here_that_jax_has_mended() -> None:
    with BACKEND.scope():
        for name in moving(0.25):
            lost = jax.jvp(lambda x, name=name: moving(x)[name](), (0.25,), (1.0,))[1]
            assert not lost.any(), f"{name}: it need not be refused"
